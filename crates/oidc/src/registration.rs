//! Client metadata (OpenID Connect Dynamic Client Registration 1.0 §2, RFC 7591 §2): parses and checks it, and
//! returns what is in force.

use serde_json::{Map, Value, json};
use sojourn_crypto::ClientKeys;
use sojourn_crypto::client_keys::{VERIFIED_ALGS, VERIFIED_MACS};
use sojourn_model::limits::{REGISTERED_TEXT_BYTES_MAX, REGISTERED_URIS_MAX};
use sojourn_model::{
    AccessTokenBinding, Application, ApplicationSettings, ClientAuthMethod, GrantType, SigningAlg,
    SubjectType,
};
use url::Url;

use crate::discovery::SCOPES;
use crate::error::OAuthError;
use crate::redirect::{RedirectRules, is_loopback};
use crate::response::ResponseType;

/// Client metadata that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Name to show to users (`client_name`).
    pub name: Option<String>,
    /// Address to which logout tokens are posted.
    pub backchannel_logout_uri: Option<String>,
    /// Everything else that is registered.
    pub settings: ApplicationSettings,
}

fn wrong(why: impl Into<String>) -> OAuthError {
    OAuthError::new("invalid_client_metadata", why)
}

fn wrong_redirect(why: impl Into<String>) -> OAuthError {
    OAuthError::new("invalid_redirect_uri", why)
}

/// The members of a metadata document, with accessors that check their types.
struct Members<'d>(&'d Map<String, Value>);

impl Members<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, OAuthError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= REGISTERED_TEXT_BYTES_MAX => {
                Ok(Some(text.clone()).filter(|text| !text.is_empty()))
            }
            Some(_) => Err(wrong(format!("{name} is no text, or too long"))),
        }
    }

    fn texts(&self, name: &str) -> Result<Option<Vec<String>>, OAuthError> {
        let all = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(all)) if all.len() <= REGISTERED_URIS_MAX => all,
            Some(_) => return Err(wrong(format!("{name} is no list, or too long"))),
        };
        all.iter()
            .map(|one| match one {
                Value::String(text) if text.len() <= REGISTERED_TEXT_BYTES_MAX => Ok(text.clone()),
                _ => Err(wrong(format!("{name} holds something else than text"))),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, OAuthError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(wrong(format!("{name} is neither true nor false"))),
        }
    }

    fn number(&self, name: &str) -> Result<Option<i64>, OAuthError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) if number >= 0 => Ok(Some(number)),
                _ => Err(wrong(format!("{name} is no number of seconds"))),
            },
        }
    }

    /// Returns a member that is an `http` or `https` address.
    fn web(&self, name: &str) -> Result<Option<String>, OAuthError> {
        self.text(name)?.map(|uri| checked_web(name, uri, false)).transpose()
    }

    /// Returns a member that is an `https` address; `http` is allowed only for the local machine.
    fn secure(&self, name: &str) -> Result<Option<String>, OAuthError> {
        self.text(name)?.map(|uri| checked_web(name, uri, true)).transpose()
    }
}

fn checked_web(name: &str, uri: String, secure: bool) -> Result<String, OAuthError> {
    let url = Url::parse(&uri).map_err(|_| wrong(format!("{name} is no absolute URI")))?;
    let scheme = url.scheme();
    if !matches!(scheme, "https" | "http") || url.host_str().is_none() {
        return Err(wrong(format!("{name} is no web address")));
    }
    if secure && scheme != "https" && !is_loopback(&url) {
        return Err(wrong(format!("{name} has to be https")));
    }
    Ok(uri)
}

/// Parses and checks the metadata of a registration or of its update.
///
/// # Errors
/// `invalid_redirect_uri` if `redirect_uris` is missing or contains an invalid URI, `invalid_client_metadata`
/// for everything else; the description says what is wrong.
pub fn parse(document: &Map<String, Value>) -> Result<Metadata, OAuthError> {
    let members = Members(document);
    let mut settings = ApplicationSettings { first_party: false, ..ApplicationSettings::default() };
    flows(&members, &mut settings)?;
    redirects(&members, &mut settings)?;
    algorithms(&members, &mut settings)?;
    authentication(&members, &mut settings)?;
    presentation(&members, &mut settings)?;
    logout(&members, &mut settings)?;
    let backchannel = members.secure("backchannel_logout_uri")?;
    if backchannel.as_ref().is_some_and(|uri| uri.contains('#')) {
        return Err(wrong("backchannel_logout_uri has no fragment"));
    }
    Ok(Metadata {
        name: members.text("client_name")?,
        backchannel_logout_uri: backchannel,
        settings,
    })
}

fn flows(members: &Members<'_>, settings: &mut ApplicationSettings) -> Result<(), OAuthError> {
    // The default is the code flow (RFC 7591 §2), unless the grant types don't involve a browser.
    let in_browser = members.texts("grant_types")?.is_none_or(|asked| {
        asked.is_empty() || asked.iter().any(|one| one == "authorization_code" || one == "implicit")
    });
    let asked = members.texts("response_types")?;
    let asked =
        asked.unwrap_or_else(|| in_browser.then(|| "code".to_owned()).into_iter().collect());
    let mut types = Vec::new();
    for one in &asked {
        let kind = ResponseType::parse(one)
            .ok_or_else(|| wrong(format!("the response type '{one}' is not supported")))?;
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    let mut grants = Vec::new();
    match members.texts("grant_types")? {
        Some(asked) => {
            for one in &asked {
                let grant = GrantType::parse(one)
                    // Self-registered applications are not trusted to handle passwords.
                    .filter(|grant| *grant != GrantType::Password)
                    .ok_or_else(|| wrong(format!("the grant type '{one}' is not supported")))?;
                grants.push(grant);
            }
        }
        None => grants.push(GrantType::AuthorizationCode),
    }
    // RFC 7591 §2.1: a response type needs its grant type. A missing one is added, and the response includes
    // it.
    for kind in &types {
        let needed = [
            (kind.code, GrantType::AuthorizationCode),
            (kind.id_token || kind.token, GrantType::Implicit),
        ];
        for (_, grant) in needed.into_iter().filter(|(needed, _)| *needed) {
            if !grants.contains(&grant) {
                grants.push(grant);
            }
        }
    }
    settings.oidc.response_types = types.into_iter().map(ResponseType::name).collect();
    settings.oidc.grant_types = grants;
    if let Some(scope) = members.text("scope")? {
        let asked = crate::scope::parse(&scope).map_err(|_| wrong("scope is malformed"))?;
        let known: Vec<String> = SCOPES.iter().map(|one| (*one).to_owned()).collect();
        settings.oidc.scopes = crate::scope::allowed(&asked, &known);
    }
    settings.oidc.default_max_age = members.number("default_max_age")?;
    settings.oidc.require_auth_time = members.flag("require_auth_time")?.unwrap_or(false);
    settings.oidc.default_acr_values = members.texts("default_acr_values")?.unwrap_or_default();
    settings.oidc.token_binding = AccessTokenBinding::SsoSession;
    Ok(())
}

fn redirects(members: &Members<'_>, settings: &mut ApplicationSettings) -> Result<(), OAuthError> {
    settings.oidc.native = match members.text("application_type")?.as_deref() {
        None | Some("web") => false,
        Some("native") => true,
        Some(_) => return Err(wrong("application_type is web or native")),
    };
    let uris = members
        .texts("redirect_uris")
        .map_err(|error| wrong_redirect(error.description))?
        .unwrap_or_default();
    let redirects = settings.oidc.response_types.iter().any(|_| {
        settings.oidc.grant_types.contains(&GrantType::AuthorizationCode)
            || settings.oidc.grant_types.contains(&GrantType::Implicit)
    });
    if uris.is_empty() && redirects {
        return Err(wrong_redirect("redirect_uris is missing"));
    }
    let implicit = settings.oidc.grant_types.contains(&GrantType::Implicit);
    for uri in &uris {
        RedirectRules { native: settings.oidc.native, implicit }
            .check(uri)
            .map_err(wrong_redirect)?;
    }
    settings.oidc.redirect_uris = uris;
    settings.oidc.subject_type = match members.text("subject_type")?.as_deref() {
        None | Some("public") => SubjectType::Public,
        Some("pairwise") => SubjectType::Pairwise,
        Some(_) => return Err(wrong("subject_type is public or pairwise")),
    };
    settings.oidc.sector_identifier_uri = members.secure("sector_identifier_uri")?;
    if settings.oidc.subject_type == SubjectType::Pairwise
        && settings.oidc.sector_identifier_uri.is_none()
    {
        let mut hosts: Vec<String> = settings
            .oidc
            .redirect_uris
            .iter()
            .filter_map(|uri| Url::parse(uri).ok()?.host_str().map(str::to_owned))
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        if hosts.len() > 1 {
            return Err(wrong("redirect_uris of several hosts need a sector_identifier_uri"));
        }
    }
    Ok(())
}

fn signing(members: &Members<'_>, name: &str) -> Result<Option<SigningAlg>, OAuthError> {
    match members.text(name)? {
        None => Ok(None),
        Some(alg) => SigningAlg::parse(&alg)
            .map(Some)
            .ok_or_else(|| wrong(format!("{name} '{alg}' is not supported"))),
    }
}

fn algorithms(members: &Members<'_>, settings: &mut ApplicationSettings) -> Result<(), OAuthError> {
    const ID_TOKEN: &str = "id_token_signed_response_alg";
    if members.text(ID_TOKEN)?.as_deref() == Some("none") {
        let only_code = settings.oidc.response_types.iter().all(|kind| !kind.contains("id_token"));
        if !only_code {
            return Err(wrong("unsigned ID tokens come from the token endpoint alone"));
        }
        settings.oidc.id_token_unsigned = true;
    } else {
        settings.oidc.id_token_signed_response_alg =
            signing(members, ID_TOKEN)?.unwrap_or(SigningAlg::Rs256);
    }
    settings.oidc.userinfo_signed_response_alg = signing(members, "userinfo_signed_response_alg")?;
    for name in [
        "id_token_encrypted_response_alg",
        "id_token_encrypted_response_enc",
        "userinfo_encrypted_response_alg",
        "userinfo_encrypted_response_enc",
        "request_object_encryption_alg",
        "request_object_encryption_enc",
    ] {
        if members.text(name)?.is_some() {
            return Err(wrong(format!("{name}: encryption is not supported")));
        }
    }
    let verified = |alg: &String| {
        VERIFIED_ALGS.contains(&alg.as_str()) || VERIFIED_MACS.contains(&alg.as_str())
    };
    let request = members.text("request_object_signing_alg")?;
    if request.as_ref().is_some_and(|alg| alg != "none" && !verified(alg)) {
        return Err(wrong("request_object_signing_alg is not supported"));
    }
    settings.oidc.request_object_signing_alg = request;
    let assertion = members.text("token_endpoint_auth_signing_alg")?;
    if assertion.as_ref().is_some_and(|alg| !verified(alg)) {
        return Err(wrong("token_endpoint_auth_signing_alg is not supported"));
    }
    settings.oidc.token_endpoint_auth_signing_alg = assertion;
    Ok(())
}

fn authentication(
    members: &Members<'_>,
    settings: &mut ApplicationSettings,
) -> Result<(), OAuthError> {
    settings.oidc.token_endpoint_auth_method = match members.text("token_endpoint_auth_method")? {
        None => ClientAuthMethod::ClientSecretBasic,
        Some(method) => ClientAuthMethod::parse(&method).ok_or_else(|| {
            wrong(format!("token_endpoint_auth_method '{method}' is not supported"))
        })?,
    };
    settings.oidc.jwks_uri = members.secure("jwks_uri")?;
    settings.oidc.jwks = match members.0.get("jwks") {
        None | Some(Value::Null) => None,
        Some(set) => {
            ClientKeys::parse(set)
                .map_err(|_| wrong("jwks is no set of public keys (RFC 7517)"))?;
            Some(set.clone())
        }
    };
    if settings.oidc.jwks.is_some() && settings.oidc.jwks_uri.is_some() {
        return Err(wrong("send jwks or jwks_uri, not both"));
    }
    let has_keys = settings.oidc.jwks.is_some() || settings.oidc.jwks_uri.is_some();
    let method = settings.oidc.token_endpoint_auth_method;
    if method == ClientAuthMethod::PrivateKeyJwt && !has_keys {
        return Err(wrong("private_key_jwt needs jwks or jwks_uri"));
    }
    if settings.oidc.grant_types.contains(&GrantType::ClientCredentials)
        && method == ClientAuthMethod::None
    {
        return Err(wrong("client_credentials needs an authentication"));
    }
    if let Some(alg) = settings.oidc.token_endpoint_auth_signing_alg.as_deref() {
        let mac = VERIFIED_MACS.contains(&alg);
        let fits = match method {
            ClientAuthMethod::ClientSecretJwt => mac,
            ClientAuthMethod::PrivateKeyJwt => !mac,
            _ => true,
        };
        if !fits {
            return Err(wrong("token_endpoint_auth_signing_alg does not fit the method"));
        }
    }
    settings.oidc.request_uris = members.texts("request_uris")?.unwrap_or_default();
    for uri in &settings.oidc.request_uris {
        checked_web("request_uris", uri.clone(), true)?;
    }
    Ok(())
}

fn presentation(
    members: &Members<'_>,
    settings: &mut ApplicationSettings,
) -> Result<(), OAuthError> {
    settings.contacts = members.texts("contacts")?.unwrap_or_default();
    settings.logo_uri = members.web("logo_uri")?;
    settings.home_uri = members.web("client_uri")?;
    settings.policy_uri = members.web("policy_uri")?;
    settings.tos_uri = members.web("tos_uri")?;
    settings.oidc.initiate_login_uri = members.text("initiate_login_uri")?;
    if settings.oidc.initiate_login_uri.as_ref().is_some_and(|uri| !uri.starts_with("https://")) {
        return Err(wrong("initiate_login_uri has to be https"));
    }
    for name in ["software_id", "software_version"] {
        if let Some(text) = members.text(name)? {
            settings.oidc.software.insert(name.to_owned(), text.into());
        }
    }
    Ok(())
}

fn logout(members: &Members<'_>, settings: &mut ApplicationSettings) -> Result<(), OAuthError> {
    settings.oidc.post_logout_redirect_uris =
        members.texts("post_logout_redirect_uris")?.unwrap_or_default();
    for uri in &settings.oidc.post_logout_redirect_uris {
        RedirectRules { native: settings.oidc.native, implicit: false }
            .check(uri)
            .map_err(wrong)?;
    }
    settings.oidc.frontchannel_logout_uri = members.web("frontchannel_logout_uri")?;
    settings.oidc.frontchannel_logout_session_required =
        members.flag("frontchannel_logout_session_required")?.unwrap_or(false);
    settings.oidc.backchannel_logout_session_required =
        members.flag("backchannel_logout_session_required")?.unwrap_or(false);
    Ok(())
}

/// Returns the metadata in force for an application, for the registration response (Registration §3.2, §4.3).
#[must_use]
pub fn in_force(app: &Application) -> Map<String, Value> {
    let settings = &app.settings;
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::Array(all) => all.is_empty(),
            _ => false,
        };
        if !empty {
            out.insert(name.to_owned(), value);
        }
    };
    let alg = if settings.oidc.id_token_unsigned {
        "none"
    } else {
        settings.oidc.id_token_signed_response_alg.as_str()
    };
    let grants: Vec<&str> = settings.oidc.grant_types.iter().map(|grant| grant.as_str()).collect();
    put("client_id", app.client_id.clone().into());
    put("client_name", app.name.clone().into());
    put("redirect_uris", json!(settings.oidc.redirect_uris));
    put("application_type", if settings.oidc.native { "native" } else { "web" }.into());
    put("scope", settings.oidc.scopes.join(" ").into());
    put("contacts", json!(settings.contacts));
    put("logo_uri", json!(settings.logo_uri));
    put("client_uri", json!(settings.home_uri));
    put("policy_uri", json!(settings.policy_uri));
    put("tos_uri", json!(settings.tos_uri));
    put("jwks_uri", json!(settings.oidc.jwks_uri));
    put("jwks", json!(settings.oidc.jwks));
    put("sector_identifier_uri", json!(settings.oidc.sector_identifier_uri));
    put("subject_type", json!(settings.oidc.subject_type));
    put("id_token_signed_response_alg", alg.into());
    put(
        "userinfo_signed_response_alg",
        json!(settings.oidc.userinfo_signed_response_alg.map(SigningAlg::as_str)),
    );
    put("request_object_signing_alg", json!(settings.oidc.request_object_signing_alg));
    put("token_endpoint_auth_method", settings.oidc.token_endpoint_auth_method.as_str().into());
    put("token_endpoint_auth_signing_alg", json!(settings.oidc.token_endpoint_auth_signing_alg));
    put("default_max_age", json!(settings.oidc.default_max_age));
    put("require_auth_time", settings.oidc.require_auth_time.into());
    put("default_acr_values", json!(settings.oidc.default_acr_values));
    put("initiate_login_uri", json!(settings.oidc.initiate_login_uri));
    put("request_uris", json!(settings.oidc.request_uris));
    put("post_logout_redirect_uris", json!(settings.oidc.post_logout_redirect_uris));
    put("frontchannel_logout_uri", json!(settings.oidc.frontchannel_logout_uri));
    if settings.oidc.frontchannel_logout_uri.is_some() {
        let required = settings.oidc.frontchannel_logout_session_required;
        put("frontchannel_logout_session_required", required.into());
    }
    put("backchannel_logout_uri", json!(app.backchannel_logout_uri));
    if app.backchannel_logout_uri.is_some() {
        let required = settings.oidc.backchannel_logout_session_required;
        put("backchannel_logout_session_required", required.into());
    }
    for (name, value) in &settings.oidc.software {
        put(name, value.clone());
    }
    // An empty list differs from a member that is left out, so these are included even if they are empty.
    out.insert("response_types".into(), json!(settings.oidc.response_types));
    out.insert("grant_types".into(), json!(grants));
    out
}

#[cfg(test)]
mod tests;
