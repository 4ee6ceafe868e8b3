//! Certificates (RFC 5280) as SAML uses them: containers of a public key, which are pinned. No chain is built and no
//! authority is trusted.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair};
use sojourn_model::Millis;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;

use crate::digest::sha256;
use crate::keys::KeyError;

/// Maximum size of a certificate in bytes.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// Error for a text that isn't a usable certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It can't be decoded or is too large.
    #[error("it is no X.509 certificate in base64 or PEM")]
    Malformed,
    /// Its key is neither RSA of 2048 to 8192 bits nor on one of the curves P-256, P-384 and P-521.
    #[error("its key is neither RSA with at least 2048 bits nor ECDSA on P-256, P-384 or P-521")]
    Key,
}

/// Digest algorithms of the signatures that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureDigest {
    /// SHA-256, for RSA and P-256.
    Sha256,
    /// SHA-384, for RSA and P-384.
    Sha384,
    /// SHA-512, for RSA and P-521.
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
}

/// A parsed certificate with its public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    kind: KeyKind,
    key: Vec<u8>,
    subject: String,
    from: Millis,
    until: Millis,
}

impl Certificate {
    /// Parses a certificate in DER.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`] if it can't be decoded or is too large, [`CertificateError::Key`] if its key
    /// isn't supported.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(CertificateError::Malformed);
        }
        let read =
            x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let tbs = read.tbs_certificate;
        let info = tbs.subject_public_key_info;
        let kind = if info.algorithm.oid == RSA {
            KeyKind::Rsa
        } else if info.algorithm.oid == EC {
            let curve = info.algorithm.parameters.as_ref();
            match curve.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok()) {
                Some(P256) => KeyKind::P256,
                Some(P384) => KeyKind::P384,
                Some(P521) => KeyKind::P521,
                _ => return Err(CertificateError::Key),
            }
        } else {
            return Err(CertificateError::Key);
        };
        let key = info.subject_public_key.raw_bytes().to_vec();
        if kind == KeyKind::Rsa && !is_rsa_of_good_size(&key) {
            return Err(CertificateError::Key);
        }
        let time = |time: x509_cert::time::Time| {
            let ms = time.to_unix_duration().as_millis();
            Millis(i64::try_from(ms).unwrap_or(i64::MAX))
        };
        Ok(Self {
            der: der.to_vec(),
            kind,
            key,
            subject: tbs.subject.to_string(),
            from: time(tbs.validity.not_before),
            until: time(tbs.validity.not_after),
        })
    }

    /// Parses PEM, or base64 without the PEM header and footer, as in `ds:X509Certificate`. White space is ignored.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`] if it can't be decoded or is too large, [`CertificateError::Key`] if its key
    /// isn't supported.
    pub fn from_text(text: &str) -> Result<Self, CertificateError> {
        let inner = match text.split_once("-----BEGIN CERTIFICATE-----") {
            Some((_, rest)) => rest.split_once("-----END CERTIFICATE-----").map(|(inner, _)| inner),
            None => Some(text),
        };
        let inner = inner.ok_or(CertificateError::Malformed)?;
        if inner.len() > CERTIFICATE_BYTES_MAX * 2 {
            return Err(CertificateError::Malformed);
        }
        let packed: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(packed).map_err(|_| CertificateError::Malformed)?;
        Self::from_der(&der)
    }

    /// Returns the DER encoding in base64 without line breaks.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// Returns the DER encoding, unchanged.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the distinguished name of the subject (RFC 4514).
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the start of the validity that the certificate states.
    #[must_use]
    pub const fn valid_from(&self) -> Millis {
        self.from
    }

    /// Returns the end of the validity that the certificate states.
    #[must_use]
    pub const fn valid_until(&self) -> Millis {
        self.until
    }

    /// Returns the SHA-256 fingerprint in lower-case hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        sojourn_model::ids::hex(&sha256(&self.der))
    }

    /// Returns whether the key is RSA; otherwise it is ECDSA.
    #[must_use]
    pub fn is_rsa(&self) -> bool {
        self.kind == KeyKind::Rsa
    }

    /// Returns whether a signature of a message was created by its key: PKCS #1 v1.5, or ECDSA as the concatenation of
    /// both numbers.
    #[must_use]
    pub fn verifies(&self, digest: SignatureDigest, message: &[u8], signature: &[u8]) -> bool {
        use SignatureDigest::{Sha256, Sha384, Sha512};
        let algorithm: &'static dyn VerificationAlgorithm = match (self.kind, digest) {
            (KeyKind::Rsa, Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (KeyKind::Rsa, Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (KeyKind::Rsa, Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (KeyKind::P256, Sha256) => &signature::ECDSA_P256_SHA256_FIXED,
            (KeyKind::P384, Sha384) => &signature::ECDSA_P384_SHA384_FIXED,
            (KeyKind::P521, Sha512) => &signature::ECDSA_P521_SHA512_FIXED,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, &self.key).verify(message, signature).is_ok()
    }
}

/// Returns whether the modulus of a PKCS #1 key has 2048 to 8192 bits.
fn is_rsa_of_good_size(key: &[u8]) -> bool {
    use x509_cert::der::asn1::UintRef;
    use x509_cert::der::{Header, SliceReader};
    // SEQUENCE { modulus INTEGER, publicExponent INTEGER }
    let read = |key| -> Option<usize> {
        let mut reader = SliceReader::new(key).ok()?;
        Header::decode(&mut reader).ok()?;
        Some(UintRef::decode(&mut reader).ok()?.as_bytes().len())
    };
    read(key).is_some_and(|bytes| (256..=1024).contains(&bytes))
}

/// Creates a self-signed certificate for one of our keys (PKCS #8). The serial number is derived from the key.
///
/// # Errors
/// [`KeyError::Refused`] if the provider rejects the key.
pub fn self_signed(
    pkcs8: &[u8],
    common_name: &str,
    from: Millis,
    until: Millis,
) -> Result<Certificate, KeyError> {
    let refused = |_| KeyError::Refused;
    let key = KeyPair::try_from(pkcs8).map_err(refused)?;
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(refused)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |at: Millis| {
        std::time::Duration::from_secs(u64::try_from(at.seconds()).unwrap_or_default())
    };
    params.not_before = epoch + seconds(from);
    params.not_after = epoch + seconds(until);
    let made = params.self_signed(&key).map_err(refused)?;
    Certificate::from_der(made.der()).map_err(|_| KeyError::Refused)
}

#[cfg(test)]
mod tests {
    use sojourn_model::SigningAlg;

    use super::*;
    use crate::SigningKey;

    #[test]
    fn a_certificate_of_ours_holds_the_key_and_nothing_else_verifies() {
        for alg in [SigningAlg::Rs256, SigningAlg::Es256] {
            let pkcs8 = SigningKey::generate(alg).expect("a key");
            let key = SigningKey::from_pkcs8(alg, &pkcs8).expect("a key");
            let (from, until) = (Millis(1_700_000_000_000), Millis(2_000_000_000_000));
            let made = self_signed(&pkcs8, "id.example.org", from, until).expect("a certificate");
            assert_eq!(made.subject(), "CN=id.example.org");
            assert_eq!((made.valid_from(), made.valid_until()), (from, until));
            let pem = format!(
                "x\n-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                made.base64()
            );
            let read = Certificate::from_text(&pem).expect("the same");
            assert_eq!(read, made);
            assert_eq!(read.fingerprint().len(), 64);
            let signature = key.sign(b"message").expect("signs");
            assert!(read.verifies(SignatureDigest::Sha256, b"message", &signature));
            assert!(!read.verifies(SignatureDigest::Sha384, b"message", &signature));
            assert!(!read.verifies(SignatureDigest::Sha256, b"massage", &signature));
        }
        for bad in ["", "AAAA", "-----BEGIN CERTIFICATE-----", "not base64!"] {
            assert_eq!(Certificate::from_text(bad), Err(CertificateError::Malformed), "{bad}");
        }
    }

    #[test]
    fn keys_of_rsa_have_2048_to_8192_bits() {
        // SEQUENCE { INTEGER with this number of bytes, INTEGER 65537 }, with lengths in two bytes.
        let key = |bytes: u16| {
            let modulus = [&[0x02, 0x82][..], &bytes.to_be_bytes(), &vec![0x7f; bytes.into()]];
            let body = [&modulus.concat()[..], &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
            let length = u16::try_from(body.len()).expect("short").to_be_bytes();
            [&[0x30, 0x82][..], &length, &body].concat()
        };
        for (bytes, good) in [(255, false), (256, true), (1024, true), (1025, false)] {
            assert_eq!(is_rsa_of_good_size(&key(bytes)), good, "{bytes}");
        }
        assert!(!is_rsa_of_good_size(b"no key"));
    }
}
