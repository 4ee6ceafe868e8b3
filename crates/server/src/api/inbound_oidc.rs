//! `/api/server/v1/applications/{id}/inbound-protocols/oidc`: the session and token settings of an application, in
//! WSO2's format.

use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sojourn_engine::EngineError;
use sojourn_model::Application;

use super::applications::{UPDATE, VIEW, id_of};
use super::caller::caller;
use super::refusal::Answer;
use crate::context::Context;
use crate::respond;

/// The settings that can be changed. Omitted settings keep their values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inbound {
    #[serde(rename = "clientId")]
    _client_id: Option<String>,
    #[serde(rename = "publicClient")]
    _public_client: Option<bool>,
    grant_types: Option<Vec<String>>,
    #[serde(rename = "callbackURLs")]
    callback_urls: Option<Vec<String>>,
    allowed_origins: Option<Vec<String>>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    access_token: Option<AccessToken>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    refresh_token: Option<RefreshToken>,
    #[serde(default, deserialize_with = "crate::api::object::optional")]
    logout: Option<Logout>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccessToken {
    #[serde(rename = "type")]
    kind: Option<String>,
    binding_type: Option<String>,
    #[serde(rename = "revokeTokensWhenIDPSessionTerminated")]
    revoke: Option<bool>,
    validate_token_binding: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RefreshToken {
    renew_refresh_token: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Logout {
    back_channel_logout_url: Option<String>,
    front_channel_logout_url: Option<String>,
}

fn shown(app: &Application) -> Value {
    let settings = &app.settings;
    let grants: Vec<&str> = settings.oidc.grant_types.iter().map(|one| one.as_str()).collect();
    // WSO2 writes this value with a capital letter.
    let binding = match settings.oidc.token_binding.as_str() {
        "none" => "None",
        other => other,
    };
    let kind = match settings.oidc.access_token_format {
        sojourn_model::AccessTokenFormat::Opaque => "Default",
        sojourn_model::AccessTokenFormat::Jwt => "JWT",
    };
    let mut logout = Map::new();
    for (name, value) in [
        ("backChannelLogoutUrl", &app.backchannel_logout_uri),
        ("frontChannelLogoutUrl", &settings.oidc.frontchannel_logout_uri),
    ] {
        if let Some(value) = value {
            logout.insert(name.into(), value.clone().into());
        }
    }
    json!({
        "clientId": app.client_id,
        "state": if app.enabled { "ACTIVE" } else { "REVOKED" },
        "grantTypes": grants,
        "callbackURLs": settings.oidc.redirect_uris,
        "allowedOrigins": settings.oidc.allowed_origins,
        "publicClient": app.is_public(),
        "accessToken": {
            "type": kind,
            "bindingType": binding,
            "revokeTokensWhenIDPSessionTerminated": settings.oidc.revoke_tokens_when_session_ends,
            "validateTokenBinding": settings.oidc.validate_token_binding,
        },
        "refreshToken": { "renewRefreshToken": settings.oidc.refresh_rotation },
        "logout": logout,
    })
}

/// Converts the settings to registered metadata.
fn as_document(inbound: Inbound) -> Result<Map<String, Value>, EngineError> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    put("grant_types", inbound.grant_types.map(Value::from));
    put("redirect_uris", inbound.callback_urls.map(Value::from));
    put("allowed_origins", inbound.allowed_origins.map(Value::from));
    if let Some(token) = inbound.access_token {
        let kind = match token.kind.as_deref() {
            None => None,
            Some("Default") => Some("opaque"),
            Some("JWT") => Some("jwt"),
            Some(other) => {
                let why = format!("accessToken.type '{other}' is not one of Default, JWT");
                return Err(EngineError::Invalid(why));
            }
        };
        put("access_token_format", kind.map(Value::from));
        let binding = match token.binding_type.as_deref() {
            None => None,
            Some("None" | "none") => Some("none"),
            Some("cookie") => Some("cookie"),
            Some("sso-session") => Some("sso-session"),
            Some(other) => {
                let why = format!("bindingType '{other}' is not one of None, cookie, sso-session");
                return Err(EngineError::Invalid(why));
            }
        };
        put("token_binding", binding.map(Value::from));
        put("revoke_tokens_when_session_ends", token.revoke.map(Value::from));
        put("validate_token_binding", token.validate_token_binding.map(Value::from));
    }
    let renew = inbound.refresh_token.and_then(|token| token.renew_refresh_token);
    put("refresh_rotation", renew.map(Value::from));
    if let Some(logout) = inbound.logout {
        // An empty string removes the URL.
        let uri = |text: String| if text.is_empty() { Value::Null } else { text.into() };
        put("backchannel_logout_uri", logout.back_channel_logout_url.map(uri));
        put("frontchannel_logout_uri", logout.front_channel_logout_url.map(uri));
    }
    Ok(out)
}

/// `GET`: returns the session and token settings of an application.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    caller(&context, VIEW).await?;
    let app = context.engine().application_to_manage(context.tenant(), id_of(&id)?).await?;
    Ok(respond::json(StatusCode::OK, &shown(&app)))
}

/// `PUT`: changes the settings; omitted ones keep their values.
pub(crate) async fn put(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    replace(&context, &id, &body, as_document).await
}

/// Changes an application according to a document in WSO2's format for one protocol, which `translate` converts to our
/// own.
pub(super) async fn replace<T: DeserializeOwned>(
    context: &Context,
    id: &str,
    body: &Bytes,
    translate: fn(T) -> Result<Map<String, Value>, EngineError>,
) -> Answer {
    let caller = caller(context, UPDATE).await?;
    let body = super::applications::document(context, body)?;
    let inbound: T = serde_json::from_value(body.into())
        .map_err(|error| EngineError::Invalid(error.to_string()))?;
    let document = translate(inbound)?;
    let (engine, id) = (context.engine(), id_of(id)?);
    engine.change_application(context.tenant(), id, (&document, true), &caller).await?;
    Ok(respond::empty(StatusCode::OK))
}
