//! The claims of the tokens that we sign.

use serde::Serialize;
use serde_json::{Map, Value, json};
use sojourn_crypto::{b64url, sha256};
use sojourn_model::User;

use crate::scope;

/// The member of `events` that makes a JWT a logout token (Back-Channel Logout 1.0 §2.4).
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// An ID token (OpenID Connect Core 1.0 §2). Times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdTokenClaims<'a> {
    /// Issuer.
    pub iss: &'a str,
    /// What the application knows the user by.
    pub sub: &'a str,
    /// The application.
    pub aud: &'a str,
    /// Expiry.
    pub exp: i64,
    /// Issue.
    pub iat: i64,
    /// When the person last proved who they are.
    pub auth_time: i64,
    /// From the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
    /// Hash of the access token beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// The participation; in every ID token, because applications look their session up by it.
    pub sid: String,
    /// Authentication methods (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<&'a str>,
}

/// `at_hash` for algorithms with SHA-256: the left half of the hash (Core §3.1.3.6).
#[must_use]
pub fn half_hash(token: &str) -> String {
    let hash = sha256(token.as_bytes());
    let (half, _) = hash.split_at(16);
    b64url(half)
}

/// A logout token (Back-Channel Logout 1.0 §2.4). There is no `nonce`, by rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogoutTokenClaims<'a> {
    /// Issuer.
    pub iss: &'a str,
    /// The application.
    pub aud: &'a str,
    /// Issue, in seconds since 1970.
    pub iat: i64,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Names this token; another attempt has another one.
    pub jti: &'a str,
    /// What the application knows the user by.
    pub sub: &'a str,
    /// The participation that ended.
    pub sid: String,
    /// What happened.
    pub events: Value,
}

/// The value of `events`.
#[must_use]
pub fn logout_events() -> Value {
    json!({ LOGOUT_EVENT: {} })
}

/// What userinfo tells of a user for the scopes of a grant (Core §5.4).
#[must_use]
pub fn userinfo(user: &User, sub: &str, scopes: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), sub.into());
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            claims.insert(name.into(), value.into());
        }
    };
    if scope::has(scopes, "profile") {
        put("name", Some(user.shown_name()));
        put("given_name", user.given_name.as_deref());
        put("family_name", user.family_name.as_deref());
        put("preferred_username", Some(&user.username));
    }
    if scope::has(scopes, "email") {
        put("email", user.email.as_deref());
        if user.email.is_some() {
            claims.insert("email_verified".into(), user.email_verified.into());
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_hash_is_the_left_half() {
        // Core, appendix A.3: access token and its at_hash.
        assert_eq!(
            half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
    }

    #[test]
    fn userinfo_follows_the_scopes() {
        let user = User {
            tenant: sojourn_model::TenantId::DEFAULT,
            id: sojourn_model::UserId::from_slice(&[1; 16]).expect("id"),
            username: "alex".into(),
            password_hash: Some("secret".into()),
            display_name: None,
            given_name: Some("Alex".into()),
            family_name: None,
            email: Some("alex@example.test".into()),
            email_verified: true,
            state: sojourn_model::UserState::Active,
            epoch: 0,
            created_at: sojourn_model::Millis(0),
        };
        assert_eq!(Value::Object(userinfo(&user, "s", "openid")), json!({"sub": "s"}));
        assert_eq!(
            Value::Object(userinfo(&user, "s", "openid profile email")),
            json!({"sub": "s", "name": "alex", "given_name": "Alex", "preferred_username": "alex",
                   "email": "alex@example.test", "email_verified": true})
        );
    }
}
