//! Public keys of credentials: COSE keys (RFC 9052 §7, RFC 9053, RFC 8230) for three algorithms.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use minicbor::Decoder;
use minicbor::data::Type;

use super::CeremonyError;

pub(super) const ES256: i64 = -7;
pub(super) const EDDSA: i64 = -8;
pub(super) const RS256: i64 = -257;

const MALFORMED: CeremonyError = CeremonyError::Malformed("the public key");

// Labels and values of COSE keys.
const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P_256: i64 = 1;
const ED25519_CURVE: i64 = 6;

/// Maximum length of an RSA modulus in bytes: 4096 bits.
const MODULUS_BYTES_MAX: usize = 512;
/// Maximum length of an RSA exponent in bytes.
const EXPONENT_BYTES_MAX: usize = 8;

/// A public key of a credential.
pub(super) enum PublicKey {
    /// P-256, as an uncompressed point.
    Es256(Vec<u8>),
    /// Ed25519, as the 32 bytes of the key.
    EdDsa(Vec<u8>),
    /// RSA: modulus and exponent.
    Rs256(Vec<u8>, Vec<u8>),
}

/// The members of a COSE key that are used; `-1` to `-3` have a different meaning for each key type.
#[derive(Default)]
struct Members {
    key_type: Option<i64>,
    algorithm: Option<i64>,
    curve: Option<i64>,
    first: Option<Vec<u8>>,
    second: Option<Vec<u8>>,
    third: Option<Vec<u8>>,
}

impl Members {
    fn read(cbor: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(cbor);
        let mut members = Self::default();
        for _ in 0..decoder.map().ok()?? {
            let label = decoder.i64().ok()?;
            let number = |decoder: &mut Decoder<'_>| decoder.i64().ok();
            match (label, decoder.datatype().ok()?) {
                (KEY_TYPE, _) => members.key_type = Some(number(&mut decoder)?),
                (ALGORITHM, _) => members.algorithm = Some(number(&mut decoder)?),
                (-1, Type::Bytes) => members.first = Some(decoder.bytes().ok()?.to_vec()),
                (-1, _) => members.curve = Some(number(&mut decoder)?),
                (-2, Type::Bytes) => members.second = Some(decoder.bytes().ok()?.to_vec()),
                (-3, Type::Bytes) => members.third = Some(decoder.bytes().ok()?.to_vec()),
                _ => decoder.skip().ok()?,
            }
        }
        (decoder.position() == cbor.len()).then_some(members)
    }
}

impl PublicKey {
    /// Parses a COSE key.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`] if it can't be parsed or doesn't fit its algorithm, [`CeremonyError::Algorithm`] if
    /// the algorithm isn't supported.
    pub(super) fn read(cbor: &[u8]) -> Result<Self, CeremonyError> {
        let members = Members::read(cbor).ok_or(MALFORMED)?;
        let algorithm = members.algorithm.ok_or(MALFORMED)?;
        let of = |bytes: Option<Vec<u8>>, len: usize| bytes.filter(|bytes| bytes.len() == len);
        match (algorithm, members.key_type, members.curve) {
            (ES256, Some(EC2), Some(P_256)) => {
                let x = of(members.second, 32).ok_or(MALFORMED)?;
                let y = of(members.third, 32).ok_or(MALFORMED)?;
                Ok(Self::Es256([&[4], x.as_slice(), &y].concat()))
            }
            (EDDSA, Some(OKP), Some(ED25519_CURVE)) => {
                Ok(Self::EdDsa(of(members.second, 32).ok_or(MALFORMED)?))
            }
            (RS256, Some(RSA), _) => {
                let small = |bytes: &Vec<u8>, max| !bytes.is_empty() && bytes.len() <= max;
                let n = members.first.filter(|n| small(n, MODULUS_BYTES_MAX));
                let e = members.second.filter(|e| small(e, EXPONENT_BYTES_MAX));
                Ok(Self::Rs256(n.ok_or(MALFORMED)?, e.ok_or(MALFORMED)?))
            }
            (ES256 | EDDSA | RS256, _, _) => Err(MALFORMED),
            _ => Err(CeremonyError::Algorithm),
        }
    }

    /// Verifies a signature; fails with [`CeremonyError::Signature`].
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CeremonyError> {
        let verified = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rs256(n, e) => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        };
        verified.map_err(|_| CeremonyError::Signature)
    }
}
