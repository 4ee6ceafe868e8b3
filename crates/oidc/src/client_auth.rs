//! How an application authenticates itself (RFC 6749 §2.3.1, OpenID Connect Core 1.0 §9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sojourn_model::ClientAuthMethod;

use crate::error::OAuthError;
use crate::params::Params;

/// The credentials in a request. They are not verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The client identifier that the request claims.
    pub client_id: String,
    /// The client secret, from the header or the form.
    pub secret: Option<String>,
    /// The client assertion, a JWT (RFC 7523 §2.2).
    pub assertion: Option<String>,
    /// The authentication method. With an assertion always `private_key_jwt`: whether it is signed with a key
    /// or the secret is decided when it is verified.
    pub method: ClientAuthMethod,
}

/// The value of `client_assertion_type` for a JWT (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl std::fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientCredentials({}, {})", self.client_id, self.method.as_str())
    }
}

fn form_decoded(text: &str) -> Option<String> {
    // A single value without a name: escaping '=' and '&' makes the parser take the whole text as one name.
    let escaped = text.replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(escaped.as_bytes()).next().map(|(value, _)| value.into_owned())
}

/// Parses an `Authorization: Basic` header with form-urlencoded user and password (RFC 6749 §2.3.1).
#[must_use]
pub fn basic(header: &str) -> Option<(String, String)> {
    let (user, password) = basic_raw(header)?;
    let user = form_decoded(&user)?;
    Some((user, if password.is_empty() { String::new() } else { form_decoded(&password)? }))
}

/// Parses an `Authorization: Basic` header with user and password as they are (RFC 7617).
#[must_use]
pub fn basic_raw(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Extracts the client credentials of a request to the token endpoint or a similar one.
///
/// # Errors
/// `invalid_request` if the request uses two methods at once or names two different clients; `invalid_client`
/// if there are no credentials, or the header or assertion can't be parsed.
pub fn credentials(
    authorization: Option<&str>,
    params: &Params,
) -> Result<ClientCredentials, OAuthError> {
    let in_body = params.get("client_id");
    let secret = params.get("client_secret");
    let assertion = params.get("client_assertion");
    if params.get("client_assertion_type").is_some() || assertion.is_some() {
        return by_assertion(authorization, params);
    }
    if let Some(header) = authorization {
        let (client_id, password) = basic(header).ok_or_else(OAuthError::invalid_client)?;
        if secret.is_some() {
            return Err(OAuthError::invalid_request("authenticate in one way only"));
        }
        if in_body.is_some_and(|other| other != client_id) {
            return Err(OAuthError::invalid_request("client_id differs from the header's"));
        }
        return Ok(ClientCredentials {
            client_id,
            secret: Some(password),
            assertion: None,
            method: ClientAuthMethod::ClientSecretBasic,
        });
    }
    let client_id = in_body.ok_or_else(OAuthError::invalid_client)?.to_owned();
    let method =
        if secret.is_some() { ClientAuthMethod::ClientSecretPost } else { ClientAuthMethod::None };
    let secret = secret.map(str::to_owned);
    Ok(ClientCredentials { client_id, secret, assertion: None, method })
}

/// Takes the client identifier from the assertion's `sub`; a `client_id` parameter has to agree with it (RFC
/// 7521 §4.2).
fn by_assertion(
    authorization: Option<&str>,
    params: &Params,
) -> Result<ClientCredentials, OAuthError> {
    if authorization.is_some() || params.get("client_secret").is_some() {
        return Err(OAuthError::invalid_request("authenticate in one way only"));
    }
    let assertion = params.get("client_assertion").ok_or_else(OAuthError::invalid_client)?;
    if params.get("client_assertion_type") != Some(JWT_BEARER) {
        return Err(OAuthError::invalid_client());
    }
    let (_, claims) =
        sojourn_crypto::client_keys::peek(assertion).map_err(|_| OAuthError::invalid_client())?;
    let sub = claims.get("sub").and_then(serde_json::Value::as_str);
    let client_id = sub.ok_or_else(OAuthError::invalid_client)?.to_owned();
    if params.get("client_id").is_some_and(|other| other != client_id) {
        return Err(OAuthError::invalid_request("client_id differs from the assertion's"));
    }
    Ok(ClientCredentials {
        client_id,
        secret: None,
        assertion: Some(assertion.to_owned()),
        method: ClientAuthMethod::PrivateKeyJwt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn both_parts_are_form_urlencoded() {
        assert_eq!(
            basic(&header("a%2Db:s%3Ae+c%26r%3Det")),
            Some(("a-b".into(), "s:e c&r=et".into()))
        );
        assert_eq!(basic(&header("a:b=c&d")), Some(("a".into(), "b=c&d".into())));
        assert_eq!(basic(&header("a:")), Some(("a".into(), String::new())));
        assert_eq!(basic("Basic ???"), None);
        assert_eq!(basic("Bearer x"), None);
        assert_eq!(basic(&header("nocolon")), None);
        assert_eq!(basic_raw(&header("a%2Db:c")), Some(("a%2Db".into(), "c".into())));
    }

    #[test]
    fn one_way_only() {
        let params = |text: &str| Params::parse(text.as_bytes()).expect("parses");
        let both = credentials(Some(&header("a:b")), &params("client_secret=b"));
        assert_eq!(both.err().map(|e| e.code), Some("invalid_request"));
        let other = credentials(Some(&header("a:b")), &params("client_id=c"));
        assert_eq!(other.err().map(|e| e.code), Some("invalid_request"));
        let none = credentials(None, &params("x=y"));
        assert_eq!(none.err().map(|e| e.code), Some("invalid_client"));
        let public = credentials(None, &params("client_id=a")).expect("public");
        assert_eq!(public.method, ClientAuthMethod::None);
    }
}
