//! `/api/server/v1/applications/{id}/inbound-protocols/saml`: the settings of a SAML service provider, in WSO2's
//! format.

use axum::body::Bytes;
use axum::extract::Path;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sojourn_engine::EngineError;
use sojourn_model::{Application, LogoutBinding, Protocol, SamlSettings, SignedPart};

use super::applications::{VIEW, id_of};
use super::caller::caller;
use super::refusal::Answer;
use crate::context::Context;
use crate::respond;

/// The settings that can be changed, as metadata or one by one. Omitted settings keep their values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inbound {
    metadata_file: Option<String>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    manual_configuration: Option<Manual>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manual {
    #[serde(rename = "issuer")]
    _issuer: Option<String>,
    assertion_consumer_urls: Option<Vec<String>>,
    default_assertion_consumer_url: Option<String>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    request_validation: Option<RequestValidation>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    single_sign_on_profile: Option<SignOnProfile>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    single_logout_profile: Option<LogoutProfile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestValidation {
    enable_signature_validation: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignOnProfile {
    enable_idp_initiated_single_sign_on: Option<bool>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    assertion: Option<AssertionProfile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AssertionProfile {
    name_id_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogoutProfile {
    logout_request_url: Option<String>,
    logout_response_url: Option<String>,
    logout_method: Option<String>,
}

fn shown(app: &Application, settings: &SamlSettings) -> Value {
    let consumers: Vec<&str> =
        settings.assertion_consumers.iter().map(|one| one.url.as_str()).collect();
    let service = settings
        .logout_by(LogoutBinding::Redirect)
        .or_else(|| settings.logout_by(LogoutBinding::Post));
    let (url, method) = match (&app.backchannel_logout_uri, service) {
        (Some(soap), _) => (Some(soap.as_str()), "BACKCHANNEL"),
        (None, Some(one)) if one.binding == LogoutBinding::Post => {
            (Some(one.url.as_str()), "FRONTCHANNEL_HTTP_POST")
        }
        (None, one) => (one.map(|one| one.url.as_str()), "FRONTCHANNEL_HTTP_REDIRECT"),
    };
    json!({
        "issuer": app.client_id,
        "assertionConsumerUrls": consumers,
        "defaultAssertionConsumerUrl": settings.default_consumer().map(|one| &one.url),
        "requestValidation": { "enableSignatureValidation": settings.signed_requests },
        "responseSigning": {
            "enabled": settings.signed_part != SignedPart::Assertion,
            "signingAlgorithm": settings.signing_alg.as_str(),
        },
        "singleSignOnProfile": {
            "enableIdpInitiatedSingleSignOn": settings.idp_initiated,
            "assertion": { "nameIdFormat": settings.name_id_format.uri() },
        },
        "singleLogoutProfile": {
            "enabled": url.is_some(),
            "logoutRequestUrl": url,
            "logoutResponseUrl": service.and_then(|one| one.response_url.as_deref()),
            "logoutMethod": method,
        },
    })
}

fn invalid(why: &str) -> EngineError {
    EngineError::Invalid(why.to_owned())
}

/// Converts the settings to the format of our own documents.
fn as_document(inbound: Inbound) -> Result<Map<String, Value>, EngineError> {
    let mut saml = Map::new();
    if let Some(file) = inbound.metadata_file {
        let bytes = STANDARD
            .decode(file.trim())
            .map_err(|_| invalid("metadataFile is not valid base64"))?;
        let xml =
            String::from_utf8(bytes).map_err(|_| invalid("metadataFile is not valid UTF-8"))?;
        saml.insert("metadata".into(), xml.into());
    }
    if let Some(manual) = inbound.manual_configuration {
        let default = manual.default_assertion_consumer_url;
        if let Some(urls) = manual.assertion_consumer_urls {
            let all: Vec<Value> = urls
                .iter()
                .enumerate()
                .map(|(index, url)| {
                    json!({ "url": url, "index": index, "is_default": Some(url) == default.as_ref() })
                })
                .collect();
            saml.insert("assertion_consumers".into(), all.into());
        }
        let signed = manual.request_validation.and_then(|one| one.enable_signature_validation);
        saml.extend(signed.map(|signed| ("signed_requests".to_owned(), signed.into())));
        if let Some(profile) = manual.single_sign_on_profile {
            let begins = profile.enable_idp_initiated_single_sign_on;
            saml.extend(begins.map(|begins| ("idp_initiated".to_owned(), begins.into())));
            if let Some(format) = profile.assertion.and_then(|one| one.name_id_format) {
                let known = sojourn_model::NameIdFormat::parse(&format);
                let known = known.ok_or_else(|| invalid("nameIdFormat is unknown"))?;
                saml.insert("name_id_format".into(), known.as_str().into());
            }
        }
        if let Some(profile) = manual.single_logout_profile {
            let url =
                profile.logout_request_url.ok_or_else(|| invalid("logoutRequestUrl is missing"))?;
            let binding = match profile.logout_method.as_deref() {
                None | Some("BACKCHANNEL") => None,
                Some("FRONTCHANNEL_HTTP_REDIRECT") => Some("redirect"),
                Some("FRONTCHANNEL_HTTP_POST") => Some("post"),
                Some(_) => {
                    return Err(invalid(
                        "logoutMethod must be one of BACKCHANNEL, FRONTCHANNEL_HTTP_REDIRECT, FRONTCHANNEL_HTTP_POST",
                    ));
                }
            };
            match binding {
                None => saml.insert("soap_logout_url".into(), url.into()),
                Some(binding) => {
                    saml.insert("soap_logout_url".into(), Value::Null);
                    let response = profile.logout_response_url;
                    let one = json!({ "binding": binding, "url": url, "response_url": response });
                    saml.insert("logout_services".into(), vec![one].into())
                }
            };
        }
    }
    Ok([("saml".to_owned(), Value::from(saml))].into_iter().collect())
}

/// `GET`: returns the SAML settings of an application; fails if it isn't a service provider.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    caller(&context, VIEW).await?;
    let app = context.engine().application_to_manage(context.tenant(), id_of(&id)?).await?;
    match app.protocol() {
        Protocol::Saml(settings) => Ok(respond::json(StatusCode::OK, &shown(&app, settings))),
        _ => Err(EngineError::NotFound("service provider").into()),
    }
}

/// `PUT`: changes the settings; omitted ones keep their values.
pub(crate) async fn put(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    super::inbound_oidc::replace(&context, &id, &body, as_document).await
}
