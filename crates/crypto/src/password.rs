//! Password hashes: Argon2id in PHC string format.
//!
//! Hashing takes about twenty milliseconds of a core and 19 MiB. Callers run it outside their async threads and limit
//! the number of concurrent hashes.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use sojourn_model::Rng;

/// Cost parameters of Argon2id (RFC 9106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Memory size in KiB (`m`).
    pub memory_kib: u32,
    /// Number of passes (`t`).
    pub iterations: u32,
    /// Degree of parallelism (`p`).
    pub lanes: u32,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, lanes: 1 }
    }
}

impl PasswordPolicy {
    /// Hashes a password; `None` only if the parameters are invalid.
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

    /// Returns whether a hash is cheaper than this policy requires, or not an Argon2id hash.
    #[must_use]
    pub fn is_weaker(&self, phc: &str) -> bool {
        let Ok(hash) = PasswordHash::new(phc) else { return true };
        if !phc.starts_with("$argon2id$") {
            return true;
        }
        let Ok(params) = Params::try_from(&hash) else { return true };
        params.m_cost() < self.memory_kib || params.t_cost() < self.iterations
    }
}

/// Number of bytes of a password that the strength estimate examines: its cost grows faster than the length.
const GUESSED_BYTES_MAX: usize = 128;

/// Returns whether a million guesses find a password: it is among the most common ones, or similar to them, to keyboard
/// patterns or to what is known about the user (`about`).
#[must_use]
pub fn is_guessable(password: &str, about: &[&str]) -> bool {
    let mut end = password.len().min(GUESSED_BYTES_MAX);
    while !password.is_char_boundary(end) {
        end -= 1;
    }
    let looked_at = password.get(..end).unwrap_or_default();
    is_own_name(looked_at, about) || zxcvbn::zxcvbn(looked_at, about).score() < zxcvbn::Score::Two
}

/// Returns whether little is left of a password without the user's names: concatenated in any order, or with digits
/// appended.
fn is_own_name(password: &str, about: &[&str]) -> bool {
    const LEFT_MIN: usize = 4;
    let mut rest = password.to_lowercase();
    let mut names: Vec<String> = about
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|name| name.chars().count() >= 3)
        .map(str::to_lowercase)
        .collect();
    names.sort_unstable_by_key(|name| std::cmp::Reverse(name.len()));
    for name in &names {
        rest = rest.replace(name.as_str(), " ");
    }
    let left = rest.chars().filter(|c| c.is_alphanumeric()).count();
    rest.contains(' ')
        && left < LEFT_MIN
        && names.iter().any(|name| password.to_lowercase().contains(name.as_str()))
}

/// Returns whether a password matches a hash by Argon2, or by bcrypt, PBKDF2 or scrypt in another system. The cost
/// parameters come from the hash.
#[must_use]
pub fn verify(password: &str, hash: &str) -> bool {
    if is_bcrypt(hash) {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    let Ok(parsed) = PasswordHash::new(hash) else { return false };
    let password = password.as_bytes();
    match family(hash) {
        Some("pbkdf2") => pbkdf2::Pbkdf2::default().verify_password(password, &parsed).is_ok(),
        Some("scrypt") => scrypt::Scrypt::default().verify_password(password, &parsed).is_ok(),
        _ => Argon2::default().verify_password(password, &parsed).is_ok(),
    }
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix))
}

fn family(hash: &str) -> Option<&'static str> {
    let name = hash.strip_prefix('$')?.split('$').next()?;
    match name {
        "argon2id" | "argon2i" | "argon2d" => Some("argon2"),
        "pbkdf2-sha256" | "pbkdf2-sha512" => Some("pbkdf2"),
        "scrypt" => Some("scrypt"),
        _ => None,
    }
}

/// Checks that a hash from another system can be verified, at a cost that doesn't enable denial of service.
///
/// # Errors
/// An English description of what is wrong with the hash.
pub fn importable(hash: &str) -> Result<(), &'static str> {
    const COSTLY: &str = "this hash costs too much to verify";
    if is_bcrypt(hash) {
        let cost = hash.get(4..6).and_then(|cost| cost.parse::<u32>().ok());
        let whole = hash.len() == 60 && cost.is_some();
        return match cost {
            Some(cost) if whole && (4..=14).contains(&cost) => Ok(()),
            Some(_) if whole => Err(COSTLY),
            _ => Err("this is no bcrypt hash"),
        };
    }
    let parsed = PasswordHash::new(hash);
    let parsed = parsed.map_err(|_| "give a hash of Argon2, bcrypt, PBKDF2 or scrypt")?;
    let number = |name: &str| parsed.params.get_decimal(name).unwrap_or(0);
    let bearable = match family(hash) {
        Some("argon2") => number("m") <= 256 * 1024 && number("t") <= 10 && number("p") <= 16,
        Some("pbkdf2") => number("i") <= 2_000_000,
        Some("scrypt") => number("ln") <= 17 && number("r") <= 16 && number("p") <= 4,
        _ => return Err("give a hash of Argon2, bcrypt, PBKDF2 or scrypt"),
    };
    if bearable { Ok(()) } else { Err(COSTLY) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    #[test]
    fn common_passwords_and_ones_own_name_are_guessable() {
        for (password, guessable) in [
            ("password1", true),
            ("qwertyuiop", true),
            ("12345678", true),
            ("alexander1", true),
            ("new-word-1", false),
            ("vier Igel im Regen", false),
            (&"ü".repeat(500), true),
        ] {
            assert_eq!(is_guessable(password, &["alexander"]), guessable, "{password}");
        }
    }

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
