//! XML Signature 1.1 in one strict profile (Core §5.4): one signature, a child of the root; one reference, to the root; the
//! two transforms that SAML names; keys that were registered and never those of the message.

mod octets;
mod sign;
mod verify;

pub use octets::{RedirectSignature, sign_octets};
pub(crate) use sign::key_info;
pub use sign::{Signer, sign};
pub use verify::{Trusted, verify};

use sojourn_crypto::SignatureDigest;

use crate::names;

/// Why a signature isn't accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("it isn't signed")]
    Missing,
    /// It isn't built as SAML demands.
    #[error("its signature isn't as SAML demands: {0}")]
    Profile(&'static str),
    /// It uses an algorithm that isn't accepted; SHA-1 isn't.
    #[error(
        "its signature uses an algorithm that isn't accepted; RSA or ECDSA with SHA-256, SHA-384 or SHA-512 are"
    )]
    Algorithm,
    /// No registered certificate fits.
    #[error("its signature fits none of the registered certificates")]
    Wrong,
}

/// The digest of a signature algorithm, and whether its key is RSA.
pub(crate) fn algorithm(uri: &str) -> Option<(SignatureDigest, bool)> {
    Some(match uri {
        names::RSA_SHA256 => (SignatureDigest::Sha256, true),
        names::RSA_SHA384 => (SignatureDigest::Sha384, true),
        names::RSA_SHA512 => (SignatureDigest::Sha512, true),
        names::ECDSA_SHA256 => (SignatureDigest::Sha256, false),
        names::ECDSA_SHA384 => (SignatureDigest::Sha384, false),
        names::ECDSA_SHA512 => (SignatureDigest::Sha512, false),
        _ => return None,
    })
}
