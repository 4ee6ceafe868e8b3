//! The master key: the only secret outside the database. All other keys are derived from it or encrypted under it.

use aws_lc_rs::{hkdf, hmac};
use sojourn_model::Rng;

use crate::digest::{b64url, unb64url};

/// A master key. Tokens and sealed secrets carry its number.
#[derive(Clone)]
pub struct MasterKey {
    /// Number of the key, from 1; a rotation adds a key with a higher number.
    pub number: u8,
    bytes: [u8; 32],
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey(number {})", self.number)
    }
}

/// Error for an invalid master key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// A line isn't `sojourn-master-key <number> <43 characters of base64url>`.
    #[error("line {0} is not 'sojourn-master-key <number> <key>'")]
    Line(usize),
    /// The file contains no key.
    #[error("the file holds no key")]
    Empty,
}

struct Length32;

impl hkdf::KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

impl MasterKey {
    /// Generates a new random key.
    pub fn generate(number: u8, rng: &dyn Rng) -> Self {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        Self { number, bytes }
    }

    /// Parses a key file: one key per line, with the key in use last. Empty lines and lines that begin with `#` are
    /// ignored.
    ///
    /// # Errors
    /// [`MasterKeyError::Line`] names the first invalid line; [`MasterKeyError::Empty`] if there is no key.
    pub fn read_all(text: &str) -> Result<Vec<Self>, MasterKeyError> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = MasterKeyError::Line(index + 1);
            let mut words = line.split_whitespace();
            let (Some("sojourn-master-key"), Some(number), Some(key), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(wrong);
            };
            let number = number.parse().map_err(|_| wrong.clone())?;
            let bytes = unb64url(key)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| wrong.clone())?;
            keys.push(Self { number, bytes });
        }
        if keys.is_empty() { Err(MasterKeyError::Empty) } else { Ok(keys) }
    }

    /// Returns the line that [`MasterKey::read_all`] parses.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("sojourn-master-key {} {}\n", self.number, b64url(&self.bytes))
    }

    /// Derives a key for one purpose (HKDF with SHA-256, RFC 5869).
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sojourn");
        let mut out = [0; 32];
        // Expanding to 32 bytes can't fail: HKDF provides up to 255 blocks.
        let info = [purpose.as_bytes()];
        if let Ok(okm) = salt.extract(&self.bytes).expand(&info, Length32) {
            let _ = okm.fill(&mut out);
        }
        out
    }

    /// Derives an HMAC-SHA-256 key for one purpose.
    #[must_use]
    pub fn mac_key(&self, purpose: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.derive(purpose))
    }

    /// Returns a value by which a database recognises its master key and which reveals nothing about the key.
    #[must_use]
    pub fn check_value(&self) -> String {
        format!("{}:{}", self.number, b64url(&self.derive("check value")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    #[test]
    fn a_file_is_read_back_and_mistakes_are_named() {
        let key = MasterKey::generate(1, &SystemRng);
        let read = MasterKey::read_all(&key.to_line()).expect("own line");
        assert_eq!(read[0].derive("x"), key.derive("x"));
        assert_ne!(key.derive("x"), key.derive("y"));
        assert_ne!(key.derive("x"), [0; 32]);
        assert_eq!(MasterKey::read_all("").err(), Some(MasterKeyError::Empty));
        let two = format!("{}sojourn-master-key 2 short\n", key.to_line());
        assert_eq!(MasterKey::read_all(&two).err(), Some(MasterKeyError::Line(2)));
    }
}
