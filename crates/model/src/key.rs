//! Signing keys as they are stored.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;
use crate::time::Millis;

/// Signature algorithms that a tenant signs with (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256: the default of OpenID Connect.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256: signing is seventeen times cheaper than with RSA.
    #[serde(rename = "ES256")]
    Es256,
    /// EdDSA on the curve Ed25519 (RFC 8037 §3.1).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlg {
    /// All algorithms, in the order in which keys are published.
    pub const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// Returns the registered name of the algorithm (`alg`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Parses a registered name; `None` if the algorithm isn't supported.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }
}

/// A signing key at rest. It is published, then used for signing, then retired; each stage begins at a time of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The tenant that signs with the key.
    pub tenant: TenantId,
    /// Key id (`kid`): the RFC 7638 thumbprint.
    pub kid: String,
    /// Signature algorithm of the key.
    pub alg: SigningAlg,
    /// The private key as PKCS #8, sealed under the master key and bound to tenant and algorithm.
    pub sealed_private: Vec<u8>,
    /// Time from which the key is published.
    pub created_at: Millis,
    /// Number of the key among the tenant's keys of the algorithm, from 1.
    pub generation: i64,
    /// Time from which the key can sign. The newest key that has reached this time signs.
    pub active_from: Millis,
    /// Time from which the key is no longer published, because everything that it signed has expired.
    pub retired_at: Option<Millis>,
}
