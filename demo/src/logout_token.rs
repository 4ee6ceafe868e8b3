//! The checks of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6). The library verifies
//! signatures; the rules are here.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey as _;
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use serde_json::Value;

/// A token names a key that isn't known.
pub const UNKNOWN_KEY: &str = "the key is unknown";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds by which clocks may differ.
const SKEW: i64 = 60;
/// Seconds after which a token is too old, whatever its expiry says.
const AGE_MAX: i64 = 600;

/// The content of a valid logout token.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    /// The session that ended, as the ID token named it.
    pub sid: String,
    /// Id of the token; a repeated one can be ignored.
    pub jti: String,
}

/// The values that a logout token must agree with.
pub struct Expected<'a> {
    /// Issuer of the identity server.
    pub issuer: &'a str,
    /// Client id of the application, which has to be in `aud`.
    pub client_id: &'a str,
    /// The algorithm that the application is registered with.
    pub alg: &'a CoreJwsSigningAlgorithm,
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Reads a claim of a token whose signature was verified by someone else.
#[must_use]
pub fn unverified_claim(token: &str, name: &str) -> Option<String> {
    decoded(token.split('.').nth(1)?)?.get(name)?.as_str().map(str::to_owned)
}

#[expect(clippy::disallowed_methods, reason = "an application looks at its own clock")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Checks a logout token and returns what it says.
///
/// # Errors
/// A text that says what is wrong; [`UNKNOWN_KEY`] if the keys have to be read again.
pub fn check(
    token: &str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<Notice, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("no JWT")?;
    let (header, claims) = signed.split_once('.').ok_or("no JWT")?;
    let header = decoded(header).ok_or("no JWT header")?;
    let claims = decoded(claims).ok_or("no JWT claims")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "no signature")?;
    if header.get("alg") != serde_json::to_value(expected.alg).ok().as_ref() {
        return Err("another algorithm than registered");
    }
    if header.get("typ").and_then(Value::as_str).is_some_and(|typ| typ != "logout+jwt") {
        return Err("no logout token by its type");
    }
    let kid = header.get("kid").and_then(Value::as_str).ok_or("no kid")?;
    let key = keys
        .keys()
        .iter()
        .find(|key| key.key_id().is_some_and(|id| id.as_str() == kid))
        .ok_or(UNKNOWN_KEY)?;
    key.verify_signature(expected.alg, signed.as_bytes(), &signature)
        .map_err(|_| "the signature is wrong")?;
    check_claims(&claims, expected, now())
}

fn check_claims(claims: &Value, expected: &Expected<'_>, now: i64) -> Result<Notice, &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    if text("iss") != Some(expected.issuer) {
        return Err("another issuer");
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(aud)) => aud == expected.client_id,
        Some(Value::Array(list)) => list.iter().any(|aud| aud == expected.client_id),
        _ => false,
    };
    if !for_us {
        return Err("another audience");
    }
    let iat = number("iat").ok_or("no iat")?;
    if iat > now + SKEW || iat < now - AGE_MAX {
        return Err("too old, or from the future");
    }
    if number("exp").is_some_and(|exp| exp < now - SKEW) {
        return Err("expired");
    }
    if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
        return Err("no logout event");
    }
    if claims.get("nonce").is_some() {
        return Err("a nonce is forbidden");
    }
    let sid = text("sid").ok_or("no sid")?.to_owned();
    let jti = text("jti").ok_or("no jti")?.to_owned();
    Ok(Notice { sid, jti })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_claim_is_checked() {
        let good = json!({"iss": "https://id", "aud": "me", "iat": 1000, "exp": 1120, "sid": "s",
                          "jti": "j", "events": {EVENT: {}}});
        let expected = Expected {
            issuer: "https://id",
            client_id: "me",
            alg: &CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        };
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            check_claims(&claims, &expected, 1000)
        };
        assert_eq!(
            check_claims(&good, &expected, 1000),
            Ok(Notice { sid: "s".into(), jti: "j".into() })
        );
        assert!(with("aud", json!(["x", "me"])).is_ok());
        for (name, value) in [
            ("iss", json!("https://other")),
            ("aud", json!("you")),
            ("aud", json!(["x"])),
            ("iat", json!(1061)),
            ("iat", json!(399)),
            ("exp", json!(939)),
            ("events", json!({})),
            ("events", json!({EVENT: "text"})),
            ("nonce", json!("n")),
            ("sid", Value::Null),
            ("jti", Value::Null),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
    }
}
