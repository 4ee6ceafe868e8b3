//! The answer to an introspection (RFC 7662 §2.2).

use serde::Serialize;

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
    /// Roles and groups, where the token has the scopes.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}
