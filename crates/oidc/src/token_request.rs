//! The token request (RFC 6749 §4.1.3, §4.4.2, §6).

use crate::error::OAuthError;
use crate::params::Params;
use crate::{pkce, scope};

/// What a client exchanges for tokens, by `grant_type`.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// An authorization code (RFC 6749 §4.1.3).
    Code {
        /// The authorization code, not verified yet.
        code: String,
        /// `redirect_uri`; has to equal that of the authorization request.
        redirect_uri: Option<String>,
        /// PKCE code verifier (RFC 7636 §4.5).
        verifier: Option<String>,
    },
    /// A refresh token (RFC 6749 §6).
    Refresh {
        /// The refresh token, not verified yet.
        token: String,
        /// Scopes to narrow the grant to; `None` keeps all of them.
        scopes: Option<Vec<String>>,
    },
    /// A user's login name and password (RFC 6749 §4.3).
    Password {
        /// Login name of the user.
        username: String,
        /// Password in plain text.
        password: String,
        /// Requested scopes; `None` if the request names none.
        scopes: Option<Vec<String>>,
    },
    /// The client acts on its own behalf (RFC 6749 §4.4.2).
    ClientCredentials {
        /// Scopes to narrow the client's own scopes to; `None` for all of them.
        scopes: Option<Vec<String>>,
    },
}

fn required(params: &Params, name: &str) -> Result<String, OAuthError> {
    params
        .get(name)
        .map(str::to_owned)
        .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
}

fn scopes(params: &Params) -> Result<Option<Vec<String>>, OAuthError> {
    params.get("scope").map(scope::parse).transpose()
}

/// Parses a token request from a client that is already authenticated.
///
/// # Errors
/// `invalid_request` if a parameter is missing, `unsupported_grant_type`, `invalid_scope` if the scope is
/// malformed, and `invalid_grant` if the code verifier is malformed.
pub fn parse(params: &Params) -> Result<TokenRequest, OAuthError> {
    match required(params, "grant_type")?.as_str() {
        "authorization_code" => {
            let verifier = params.get("code_verifier").map(str::to_owned);
            if verifier.as_deref().is_some_and(|text| !pkce::is_verifier(text)) {
                return Err(OAuthError::invalid_grant("code_verifier is malformed"));
            }
            Ok(TokenRequest::Code {
                code: required(params, "code")?,
                redirect_uri: params.get("redirect_uri").map(str::to_owned),
                verifier,
            })
        }
        "refresh_token" => Ok(TokenRequest::Refresh {
            token: required(params, "refresh_token")?,
            scopes: scopes(params)?,
        }),
        "password" => Ok(TokenRequest::Password {
            username: required(params, "username")?,
            password: required(params, "password")?,
            scopes: scopes(params)?,
        }),
        "client_credentials" => Ok(TokenRequest::ClientCredentials { scopes: scopes(params)? }),
        _ => Err(OAuthError::new(
            "unsupported_grant_type",
            "use authorization_code, refresh_token or client_credentials",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_errors() {
        for (text, want) in [
            ("", Some("invalid_request")),
            ("grant_type=magic", Some("unsupported_grant_type")),
            ("grant_type=password", Some("invalid_request")),
            ("grant_type=password&username=a&password=b", None),
            ("grant_type=authorization_code", Some("invalid_request")),
            ("grant_type=authorization_code&code=x", None),
            ("grant_type=authorization_code&code=x&code_verifier=short", Some("invalid_grant")),
            ("grant_type=refresh_token", Some("invalid_request")),
            ("grant_type=refresh_token&refresh_token=x&scope=a%22", Some("invalid_scope")),
            ("grant_type=client_credentials", None),
        ] {
            let params = Params::parse(text.as_bytes()).expect("parses");
            assert_eq!(parse(&params).err().map(|error| error.code), want, "{text}");
        }
    }
}
