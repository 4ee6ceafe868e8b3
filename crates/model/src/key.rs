//! Signing keys as they are kept.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;
use crate::time::Millis;

/// Signature algorithms (RFC 7518, RFC 8037) that a tenant signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256: the default of OpenID Connect.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256: seventeen times cheaper to sign.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlg {
    /// All of them, in the order in which keys are published.
    pub const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads the registered name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }
}

/// A signing key at rest. Its life: published, then in use, then retired, each from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The tenant that signs with it.
    pub tenant: TenantId,
    /// Its `kid`: the RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// PKCS #8, sealed under the master key and bound to tenant and algorithm.
    pub sealed_private: Vec<u8>,
    /// Since when it is published.
    pub created_at: Millis,
    /// Counts the tenant's keys of the algorithm, from 1.
    pub generation: i64,
    /// Since when it signs: the newest whose time has come does.
    pub active_from: Millis,
    /// From when on it is not published any more, because everything that it signed is dead.
    pub retired_at: Option<Millis>,
}
