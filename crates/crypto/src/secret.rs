//! Secrets that are only compared, never used themselves: client secrets, rate-limit keys, cached passwords.

use aws_lc_rs::hmac;
use sojourn_model::Rng;

use crate::digest::{b64url, constant_time_eq, hmac_sha256};
use crate::master::MasterKey;

const MADE_PREFIX: &str = "soj_cs_";
const KEYED_PREFIX: &str = "hmac$";

/// The result of comparing a secret with its stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretCheck {
    /// The comparison is complete, with this result.
    Done(bool),
    /// The stored form is a password hash: the caller verifies it within the limit on concurrent hashes.
    NeedsPasswordHash,
}

/// Computes keyed hashes of secrets.
pub struct SecretHasher {
    keys: Vec<hmac::Key>,
}

impl SecretHasher {
    /// Creates a hasher with the keys of a master key file. The last key hashes; all keys are tried in comparisons.
    #[must_use]
    pub fn new(masters: &[MasterKey]) -> Self {
        Self { keys: masters.iter().map(|master| master.mac_key("secret hashes")).collect() }
    }

    /// Generates a client secret of 256 random bits.
    pub fn make(rng: &dyn Rng) -> String {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        format!("{MADE_PREFIX}{}", b64url(&bytes))
    }

    /// Returns whether a secret has the form and the length of those from [`SecretHasher::make`]. Other secrets were
    /// chosen by a person and are hashed like passwords.
    #[must_use]
    pub fn is_made(secret: &str) -> bool {
        secret.strip_prefix(MADE_PREFIX).is_some_and(|rest| rest.len() >= 43)
    }

    /// Returns a keyed hash for a purpose, which is sufficient for values that can't be guessed.
    #[must_use]
    pub fn keyed(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        Self::with(self.keys.last(), purpose, parts)
    }

    /// Returns a keyed hash under the oldest key, for values that others store and that must not change with a key
    /// rotation.
    #[must_use]
    pub fn keyed_for_good(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        Self::with(self.keys.first(), purpose, parts)
    }

    fn with(key: Option<&hmac::Key>, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let Some(key) = key else { return [0; 32] };
        // The lengths distinguish ("ab","c") from ("a","bc").
        let mut fed: Vec<Vec<u8>> = vec![purpose.as_bytes().to_vec(), vec![0]];
        for part in parts {
            fed.push((part.len() as u64).to_be_bytes().to_vec());
            fed.push(part.to_vec());
        }
        let fed: Vec<&[u8]> = fed.iter().map(Vec::as_slice).collect();
        hmac_sha256(key, &fed)
    }

    /// Returns the stored form of a generated secret.
    #[must_use]
    pub fn store(&self, secret: &str) -> String {
        format!("{KEYED_PREFIX}{}", b64url(&self.keyed("client secret", &[secret.as_bytes()])))
    }

    /// Compares a secret with its stored form.
    #[must_use]
    pub fn check(&self, secret: &str, stored: &str) -> SecretCheck {
        let Some(stored) = stored.strip_prefix(KEYED_PREFIX) else {
            return SecretCheck::NeedsPasswordHash;
        };
        let found = self.keys.iter().any(|key| {
            let len = (secret.len() as u64).to_be_bytes();
            let hash = hmac_sha256(key, &[b"client secret", &[0], &len, secret.as_bytes()]);
            constant_time_eq(b64url(&hash).as_bytes(), stored.as_bytes())
        });
        SecretCheck::Done(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    #[test]
    fn made_secrets_are_compared_and_others_are_left_to_the_password_hash() {
        let hasher = SecretHasher::new(&[MasterKey::generate(1, &SystemRng)]);
        let secret = SecretHasher::make(&SystemRng);
        assert!(SecretHasher::is_made(&secret));
        assert!(!SecretHasher::is_made("dispatch-secret"));
        let stored = hasher.store(&secret);
        assert_eq!(hasher.check(&secret, &stored), SecretCheck::Done(true));
        assert_eq!(hasher.check("other", &stored), SecretCheck::Done(false));
        assert_eq!(hasher.check("x", "$argon2id$…"), SecretCheck::NeedsPasswordHash);
    }
}
