//! Verification of signatures and MACs by applications, with their own keys (RFC 7515, 7517, 7518, 8037).

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::digest::unb64url;
use crate::jws::JwsError;

/// Maximum size of an application's JWT in bytes.
const JWT_BYTES_MAX: usize = 64 * 1024;
/// Maximum number of keys in a set.
const KEYS_MAX: usize = 64;

/// Supported signature algorithms of applications, in the order in which discovery lists them.
pub const VERIFIED_ALGS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
/// Supported MAC algorithms, keyed with an application's secret.
pub const VERIFIED_MACS: [&str; 3] = ["HS256", "HS384", "HS512"];

/// A public key of an application: the members of the JWK that are used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClientKey {
    /// Key type: `RSA`, `EC`, `OKP`, or one that isn't supported.
    pub kty: String,
    /// Key id, if it has one.
    pub kid: Option<String>,
    /// Use of the key: `sig` or `enc`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
    /// The only algorithm that the key can be used with, if restricted.
    pub alg: Option<String>,
    /// RSA modulus, in base64url.
    pub n: Option<String>,
    /// RSA exponent, in base64url.
    pub e: Option<String>,
    /// Curve of an `EC` or `OKP` key.
    pub crv: Option<String>,
    /// X coordinate of an `EC` key, or the `OKP` public key, in base64url.
    pub x: Option<String>,
    /// Y coordinate of an `EC` key, in base64url.
    pub y: Option<String>,
}

/// The JWK set of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientKeys {
    /// The keys that could be parsed.
    pub keys: Vec<ClientKey>,
}

/// The header of a JWT.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JwsHeader {
    /// Signature or MAC algorithm (RFC 7515 §4.1.1).
    pub alg: String,
    /// Id of the key (RFC 7515 §4.1.4).
    pub kid: Option<String>,
    /// Media type of the JWT (RFC 7515 §4.1.9).
    pub typ: Option<String>,
    /// Critical extensions (RFC 7515 §4.1.11); none is supported.
    crit: Option<Value>,
}

struct Parts<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    header: JwsHeader,
    claims: Map<String, Value>,
}

impl ClientKeys {
    /// Parses a JWK set. Keys of unknown types are ignored (RFC 7517 §5).
    ///
    /// # Errors
    /// [`JwsError::Malformed`] if it isn't a JWK set, has too many keys, or contains a private or a symmetric key.
    pub fn parse(set: &Value) -> Result<Self, JwsError> {
        let all = set.get("keys").and_then(Value::as_array).ok_or(JwsError::Malformed)?;
        if all.len() > KEYS_MAX {
            return Err(JwsError::Malformed);
        }
        let mut keys = Vec::new();
        for one in all {
            // A secret key that was sent here is compromised.
            if one.get("d").is_some() || one.get("k").is_some() {
                return Err(JwsError::Malformed);
            }
            if let Ok(key) = serde_json::from_value(one.clone()) {
                keys.push(key);
            }
        }
        Ok(Self { keys })
    }
}

fn parts(token: &str) -> Result<Parts<'_>, JwsError> {
    if token.len() > JWT_BYTES_MAX {
        return Err(JwsError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(JwsError::Malformed)?;
    let header: JwsHeader = unb64url(header)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(JwsError::Malformed)?;
    if header.crit.is_some() {
        return Err(JwsError::Header);
    }
    let claims = unb64url(claims)
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(JwsError::Malformed)?;
    let signature = unb64url(signature).ok_or(JwsError::Malformed)?;
    Ok(Parts { signed, signature, header, claims })
}

/// Parses a JWT without verifying it: its header, and its claims to find out which application sent it.
///
/// # Errors
/// [`JwsError::Malformed`] if it can't be parsed or is too large, [`JwsError::Header`] if it has `crit`.
pub fn peek(token: &str) -> Result<(JwsHeader, Map<String, Value>), JwsError> {
    parts(token).map(|parts| (parts.header, parts.claims))
}

/// Verifies a JWT with the keys of an application and returns its header and claims.
///
/// # Errors
/// The same as [`peek`]; [`JwsError::UnknownKey`] if no key fits, so that a newly fetched key set may help; and
/// [`JwsError::Signature`] if the signature is wrong.
pub fn verify_client_jws(
    keys: &ClientKeys,
    token: &str,
) -> Result<(JwsHeader, Map<String, Value>), JwsError> {
    let parts = parts(token)?;
    let mut known = false;
    for key in keys.keys.iter().filter(|key| serves(key, &parts.header)) {
        known = true;
        if verifies(key, &parts.header.alg, parts.signed.as_bytes(), &parts.signature) {
            return Ok((parts.header, parts.claims));
        }
    }
    Err(if known { JwsError::Signature } else { JwsError::UnknownKey })
}

/// Verifies a JWT with a MAC that is keyed with an application's secret, and returns its header and claims.
///
/// # Errors
/// The same as [`peek`]; [`JwsError::Header`] if `alg` isn't a MAC, and [`JwsError::Signature`] if the MAC is wrong.
pub fn verify_client_mac(
    secret: &str,
    token: &str,
) -> Result<(JwsHeader, Map<String, Value>), JwsError> {
    let parts = parts(token)?;
    let algorithm = match parts.header.alg.as_str() {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return Err(JwsError::Header),
    };
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    hmac::verify(&key, parts.signed.as_bytes(), &parts.signature)
        .map_err(|_| JwsError::Signature)?;
    Ok((parts.header, parts.claims))
}

fn serves(key: &ClientKey, header: &JwsHeader) -> bool {
    let named = header.kid.is_none() || key.kid.is_none() || header.kid == key.kid;
    let signs = key.usage.as_deref().is_none_or(|usage| usage == "sig");
    let fits = key.alg.as_deref().is_none_or(|alg| alg == header.alg);
    let kty = match header.alg.get(..2) {
        Some("RS" | "PS") => "RSA",
        Some("ES") => "EC",
        _ => "OKP",
    };
    named && signs && fits && key.kty == kty
}

fn bytes(member: Option<&String>) -> Option<Vec<u8>> {
    member.and_then(|text| unb64url(text))
}

fn verifies(key: &ClientKey, alg: &str, message: &[u8], signature: &[u8]) -> bool {
    let rsa = |parameters: &signature::RsaParameters| -> Option<bool> {
        let (n, e) = (bytes(key.n.as_ref())?, bytes(key.e.as_ref())?);
        let public = RsaPublicKeyComponents { n, e };
        Some(public.verify(parameters, message, signature).is_ok())
    };
    let ec = |curve: &str, length, algorithm: &'static signature::EcdsaVerificationAlgorithm| {
        if key.crv.as_deref() != Some(curve) {
            return None;
        }
        let (x, y) = (bytes(key.x.as_ref())?, bytes(key.y.as_ref())?);
        if x.len() != length || y.len() != length {
            return None;
        }
        let point = [&[4][..], &x, &y].concat();
        Some(UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok())
    };
    let verified = match alg {
        "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => rsa(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => rsa(&signature::RSA_PSS_2048_8192_SHA512),
        "ES256" => ec("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED),
        "ES384" => ec("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED),
        "ES512" => ec("P-521", 66, &signature::ECDSA_P521_SHA512_FIXED),
        "EdDSA" if key.crv.as_deref() == Some("Ed25519") => bytes(key.x.as_ref()).map(|x| {
            UnparsedPublicKey::new(&signature::ED25519, x).verify(message, signature).is_ok()
        }),
        _ => None,
    };
    verified.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sojourn_model::SigningAlg;

    use super::*;
    use crate::digest::b64url;
    use crate::{SigningKey, sign_jwt};

    fn key(alg: SigningAlg) -> SigningKey {
        SigningKey::generate(alg)
            .and_then(|pkcs8| SigningKey::from_pkcs8(alg, &pkcs8))
            .expect("a key")
    }

    #[test]
    fn signatures_of_each_kind_of_key() {
        for alg in SigningAlg::ALL {
            let mine = key(alg);
            let set = |key: &SigningKey| {
                let jwk = serde_json::to_value(key.jwk()).expect("JSON");
                ClientKeys::parse(&json!({ "keys": [jwk, {"kty": "x"}, 7] })).expect("a set")
            };
            let token = sign_jwt(&mine, "JWT", &json!({"iss": "app"})).expect("signs");
            let (header, claims) = verify_client_jws(&set(&mine), &token).expect("verifies");
            assert_eq!((header.alg.as_str(), &claims["iss"]), (alg.as_str(), &json!("app")));
            let other = set(&key(alg));
            assert_eq!(verify_client_jws(&other, &token), Err(JwsError::UnknownKey));
            let mut nameless = other;
            nameless.keys.iter_mut().for_each(|key| key.kid = None);
            assert_eq!(verify_client_jws(&nameless, &token), Err(JwsError::Signature));
        }
    }

    #[test]
    fn macs_and_what_is_refused() {
        let signed = format!("{}.{}", b64url(br#"{"alg":"HS256"}"#), b64url(br#"{"iss":"app"}"#));
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), signed.as_bytes());
        let token = format!("{signed}.{}", b64url(mac.as_ref()));
        assert!(verify_client_mac("secret", &token).is_ok());
        assert_eq!(verify_client_mac("other", &token), Err(JwsError::Signature));
        // A public key can't serve as a MAC secret: signatures and MACs are verified by separate functions.
        assert_eq!(verify_client_jws(&ClientKeys::default(), &token), Err(JwsError::UnknownKey));
        let none = format!("{}.{}.", b64url(br#"{"alg":"none"}"#), b64url(b"{}"));
        assert_eq!(verify_client_mac("secret", &none), Err(JwsError::Header));
        assert_eq!(verify_client_jws(&ClientKeys::default(), &none), Err(JwsError::UnknownKey));
        for bad in ["", "..", "a.b.c", &"x".repeat(JWT_BYTES_MAX + 1)] {
            assert_eq!(peek(bad), Err(JwsError::Malformed));
        }
        let private = json!({ "keys": [{"kty": "RSA", "n": "AQ", "e": "AQ", "d": "AQ"}] });
        assert_eq!(ClientKeys::parse(&private), Err(JwsError::Malformed));
    }
}
