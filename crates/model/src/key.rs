//! Signing keys as they are kept.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;
use crate::time::Millis;

/// Signature algorithms (RFC 7518) that a tenant has keys for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256: the default of OpenID Connect.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256: seventeen times cheaper to sign.
    #[serde(rename = "ES256")]
    Es256,
}

impl SigningAlg {
    /// All of them, in the order in which keys are published.
    pub const ALL: [Self; 2] = [Self::Rs256, Self::Es256];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// Reads the registered name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }
}

/// A signing key at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The tenant that signs with it.
    pub tenant: TenantId,
    /// Its `kid`: the RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// PKCS #8, sealed under the master key and bound to tenant and `kid`.
    pub sealed_private: Vec<u8>,
    /// Since when.
    pub created_at: Millis,
}
