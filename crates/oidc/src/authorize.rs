//! The authorization request (OpenID Connect Core 1.0 §3.1.2.1, RFC 6749 §4.1.1, RFC 7636 §4.3).
//!
//! Client and redirect URI are checked first and on their own: until they are verified, nothing may be sent
//! anywhere. Every later check reports its error to the redirect URI.

use sojourn_model::limits::{NONCE_BYTES_MAX, STATE_BYTES_MAX};
use sojourn_model::{Application, GrantType, Level};

use crate::claims_request::ClaimsRequest;
use crate::error::OAuthError;
use crate::params::Params;
use crate::response::{ReplyTo, ResponseMode, ResponseType};
use crate::{pkce, scope};

/// The user interaction that the request demands (§3.1.2.1 `prompt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prompt {
    /// No page may be shown. Can't be combined with other values.
    pub none: bool,
    /// The user has to authenticate again.
    pub login: bool,
    /// The user has to give consent, even if they gave it before.
    pub consent: bool,
    /// The user has to select an account.
    pub select_account: bool,
    /// The user is to create an account (Initiating User Registration 1.0 §4).
    pub create: bool,
}

/// An authorization request that has passed every check in [`CHECKS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Where the response goes and in which response mode.
    pub reply: ReplyTo,
    /// The combination of code, ID token and access token that the request asks for.
    pub response_type: ResponseType,
    /// Requested scopes that can be granted, sorted.
    pub scopes: Vec<String>,
    /// Copied into the ID token unchanged.
    pub nonce: Option<String>,
    /// S256 code challenge (RFC 7636 §4.2), from `code_challenge`.
    pub challenge: Option<String>,
    /// The user interaction that the request demands.
    pub prompt: Prompt,
    /// Maximum age of the authentication, in seconds; the application's `default_max_age` if the request has
    /// none.
    pub max_age: Option<i64>,
    /// Login name with which the sign-in page is prefilled.
    pub login_hint: Option<String>,
    /// An ID token of the user that the request expects.
    pub id_token_hint: Option<String>,
    /// Claims that the request names individually (Core §5.5).
    pub claims: ClaimsRequest,
    /// Authentication context class references, in order of preference; the application's `default_acr_values`
    /// if the request has none.
    pub acr_values: Vec<String>,
    /// The minimum level that the session must have, regardless of the other values.
    pub least_level: Level,
    /// What the organisation requires and the session doesn't meet.
    pub unmet: Option<Unmet>,
}

/// A level that the organisation requires, where the session doesn't have it, or has it by proofs that don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmet {
    /// The level.
    pub level: Level,
    /// Whether the user has a factor for it.
    pub in_reach: bool,
}

/// The reason why nothing may be sent to the redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectRefused {
    /// The request has no `redirect_uri`.
    #[error("The request has no redirect_uri.")]
    Missing,
    /// The request has more than one `redirect_uri`.
    #[error("The request has more than one redirect_uri.")]
    Twice,
    /// The `redirect_uri` isn't registered for the application.
    #[error("The redirect_uri of the request is not registered for the application.")]
    NotRegistered,
}

/// Returns the redirect URI for the response: it has to equal a registered URI exactly; only the port of a
/// loopback address is free (RFC 8252 §7.3).
///
/// # Errors
/// The page with the error is shown to the user, and nothing is sent anywhere: [`RedirectRefused::Twice`] if
/// there is more than one `redirect_uri`, [`RedirectRefused::Missing`] if there is none, and
/// [`RedirectRefused::NotRegistered`] if it isn't registered.
pub fn redirect_uri(params: &Params, app: &Application) -> Result<String, RedirectRefused> {
    if params.is_double("redirect_uri") {
        return Err(RedirectRefused::Twice);
    }
    let asked = params.get("redirect_uri").ok_or(RedirectRefused::Missing)?;
    let registered = &app.settings.oidc.redirect_uris;
    let localhost = app.settings.oidc.any_localhost_port;
    if registered.iter().any(|uri| uri == asked || same_but_port(uri, asked, localhost)) {
        Ok(asked.to_owned())
    } else {
        Err(RedirectRefused::NotRegistered)
    }
}

fn same_but_port(registered: &str, asked: &str, localhost: bool) -> bool {
    fn without_port(uri: &str, localhost: bool) -> Option<(String, String)> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts = ["127.0.0.1", "[::1]", "localhost"];
        let known = if localhost { &hosts[..] } else { &hosts[..2] };
        let host = known.iter().copied().find(|host| {
            authority.strip_prefix(host).is_some_and(|port| {
                port.is_empty()
                    || port.strip_prefix(':').is_some_and(|digits| {
                        digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
                    })
            })
        })?;
        Some((host.to_owned(), path.to_owned()))
    }
    match (without_port(registered, localhost), without_port(asked, localhost)) {
        (Some(registered), Some(asked)) => registered == asked,
        _ => false,
    }
}

/// Returns where the response to a request goes, errors included. A response mode that isn't allowed is treated
/// as if the request had named none, because the error that reports it has to be sent in some mode.
#[must_use]
pub fn reply_to(params: &Params, redirect_uri: String) -> ReplyTo {
    let kind = single(params, "response_type").and_then(ResponseType::parse);
    let default = kind.map_or(ResponseMode::Query, ResponseType::default_mode);
    let asked = single(params, "response_mode").and_then(ResponseMode::parse);
    let mode = asked.filter(|mode| kind.is_none_or(|kind| may_travel(kind, *mode)));
    ReplyTo {
        redirect_uri,
        mode: mode.unwrap_or(default),
        state: single(params, "state").map(str::to_owned),
    }
}

fn single<'p>(params: &'p Params, name: &str) -> Option<&'p str> {
    if params.is_double(name) { None } else { params.get(name) }
}

/// Whether a mode may carry the response: tokens are never sent in a query, because queries end up in logs and
/// referrers.
fn may_travel(kind: ResponseType, mode: ResponseMode) -> bool {
    mode != ResponseMode::Query || kind == ResponseType::CODE
}

type Check = fn(&Params, &Application) -> Result<(), OAuthError>;

/// The checks that report their failure to the redirect URI, in the order in which they run.
pub const CHECKS: &[(&str, Check)] = &[
    ("RFC 6749 3.1 no parameter twice", no_doubles),
    ("Core 7.2.1 registration is not done", registration),
    ("RFC 6749 3.1.1 response_type is known", response_type),
    ("Multiple response types 2.1 response_mode fits", response_mode),
    ("RFC 6749 4.1.2.1 the application may use the flow", may_use_flow),
    ("RFC 6749 3.3 scope", scopes_known),
    ("Core 3.1.2.1 openid where an ID token is asked for", openid_for_id_tokens),
    ("Core 3.1.2.1 prompt", prompt_known),
    ("Core 3.1.2.1 max_age is a number of seconds", max_age_number),
    ("Core 3.1.2.1 nonce and state have a length", lengths),
    ("Core 3.2.2.1 and 3.3.2.11 nonce where an ID token comes at once", nonce_there),
    ("Core 5.5 claims", claims_well_formed),
    ("RFC 7636 4.3 challenge and method", challenge),
];

/// Checks a request after its client and redirect URI are verified and its request object is merged.
///
/// # Errors
/// The error of the first check that fails; it is sent to the redirect URI.
pub fn check(
    params: &Params,
    app: &Application,
    reply: ReplyTo,
) -> Result<AuthorizeRequest, OAuthError> {
    for (_, check) in CHECKS {
        check(params, app)?;
    }
    let settings = &app.settings;
    let response_type =
        params.get("response_type").and_then(ResponseType::parse).unwrap_or_default();
    let asked = scope::parse(params.get("scope").unwrap_or_default())?;
    let mut scopes = scope::allowed(&asked, &settings.oidc.scopes);
    if !response_type.code {
        // Core §11: without a code there is no refresh token.
        scopes.retain(|scope| scope != "offline_access");
    }
    let words = |name: &str| -> Vec<String> {
        params.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let mut acr_values = words("acr_values");
    if acr_values.is_empty() {
        acr_values.clone_from(&settings.oidc.default_acr_values);
    }
    let max_age = params.get("max_age").and_then(|text| text.parse().ok());
    Ok(AuthorizeRequest {
        reply,
        response_type,
        scopes,
        nonce: params.get("nonce").map(str::to_owned),
        challenge: params.get("code_challenge").map(str::to_owned),
        prompt: parse_prompt(params.get("prompt"))?,
        max_age: max_age.or(settings.oidc.default_max_age),
        login_hint: params.get("login_hint").map(str::to_owned),
        id_token_hint: params.get("id_token_hint").map(str::to_owned),
        claims: params.get("claims").map(ClaimsRequest::parse).transpose()?.unwrap_or_default(),
        acr_values,
        least_level: Level::One,
        unmet: None,
    })
}

fn no_doubles(params: &Params, _: &Application) -> Result<(), OAuthError> {
    params.no_doubles().map_err(OAuthError::from)
}

fn registration(params: &Params, _: &Application) -> Result<(), OAuthError> {
    match params.get("registration") {
        None => Ok(()),
        Some(_) => {
            Err(OAuthError::new("registration_not_supported", "register the application first"))
        }
    }
}

fn response_type(params: &Params, _: &Application) -> Result<(), OAuthError> {
    match params.get("response_type").map(ResponseType::parse) {
        Some(Some(_)) => Ok(()),
        None => Err(OAuthError::invalid_request("response_type is missing")),
        Some(None) => Err(OAuthError::new(
            "unsupported_response_type",
            "use code, id_token, or a combination that discovery lists",
        )),
    }
}

fn response_mode(params: &Params, _: &Application) -> Result<(), OAuthError> {
    let kind = params.get("response_type").and_then(ResponseType::parse).unwrap_or_default();
    match params.get("response_mode").map(ResponseMode::parse) {
        None => Ok(()),
        Some(Some(mode)) if may_travel(kind, mode) => Ok(()),
        Some(Some(_)) => Err(OAuthError::invalid_request("tokens do not travel in a query")),
        Some(None) => {
            Err(OAuthError::invalid_request("use response_mode query, fragment or form_post"))
        }
    }
}

fn may_use_flow(params: &Params, app: &Application) -> Result<(), OAuthError> {
    let kind = params.get("response_type").and_then(ResponseType::parse).unwrap_or_default();
    if !app.settings.oidc.response_types.contains(&kind.name()) {
        return Err(OAuthError::unauthorized_client("the response type is not registered"));
    }
    let needs_implicit = kind.id_token || kind.token;
    for (needed, grant) in
        [(kind.code, GrantType::AuthorizationCode), (needs_implicit, GrantType::Implicit)]
    {
        if needed && !app.may(grant) {
            let why = format!("{} is not among the grant types", grant.as_str());
            return Err(OAuthError::unauthorized_client(why));
        }
    }
    Ok(())
}

fn openid_for_id_tokens(params: &Params, _: &Application) -> Result<(), OAuthError> {
    let kind = params.get("response_type").and_then(ResponseType::parse).unwrap_or_default();
    if kind.id_token && !scope::has(params.get("scope").unwrap_or_default(), "openid") {
        return Err(OAuthError::invalid_request("an ID token needs the scope openid"));
    }
    Ok(())
}

fn nonce_there(params: &Params, _: &Application) -> Result<(), OAuthError> {
    let kind = params.get("response_type").and_then(ResponseType::parse).unwrap_or_default();
    if kind.id_token && params.get("nonce").is_none() {
        return Err(OAuthError::invalid_request("nonce is required for this response type"));
    }
    Ok(())
}

fn claims_well_formed(params: &Params, _: &Application) -> Result<(), OAuthError> {
    params.get("claims").map(ClaimsRequest::parse).transpose().map(|_| ())
}

fn scopes_known(params: &Params, app: &Application) -> Result<(), OAuthError> {
    let asked = scope::parse(params.get("scope").unwrap_or_default())?;
    if scope::allowed(&asked, &app.settings.oidc.scopes).is_empty() {
        return Err(OAuthError::new(
            "invalid_scope",
            "ask for a scope that is registered for the application, such as openid",
        ));
    }
    Ok(())
}

fn parse_prompt(text: Option<&str>) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    let values: Vec<&str> = text.unwrap_or_default().split(' ').filter(|v| !v.is_empty()).collect();
    for value in &values {
        match *value {
            "none" if values.len() > 1 => {
                return Err(OAuthError::invalid_request("prompt=none stands alone"));
            }
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "select_account" => prompt.select_account = true,
            "consent" => prompt.consent = true,
            "create" => prompt.create = true,
            // Errata 2 of Core §3.1.2.1: values that aren't understood may be ignored.
            _ => {}
        }
    }
    Ok(prompt)
}

fn prompt_known(params: &Params, _: &Application) -> Result<(), OAuthError> {
    parse_prompt(params.get("prompt")).map(|_| ())
}

fn max_age_number(params: &Params, _: &Application) -> Result<(), OAuthError> {
    match params.get("max_age").map(str::parse::<i64>) {
        None => Ok(()),
        Some(Ok(seconds)) if seconds >= 0 => Ok(()),
        Some(_) => Err(OAuthError::invalid_request("max_age is not a number of seconds")),
    }
}

fn lengths(params: &Params, _: &Application) -> Result<(), OAuthError> {
    if params.get("nonce").is_some_and(|nonce| nonce.len() > NONCE_BYTES_MAX) {
        return Err(OAuthError::invalid_request("nonce is too long"));
    }
    if params.get("state").is_some_and(|state| state.len() > STATE_BYTES_MAX) {
        return Err(OAuthError::invalid_request("state is too long"));
    }
    Ok(())
}

fn asks_for_code(params: &Params) -> bool {
    params.get("response_type").and_then(ResponseType::parse).is_some_and(|kind| kind.code)
}

fn challenge(params: &Params, app: &Application) -> Result<(), OAuthError> {
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (None, None) if app.is_public() && asks_for_code(params) => {
            Err(OAuthError::invalid_request("code_challenge is required for this application"))
        }
        (None, None) => Ok(()),
        (None, Some(_)) => Err(OAuthError::invalid_request("code_challenge is missing")),
        (Some(text), Some("S256")) if pkce::is_challenge(text) => Ok(()),
        (Some(_), Some("S256")) => Err(OAuthError::invalid_request("code_challenge is malformed")),
        // §4.3: no method means plain, which proves nothing to someone who can read the request.
        (Some(_), _) => Err(OAuthError::invalid_request("use code_challenge_method=S256")),
    }
}

#[cfg(test)]
mod tests;
