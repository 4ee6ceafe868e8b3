//! Signing keys, parsed once and kept in memory: parsing an RSA key for each signature would cost more than the
//! signature itself.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
};
use serde::{Deserialize, Serialize};
use sojourn_model::SigningAlg;

use crate::digest::{b64url, sha256};

/// Error for a key that can't be generated, parsed or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The cryptographic provider rejected the key or the operation.
    #[error("the cryptographic provider refused the key")]
    Refused,
}

/// The public half of a signing key, as a JWK (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicJwk {
    /// Key type: `RSA`, `EC` or `OKP`.
    pub kty: String,
    /// Use of the key: always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Key id: the RFC 7638 thumbprint.
    pub kid: String,
    /// Registered name of the signature algorithm.
    pub alg: String,
    /// RSA modulus, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA exponent, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// Curve of an `EC` or `OKP` key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// X coordinate of an `EC` key, or the `OKP` public key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Y coordinate of an `EC` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

enum Pair {
    Rsa(Box<signature::RsaKeyPair>, &'static dyn signature::RsaEncoding),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

/// A parsed key pair, ready to sign and verify.
pub struct SigningKey {
    kid: String,
    alg: SigningAlg,
    pair: Pair,
    public: ParsedPublicKey,
    jwk: PublicJwk,
    rng: SystemRandom,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} {})", self.alg.as_str(), self.kid)
    }
}

impl SigningKey {
    /// Generates a key pair and returns it as PKCS #8. RSA takes a considerable part of a second.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the provider fails.
    pub fn generate(alg: SigningAlg) -> Result<Vec<u8>, KeyError> {
        match alg {
            SigningAlg::Rs256 | SigningAlg::Ps256 => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)
                    .map_err(|_| KeyError::Refused)?;
                let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
                    pair.as_der().map_err(|_| KeyError::Refused)?;
                Ok(der.as_ref().to_vec())
            }
            SigningAlg::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec())
                .map_err(|_| KeyError::Refused),
            SigningAlg::EdDsa => Ed25519KeyPair::generate()
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| document.as_ref().to_vec())
                .map_err(|_| KeyError::Refused),
        }
    }

    /// Parses a key pair in PKCS #8.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if it isn't a key pair for that algorithm.
    pub fn from_pkcs8(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let (pair, public, mut jwk) = match alg {
            SigningAlg::Rs256 => rsa(pkcs8, alg, &RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)?,
            SigningAlg::Ps256 => rsa(pkcs8, alg, &RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256)?,
            SigningAlg::Es256 => ec(pkcs8)?,
            SigningAlg::EdDsa => ed(pkcs8)?,
        };
        jwk.kid = jwk.thumbprint();
        Ok(Self { kid: jwk.kid.clone(), alg, pair, public, jwk, rng: SystemRandom::new() })
    }

    /// Returns the key id (`kid`).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the signature algorithm.
    #[must_use]
    pub const fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// Returns the public key as a JWK.
    #[must_use]
    pub const fn jwk(&self) -> &PublicJwk {
        &self.jwk
    }

    /// Signs a message. ECDSA signatures have the fixed-length form of JWS (RFC 7518 §3.4).
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the provider fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &self.rng, message, &mut out)
                    .map_err(|_| KeyError::Refused)?;
                Ok(out)
            }
            Pair::Ec(pair) => pair
                .sign(&self.rng, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Refused),
            Pair::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// Returns whether a signature of a message was created by this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

type Parsed = (Pair, ParsedPublicKey, PublicJwk);

fn rsa(
    pkcs8: &[u8],
    alg: SigningAlg,
    encoding: &'static dyn signature::RsaEncoding,
    verification: &'static signature::RsaParameters,
) -> Result<Parsed, KeyError> {
    let pair = signature::RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Refused)?;
    let public = pair.public_key();
    let jwk = PublicJwk {
        n: Some(b64url(public.modulus().big_endian_without_leading_zero())),
        e: Some(b64url(public.exponent().big_endian_without_leading_zero())),
        ..PublicJwk::new("RSA", alg)
    };
    let parsed =
        ParsedPublicKey::new(verification, public.as_ref()).map_err(|_| KeyError::Refused)?;
    Ok((Pair::Rsa(Box::new(pair), encoding), parsed, jwk))
}

fn ec(pkcs8: &[u8]) -> Result<Parsed, KeyError> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
        .map_err(|_| KeyError::Refused)?;
    let point = pair.public_key().as_ref();
    let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(32)).ok_or(KeyError::Refused)?;
    let jwk = PublicJwk {
        crv: Some("P-256".into()),
        x: Some(b64url(x)),
        y: Some(b64url(y)),
        ..PublicJwk::new("EC", SigningAlg::Es256)
    };
    let parsed =
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| KeyError::Refused)?;
    Ok((Pair::Ec(Box::new(pair)), parsed, jwk))
}

fn ed(pkcs8: &[u8]) -> Result<Parsed, KeyError> {
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Refused)?;
    let public = pair.public_key().as_ref();
    let jwk = PublicJwk {
        crv: Some("Ed25519".into()),
        x: Some(b64url(public)),
        ..PublicJwk::new("OKP", SigningAlg::EdDsa)
    };
    let parsed = ParsedPublicKey::new(&ED25519, public).map_err(|_| KeyError::Refused)?;
    Ok((Pair::Ed(Box::new(pair)), parsed, jwk))
}

impl PublicJwk {
    fn new(kty: &str, alg: SigningAlg) -> Self {
        Self {
            kty: kty.to_owned(),
            usage: "sig".into(),
            kid: String::new(),
            alg: alg.as_str().to_owned(),
            n: None,
            e: None,
            crv: None,
            x: None,
            y: None,
        }
    }

    /// Returns the RFC 7638 thumbprint: the hash of the required members in lexical order.
    fn thumbprint(&self) -> String {
        let part = |value: &Option<String>| value.clone().unwrap_or_default();
        let text = match self.kty.as_str() {
            "RSA" => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, part(&self.e), part(&self.n)),
            "OKP" => {
                format!(r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#, part(&self.crv), part(&self.x))
            }
            _ => format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                part(&self.crv),
                part(&self.x),
                part(&self.y)
            ),
        };
        b64url(&sha256(text.as_bytes()))
    }
}
