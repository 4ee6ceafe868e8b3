//! Password hashes: Argon2id in PHC form.
//!
//! Hashing takes some twenty milliseconds of a core and 19 MiB; callers run it off their async
//! threads and bound how many run at once.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use sojourn_model::Rng;

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, lanes: 1 }
    }
}

impl PasswordPolicy {
    /// Hashes a password; `None` only when the parameters are impossible.
    #[must_use]
    pub fn hash(&self, password: &str, rng: &dyn Rng) -> Option<String> {
        let params = Params::new(self.memory_kib, self.iterations, self.lanes, None).ok()?;
        let mut salt = [0; 16];
        rng.fill(&mut salt);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let hash: PasswordHash =
            argon.hash_password_with_params(password.as_bytes(), &salt, params).ok()?;
        Some(hash.to_string())
    }

    /// Whether a hash was made more cheaply than this policy asks.
    #[must_use]
    pub fn is_weaker(&self, phc: &str) -> bool {
        let Ok(hash) = PasswordHash::new(phc) else { return true };
        let Ok(params) = Params::try_from(&hash) else { return true };
        params.m_cost() < self.memory_kib || params.t_cost() < self.iterations
    }
}

/// Whether a password is the one that was hashed. Takes its parameters from the hash.
#[must_use]
pub fn verify(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    #[test]
    fn hashes_verify_and_weakness_is_seen() {
        let cheap = PasswordPolicy { memory_kib: 64, iterations: 1, lanes: 1 };
        let hash = cheap.hash("alex123", &SystemRng).expect("hash");
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(verify("alex123", &hash));
        assert!(!verify("alex124", &hash));
        assert!(!verify("alex123", "not a hash"));
        assert!(PasswordPolicy::default().is_weaker(&hash));
        assert!(!cheap.is_weaker(&hash));
        assert_ne!(cheap.hash("alex123", &SystemRng).expect("hash"), hash, "salted");
    }
}
