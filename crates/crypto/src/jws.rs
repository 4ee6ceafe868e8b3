//! Compact JWS (RFC 7515) with the algorithms for which a tenant has keys.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{b64url, unb64url};
use crate::keys::{KeyError, SigningKey};

/// The reason for which a JWS is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// The text isn't three parts of base64url, or a part doesn't contain the expected JSON.
    #[error("malformed JWT")]
    Malformed,
    /// The header requires something that isn't supported (`crit`, another `alg` or `typ`).
    #[error("JWT header not accepted")]
    Header,
    /// No key has that `kid` and `alg`.
    #[error("JWT key unknown")]
    UnknownKey,
    /// The signature doesn't match the content and the key.
    #[error("JWT signature wrong")]
    Signature,
}

#[derive(Serialize)]
struct HeaderOut<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(Deserialize)]
struct HeaderIn {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// Signs claims. `typ` is `JWT`, or the media type that the kind of token requires (`logout+jwt`).
///
/// # Errors
/// [`KeyError::Refused`] if signing fails or the claims can't be serialized as JSON.
pub fn sign_jwt(key: &SigningKey, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
    let header = HeaderOut { alg: key.alg().as_str(), kid: key.kid(), typ };
    let header = serde_json::to_vec(&header).map_err(|_| KeyError::Refused)?;
    let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Refused)?;
    let mut token = b64url(&header);
    token.push('.');
    token.push_str(&b64url(&claims));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&b64url(&signature));
    Ok(token)
}

/// Returns a JWT without a signature (RFC 7519 §6), for applications that registered for it.
///
/// # Errors
/// [`KeyError::Refused`] if the claims can't be serialized as JSON.
pub fn unsigned_jwt(claims: &impl Serialize) -> Result<String, KeyError> {
    let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Refused)?;
    Ok(format!("{}.{}.", b64url(br#"{"alg":"none","typ":"JWT"}"#), b64url(&claims)))
}

/// Verifies a JWT that one of `keys` signed and returns its claims. It doesn't check what the claims mean: the caller
/// checks time, issuer and audience.
///
/// # Errors
/// [`JwsError::Malformed`] if it can't be parsed, [`JwsError::Header`] if it has `crit` or another `typ`,
/// [`JwsError::UnknownKey`] if no key has its `alg` and `kid`, and [`JwsError::Signature`] if the signature is wrong.
pub fn verify_jwt<'k>(
    keys: impl IntoIterator<Item = &'k SigningKey>,
    typ: &str,
    token: &str,
) -> Result<Value, JwsError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    let header: HeaderIn = unb64url(header)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(JwsError::Malformed)?;
    // RFC 7515 §4.1.11: extensions that must be understood but aren't are rejected.
    let typ_accepted = header.typ.as_deref().is_none_or(|given| given.eq_ignore_ascii_case(typ));
    if header.crit.is_some() || !typ_accepted {
        return Err(JwsError::Header);
    }
    let signature = unb64url(signature).ok_or(JwsError::Malformed)?;
    let claims: Value = unb64url(claims)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(JwsError::Malformed)?;
    let mut known = false;
    for key in keys {
        if key.alg().as_str() != header.alg
            || header.kid.as_deref().is_some_and(|kid| kid != key.kid())
        {
            continue;
        }
        known = true;
        if key.verifies(signed.as_bytes(), &signature) {
            return if claims.is_object() { Ok(claims) } else { Err(JwsError::Malformed) };
        }
    }
    Err(if known { JwsError::Signature } else { JwsError::UnknownKey })
}

#[cfg(test)]
mod tests {
    use sojourn_model::SigningAlg;

    use super::*;

    fn key(alg: SigningAlg) -> SigningKey {
        SigningKey::generate(alg)
            .and_then(|pkcs8| SigningKey::from_pkcs8(alg, &pkcs8))
            .expect("a key")
    }

    #[test]
    fn signs_and_verifies_with_each_algorithm() {
        for alg in SigningAlg::ALL {
            let mine = key(alg);
            let token = sign_jwt(&mine, "JWT", &serde_json::json!({"sub": "alex"})).expect("signs");
            let claims = verify_jwt([&mine], "JWT", &token).expect("verifies");
            assert_eq!(claims["sub"], "alex");
            assert_eq!(verify_jwt([&mine], "logout+jwt", &token), Err(JwsError::Header));
            assert_eq!(verify_jwt([&key(alg)], "JWT", &token), Err(JwsError::UnknownKey));
            let mut parts: Vec<&str> = token.split('.').collect();
            let forged = b64url(br#"{"sub":"admin"}"#);
            parts[1] = &forged;
            assert_eq!(verify_jwt([&mine], "JWT", &parts.join(".")), Err(JwsError::Signature));
        }
    }

    #[test]
    fn refuses_none_crit_and_garbage() {
        let mine = key(SigningAlg::Es256);
        let none = unsigned_jwt(&serde_json::json!({})).expect("JSON");
        assert_eq!(verify_jwt([&mine], "JWT", &none), Err(JwsError::UnknownKey));
        let crit = format!("{}.{}.AA", b64url(br#"{"alg":"ES256","crit":["x"]}"#), b64url(b"{}"));
        assert_eq!(verify_jwt([&mine], "JWT", &crit), Err(JwsError::Header));
        for bad in ["", ".", "..", "a.b.c", "é.é.é"] {
            assert_eq!(verify_jwt([&mine], "JWT", bad), Err(JwsError::Malformed), "{bad}");
        }
    }
}
