//! XML Signature 1.1 in one strict profile (Core §5.4): exactly one signature, which is a child of the root; one
//! reference, to the root; only the two transforms that SAML names; only registered keys, never a key from the
//! message.

mod octets;
mod sign;
mod verify;

pub use octets::{RedirectSignature, sign_octets};
pub(crate) use sign::key_info;
pub use sign::{Signer, sign};
pub use verify::{Trusted, verify};

use sojourn_crypto::SignatureDigest;

use crate::names;

/// The reason why a signature isn't accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The document has no signature.
    #[error("it isn't signed")]
    Missing,
    /// The signature doesn't follow the profile of SAML.
    #[error("its signature isn't as SAML demands: {0}")]
    Profile(&'static str),
    /// The signature uses an unsupported algorithm, such as one with SHA-1.
    #[error(
        "its signature uses an algorithm that isn't accepted; RSA or ECDSA with SHA-256, SHA-384 or SHA-512 are"
    )]
    Algorithm,
    /// The signature or digest is wrong, or no registered certificate verifies it.
    #[error("its signature fits none of the registered certificates")]
    Wrong,
}

/// Returns the digest of a signature algorithm, and whether its key is RSA; `None` if it isn't supported.
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
