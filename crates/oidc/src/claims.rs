//! The claims of the tokens that this server signs.

use serde::Serialize;
use serde_json::{Map, Value, json};
use sojourn_crypto::{b64url, sha256, sha512};
use sojourn_model::{SigningAlg, User};

use crate::scope;

/// The member of `events` that marks a JWT as a logout token (Back-Channel Logout 1.0 §2.4).
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of an ID token (OpenID Connect Core 1.0 §2). Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdTokenClaims<'a> {
    /// Issuer identifier of the tenant.
    pub iss: &'a str,
    /// Subject identifier by which the application knows the user.
    pub sub: &'a str,
    /// `client_id` of the application.
    pub aud: &'a str,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Time of the user's last authentication, in seconds since 1970.
    pub auth_time: i64,
    /// `nonce` of the authorization request, unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<&'a str>,
    /// Hash of the access token issued together with this token; see [`half_hash`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// Hash of the code issued together with this token; see [`half_hash`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c_hash: Option<String>,
    /// Level that the authentication reached, as a context class reference.
    pub acr: &'a str,
    /// ID of the participation (one session in one application); present in every ID token, because
    /// applications look up their own session by it.
    pub sid: String,
    /// Names of the authentication methods (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<&'a str>,
    /// Key with which the application can extend the session; only for applications that may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isk: Option<String>,
    /// Further claims: those that the scopes stand for or the request named.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Returns the value of `at_hash` or `c_hash`: base64url of the left half of the token's hash, with the hash
/// function of the signature algorithm (Core §3.1.3.6, §3.3.2.11). Ed25519 uses SHA-512.
#[must_use]
pub fn half_hash(alg: SigningAlg, token: &str) -> String {
    if alg == SigningAlg::EdDsa {
        let hash = sha512(token.as_bytes());
        b64url(hash.split_at(32).0)
    } else {
        let hash = sha256(token.as_bytes());
        b64url(hash.split_at(16).0)
    }
}

/// The claims of a logout token (Back-Channel Logout 1.0 §2.4). A logout token must not contain a `nonce`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogoutTokenClaims<'a> {
    /// Issuer identifier of the tenant.
    pub iss: &'a str,
    /// `client_id` of the application.
    pub aud: &'a str,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Unique ID of this token; every delivery attempt gets a new one.
    pub jti: &'a str,
    /// Subject identifier by which the application knows the user.
    pub sub: &'a str,
    /// ID of the participation that ended.
    pub sid: String,
    /// Always [`logout_events`], which marks the JWT as a logout token.
    pub events: Value,
}

/// Returns the value of the claim `events`: an object with the empty member [`LOGOUT_EVENT`].
#[must_use]
pub fn logout_events() -> Value {
    json!({ LOGOUT_EVENT: {} })
}

/// Claims of the scope `profile` that are stored as they were written (Core §5.1).
const PROFILE: [&str; 9] = [
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];
/// Claims of scopes other than `profile` that are stored as they were written.
const OTHERS: [&str; 3] = ["address", "phone_number", "phone_number_verified"];

/// Standard claims that a user's profile can store in addition to the user's own fields.
pub fn kept_claims() -> impl Iterator<Item = &'static str> {
    PROFILE.into_iter().chain(OTHERS)
}

/// Every claim about a user that a request can name individually.
pub fn known_claims() -> impl Iterator<Item = &'static str> {
    [
        "name",
        "given_name",
        "family_name",
        "preferred_username",
        "updated_at",
        "email",
        "email_verified",
    ]
    .into_iter()
    .chain(kept_claims())
}

/// The scope that includes a claim (Core §5.4).
fn scope_of(claim: &str) -> &'static str {
    match claim {
        "email" | "email_verified" => "email",
        "address" => "address",
        "phone_number" | "phone_number_verified" => "phone",
        _ => "profile",
    }
}

fn value(user: &User, kept: &Map<String, Value>, claim: &str) -> Option<Value> {
    let text = |value: Option<&str>| value.map(Value::from);
    match claim {
        "name" => text(Some(user.shown_name())),
        "given_name" => text(user.given_name.as_deref()),
        "family_name" => text(user.family_name.as_deref()),
        "preferred_username" => text(Some(&user.username)),
        "updated_at" => Some(user.updated_at.max(user.created_at).seconds().into()),
        "email" => text(user.email.as_deref()),
        "email_verified" => user.email.as_ref().map(|_| user.email_verified.into()),
        _ => kept.get(claim).cloned(),
    }
}

/// Returns the claims about a user: those that the scopes stand for (Core §5.4) and those that the request
/// named (Core §5.5). Claims without a value are left out, and so are claims for which the request wants a
/// different value.
#[must_use]
pub fn of_user(user: &User, scopes: &str, named: &Map<String, Value>) -> Map<String, Value> {
    let kept: Map<String, Value> = serde_json::from_str(&user.profile).unwrap_or_default();
    let mut claims = Map::new();
    for claim in known_claims() {
        let by_name = named.get(claim);
        if by_name.is_none() && !scope::has(scopes, scope_of(claim)) {
            continue;
        }
        let Some(value) = value(user, &kept, claim) else { continue };
        if by_name.is_none_or(|wanted| fits(wanted, &value)) {
            claims.insert(claim.to_owned(), value);
        }
    }
    claims
}

/// Whether a value is one that the request accepts (Core §5.5.1).
fn fits(wanted: &Value, value: &Value) -> bool {
    let single = wanted.get("value").is_none_or(|one| one == value);
    let several = wanted.get("values").and_then(Value::as_array);
    single && several.is_none_or(|values| values.contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_hash_is_the_left_half() {
        // Core, appendix A.3: an access token and its `at_hash`.
        assert_eq!(
            half_hash(SigningAlg::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        // Core, appendix A.4: a code and its `c_hash`.
        assert_eq!(
            half_hash(
                SigningAlg::Es256,
                "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"
            ),
            "LDktKdoQak3Pk0cnXxCltA"
        );
        assert_eq!(half_hash(SigningAlg::EdDsa, "x").len(), 43);
    }

    #[test]
    fn core_5_4_and_5_5_claims_by_scope_and_by_name() {
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
            password_due: sojourn_model::PasswordDue::No,
            epoch: 0,
            created_at: sojourn_model::Millis(5_000),
            updated_at: sojourn_model::Millis(0),
            profile: r#"{"nickname":"al","phone_number":"+1"}"#.into(),
            version: 1,
            external_id: None,
            attributes: "{}".into(),
            unlock_at: None,
            factors: 0,
            recovers_at: None,
        };
        let named =
            |text: &str| -> Map<String, Value> { serde_json::from_str(text).expect("JSON") };
        let claims =
            |scopes: &str, by_name: &str| Value::Object(of_user(&user, scopes, &named(by_name)));
        assert_eq!(claims("openid", "{}"), json!({}));
        assert_eq!(
            claims("openid profile email", "{}"),
            json!({"name": "alex", "given_name": "Alex", "preferred_username": "alex",
                   "nickname": "al", "updated_at": 5,
                   "email": "alex@example.test", "email_verified": true})
        );
        assert_eq!(claims("openid phone", "{}"), json!({"phone_number": "+1"}));
        assert_eq!(
            claims("openid", r#"{"nickname":null,"birthdate":{"essential":true},"made_up":null}"#),
            json!({"nickname": "al"})
        );
        assert_eq!(claims("openid", r#"{"nickname":{"value":"other"}}"#), json!({}));
        assert_eq!(
            claims("openid", r#"{"nickname":{"values":["al","x"]}}"#),
            json!({"nickname": "al"})
        );
    }
}
