//! The authorization request (OpenID Connect Core 1.0 §3.1.2.1, RFC 6749 §4.1.1, RFC 7636 §4.3).
//!
//! Client and redirect URI come first and by themselves: as long as they aren't proven, nothing may
//! be sent anywhere. Every later check answers to the redirect URI.

use sojourn_model::limits::{NONCE_BYTES_MAX, STATE_BYTES_MAX};
use sojourn_model::{Application, GrantType};

use crate::error::OAuthError;
use crate::params::Params;
use crate::{pkce, scope};

/// What the request demands of the person's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// Whatever is needed.
    Unspecified,
    /// No page may be shown.
    None,
    /// The person has to prove again who they are.
    Login,
}

/// A checked request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Scopes that may be given, sorted.
    pub scopes: Vec<String>,
    /// To be given back.
    pub state: Option<String>,
    /// To be put into the ID token.
    pub nonce: Option<String>,
    /// S256 challenge.
    pub challenge: Option<String>,
    /// Attention.
    pub prompt: Prompt,
    /// Greatest age of the authentication, in seconds.
    pub max_age: Option<i64>,
    /// A login name to begin with.
    pub login_hint: Option<String>,
}

/// Why nothing may be sent to the redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectRefused {
    /// There is none.
    #[error("The request has no redirect_uri.")]
    Missing,
    /// It came twice.
    #[error("The request has more than one redirect_uri.")]
    Twice,
    /// It isn't registered.
    #[error("The redirect_uri of the request is not registered for the application.")]
    NotRegistered,
}

/// Finds where an answer may go: exactly a registered URI; only the port of a loopback address is
/// free (RFC 8252 §7.3).
///
/// # Errors
/// [`RedirectRefused`]: the person is to be shown a page, and nothing is sent anywhere.
pub fn redirect_uri(params: &Params, app: &Application) -> Result<String, RedirectRefused> {
    if params.is_double("redirect_uri") {
        return Err(RedirectRefused::Twice);
    }
    let asked = params.get("redirect_uri").ok_or(RedirectRefused::Missing)?;
    let registered = &app.settings.redirect_uris;
    if registered.iter().any(|uri| uri == asked || same_but_port(uri, asked)) {
        Ok(asked.to_owned())
    } else {
        Err(RedirectRefused::NotRegistered)
    }
}

fn same_but_port(registered: &str, asked: &str) -> bool {
    fn without_port(uri: &str) -> Option<(String, String)> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = ["127.0.0.1", "[::1]"].into_iter().find(|host| {
            authority.strip_prefix(host).is_some_and(|port| {
                port.is_empty()
                    || port.strip_prefix(':').is_some_and(|digits| {
                        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
                    })
            })
        })?;
        Some((host.to_owned(), path.to_owned()))
    }
    match (without_port(registered), without_port(asked)) {
        (Some(registered), Some(asked)) => registered == asked,
        _ => false,
    }
}

type Check = fn(&Params, &Application) -> Result<(), OAuthError>;

/// The checks whose failure is told to the redirect URI, in order.
pub const CHECKS: &[(&str, Check)] = &[
    ("RFC 6749 3.1 no parameter twice", no_doubles),
    ("Core 6.1 request is not done", request_object),
    ("Core 6.2 request_uri is not done", request_uri),
    ("Core 7.2.1 registration is not done", registration),
    ("RFC 6749 3.1.1 response_type is code", response_type),
    ("OAuth response modes 2.1 response_mode is query", response_mode),
    ("RFC 6749 4.1.2.1 the application may use the flow", may_use_code),
    ("RFC 6749 3.3 scope", scopes_known),
    ("Core 3.1.2.1 prompt", prompt_known),
    ("Core 3.1.2.1 max_age is a number of seconds", max_age_number),
    ("Core 3.1.2.1 nonce and state have a length", lengths),
    ("RFC 7636 4.3 challenge and method", challenge),
];

/// Checks a request whose client and redirect URI are proven.
///
/// # Errors
/// The first check that fails; the answer goes to the redirect URI.
pub fn check(
    params: &Params,
    app: &Application,
    redirect_uri: String,
) -> Result<AuthorizeRequest, OAuthError> {
    for (_, check) in CHECKS {
        check(params, app)?;
    }
    let asked = scope::parse(params.get("scope").unwrap_or_default())?;
    Ok(AuthorizeRequest {
        redirect_uri,
        scopes: scope::allowed(&asked, &app.settings.scopes),
        state: params.get("state").map(str::to_owned),
        nonce: params.get("nonce").map(str::to_owned),
        challenge: params.get("code_challenge").map(str::to_owned),
        prompt: parse_prompt(params.get("prompt"))?,
        max_age: params.get("max_age").and_then(|text| text.parse().ok()),
        login_hint: params.get("login_hint").map(str::to_owned),
    })
}

fn no_doubles(params: &Params, _: &Application) -> Result<(), OAuthError> {
    params.no_doubles().map_err(OAuthError::from)
}

fn request_object(params: &Params, _: &Application) -> Result<(), OAuthError> {
    match params.get("request") {
        None => Ok(()),
        Some(_) => Err(OAuthError::new("request_not_supported", "send plain parameters")),
    }
}

fn request_uri(params: &Params, _: &Application) -> Result<(), OAuthError> {
    match params.get("request_uri") {
        None => Ok(()),
        Some(_) => Err(OAuthError::new("request_uri_not_supported", "send plain parameters")),
    }
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
    match params.get("response_type") {
        Some("code") => Ok(()),
        None => Err(OAuthError::invalid_request("response_type is missing")),
        Some(_) => Err(OAuthError::new("unsupported_response_type", "use response_type=code")),
    }
}

fn response_mode(params: &Params, _: &Application) -> Result<(), OAuthError> {
    match params.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(OAuthError::invalid_request("use response_mode=query or leave it out")),
    }
}

fn may_use_code(_: &Params, app: &Application) -> Result<(), OAuthError> {
    if app.may(GrantType::AuthorizationCode) {
        Ok(())
    } else {
        Err(OAuthError::unauthorized_client("authorization_code is not among the grant types"))
    }
}

fn scopes_known(params: &Params, app: &Application) -> Result<(), OAuthError> {
    let asked = scope::parse(params.get("scope").unwrap_or_default())?;
    if scope::allowed(&asked, &app.settings.scopes).is_empty() {
        return Err(OAuthError::new(
            "invalid_scope",
            "ask for a scope that is registered for the application, such as openid",
        ));
    }
    Ok(())
}

fn parse_prompt(text: Option<&str>) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::Unspecified;
    let values: Vec<&str> = text.unwrap_or_default().split(' ').filter(|v| !v.is_empty()).collect();
    for value in &values {
        match *value {
            "none" if values.len() > 1 => {
                return Err(OAuthError::invalid_request("prompt=none stands alone"));
            }
            "none" => prompt = Prompt::None,
            // Choosing an account and proving it again are one page here.
            "login" | "select_account" => prompt = Prompt::Login,
            // Applications are the organisation's own: there is nothing to consent to.
            "consent" => {}
            _ => return Err(OAuthError::invalid_request("prompt has an unknown value")),
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

fn challenge(params: &Params, app: &Application) -> Result<(), OAuthError> {
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (None, None) if app.is_public() => {
            Err(OAuthError::invalid_request("code_challenge is required for this application"))
        }
        (None, None) => Ok(()),
        (None, Some(_)) => Err(OAuthError::invalid_request("code_challenge is missing")),
        (Some(text), Some("S256")) if pkce::is_challenge(text) => Ok(()),
        (Some(_), Some("S256")) => Err(OAuthError::invalid_request("code_challenge is malformed")),
        // §4.3: no method means plain, which proves nothing to someone who reads the request.
        (Some(_), _) => Err(OAuthError::invalid_request("use code_challenge_method=S256")),
    }
}

#[cfg(test)]
mod tests;
