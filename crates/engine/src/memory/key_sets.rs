//! A tenant's keys, opened for use.

use std::sync::Arc;

use sojourn_crypto::SigningKey;
use sojourn_model::{Millis, SigningAlg, TenantId};
use sojourn_saml::signature::Signer;

/// Names the storage location that a sealed signing key is bound to.
pub(crate) fn place(tenant: TenantId, alg: SigningAlg) -> String {
    format!("signing_key/{}/{}/sealed_private", tenant.0, alg.as_str())
}

/// Retirement time of a key that was replaced immediately.
pub(crate) const REPLACED: Millis = Millis(0);

/// A tenant's signing keys, retired ones included.
#[derive(Debug, Default)]
pub struct KeySet {
    /// All keys, sorted oldest first.
    pub keys: Vec<TenantKey>,
}

/// A signing key with its validity times.
#[derive(Debug)]
pub struct TenantKey {
    /// The key pair, opened for use.
    pub key: SigningKey,
    /// Sequence number among the keys of the same algorithm.
    pub generation: i64,
    /// Time since when the key is published.
    pub created_at: Millis,
    /// Time since when the key signs.
    pub active_from: Millis,
    /// Time from which the key is no longer published; `None` while it is in use.
    pub retired_at: Option<Millis>,
}

impl TenantKey {
    /// Returns whether the key was replaced immediately, so that nothing it signed is accepted.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.retired_at == Some(REPLACED)
    }
}

impl KeySet {
    /// The key that signs with an algorithm: the newest one with `active_from` in the past.
    #[must_use]
    pub fn signer(&self, alg: SigningAlg, now: Millis) -> Option<&SigningKey> {
        let of = || self.keys.iter().filter(move |key| key.key.alg() == alg && !key.is_replaced());
        let due = of().filter(|key| key.active_from <= now).max_by_key(|key| key.generation);
        // A clock that went back must not leave a tenant without signatures.
        due.or_else(|| of().min_by_key(|key| key.generation)).map(|key| &key.key)
    }

    /// The keys that are published: those in use, the next ones, and retired ones with tokens that may still be
    /// valid.
    pub fn published(&self, now: Millis) -> impl Iterator<Item = &SigningKey> {
        let live = move |key: &&TenantKey| key.retired_at.is_none_or(|at| at > now);
        self.keys.iter().filter(live).map(|key| &key.key)
    }

    /// Every key, including retired ones: an old ID token is still a valid hint at its user. Excludes keys that were
    /// replaced because they may be compromised.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(|key| !key.is_replaced()).map(|key| &key.key)
    }
}

/// A key with its certificate and validity times.
#[derive(Debug)]
pub struct SamlKey {
    /// Private key and certificate.
    pub signer: Arc<Signer>,
    /// Signature algorithm of the key.
    pub alg: SigningAlg,
    /// Sequence number among the keys of the same algorithm.
    pub generation: i64,
    /// Time since when the key signs.
    pub active_from: Millis,
    /// Time from which the key is no longer published; `None` while it is in use.
    pub retired_at: Option<Millis>,
}

/// A tenant's keys for SAML, retired ones included.
#[derive(Debug, Default)]
pub struct SamlKeys {
    /// All keys, per algorithm sorted oldest first.
    pub keys: Vec<SamlKey>,
}

impl SamlKeys {
    /// The key that signs with an algorithm: the newest one with `active_from` in the past.
    #[must_use]
    pub fn signer(&self, alg: SigningAlg, now: Millis) -> Option<&SamlKey> {
        let of = || self.keys.iter().filter(move |key| key.alg == alg);
        let due = of().filter(|key| key.active_from <= now).max_by_key(|key| key.generation);
        due.or_else(|| of().min_by_key(|key| key.generation))
    }

    /// The keys with certificates in the metadata: those that sign now or soon, and previous ones while they may
    /// still be needed.
    pub fn published(&self, now: Millis) -> impl Iterator<Item = &SamlKey> {
        self.keys.iter().filter(move |key| key.retired_at.is_none_or(|at| at > now))
    }

    pub(crate) fn newest(&self, alg: SigningAlg) -> Option<&SamlKey> {
        self.keys.iter().filter(|key| key.alg == alg).max_by_key(|key| key.generation)
    }
}
