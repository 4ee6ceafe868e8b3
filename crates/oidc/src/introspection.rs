//! The answer to an introspection (RFC 7662 §2.2).

use serde::Serialize;
use sojourn_model::Level;

/// How and when a person proved who they are, when the token's grant was given (RFC 9470 §6.2). Empty for an application's
/// own token, and for one that sessions share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Authentication {
    /// In seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<&'static str>,
    /// The methods (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

impl Authentication {
    /// From the names of methods, separated by spaces, and a time in seconds since 1970.
    #[must_use]
    pub fn of(amr: &str, auth_time: i64) -> Self {
        let names = amr.split(' ').filter(|name| !name.is_empty());
        Self {
            auth_time: Some(auth_time),
            acr: Level::of(amr).map(Level::acr),
            amr: names.map(str::to_owned).collect(),
        }
    }
}

/// What is told of a token that is valid. For any other the answer is `{"active":false}` and nothing
/// else. Times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveToken {
    /// `true`.
    pub active: bool,
    /// What the application knows the user by; the client itself for its own tokens.
    pub sub: String,
    /// Login name; absent for an application's own token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The application that the token was issued to.
    pub client_id: String,
    /// Scopes, separated by spaces.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When it expires, in seconds since 1970.
    pub exp: i64,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// `Bearer`, or `refresh_token`.
    pub token_type: &'static str,
    /// The participation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What the token hangs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_type: Option<&'static str>,
    /// Names what it hangs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_ref: Option<String>,
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// How and when its person proved who they are.
    #[serde(flatten)]
    pub authentication: Authentication,
    /// Roles and groups, where the token has the scopes.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}
