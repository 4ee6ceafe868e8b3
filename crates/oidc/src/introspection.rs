//! The introspection response (RFC 7662 §2.2).

use serde::Serialize;
use sojourn_model::Level;

/// How and when a user authenticated for the grant of the token (RFC 9470 §6.2). Empty for an application's own
/// token, and for a token that sessions share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Authentication {
    /// Time of the authentication, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Level that the authentication reached, as a context class reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<&'static str>,
    /// Names of the authentication methods (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

impl Authentication {
    /// Creates it from method names separated by spaces and a time in seconds since 1970.
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

/// The response for a valid token. For any other token the response is only `{"active":false}`. Times are in
/// seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActiveToken {
    /// Always `true`: the response for an inactive token has no other member.
    pub active: bool,
    /// Subject identifier by which the application knows the user; the client itself for its own tokens.
    pub sub: String,
    /// Login name of the user; absent for an application's own token, and if the caller may not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `client_id` of the application that the token was issued to.
    pub client_id: String,
    /// Scopes of the token, separated by spaces.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// `Bearer` for access tokens, `refresh_token` for refresh tokens.
    pub token_type: &'static str,
    /// ID of the participation that the token belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What the token is bound to, such as `sso-session` or `cookie`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_type: Option<&'static str>,
    /// Opaque reference to the session or browser that the token is bound to; it differs for each application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_ref: Option<String>,
    /// Issuer identifier of the tenant.
    pub iss: String,
    /// `client_id` of the application that the token is meant for.
    pub aud: String,
    /// How and when the user authenticated.
    #[serde(flatten)]
    pub authentication: Authentication,
    /// Claims `roles` and `groups`, if the token has these scopes.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}
