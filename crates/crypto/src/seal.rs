//! Secrets at rest: encrypted under the master key and bound to the place where they are stored.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sojourn_model::Rng;

use crate::master::MasterKey;

/// Error for a sealed value that can't be opened: it has another master key or another place, or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open: wrong master key, wrong place or damaged")]
pub struct SealError;

pub(crate) fn aead_key(bytes: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM_SIV, bytes).map(LessSafeKey::new).map_err(|_| SealError)
}

/// Seals and opens secrets that the program itself has to use, such as signing keys.
pub struct SecretBox {
    keys: Vec<(u8, LessSafeKey)>,
}

impl SecretBox {
    /// Creates a box with the keys of a master key file. The last key seals; all keys open.
    ///
    /// # Errors
    /// [`SealError`] if the provider rejects a key.
    pub fn new(masters: &[MasterKey]) -> Result<Self, SealError> {
        let keys = masters
            .iter()
            .map(|master| Ok((master.number, aead_key(&master.derive("secrets at rest"))?)))
            .collect::<Result<Vec<_>, SealError>>()?;
        Ok(Self { keys })
    }

    /// Seals a value for one place, which `place` names (table, row and column).
    ///
    /// # Errors
    /// [`SealError`] if there is no key or the provider fails.
    pub fn seal(&self, place: &str, plain: &[u8], rng: &dyn Rng) -> Result<Vec<u8>, SealError> {
        let (number, key) = self.keys.last().ok_or(SealError)?;
        let mut nonce = [0; NONCE_LEN];
        rng.fill(&mut nonce);
        let mut body = plain.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut body,
        )
        .map_err(|_| SealError)?;
        let mut out = vec![*number];
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&body);
        Ok(out)
    }

    /// Opens a value that was sealed for the same place.
    ///
    /// # Errors
    /// [`SealError`] if the value was sealed for another place or under an unknown key, or is damaged.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (number, rest) = sealed.split_first().ok_or(SealError)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let (_, key) = self.keys.iter().find(|(n, _)| n == number).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let mut body = body.to_vec();
        let plain = key
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| SealError)?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    #[test]
    fn opens_at_its_place_with_its_key_alone() {
        let old = MasterKey::generate(1, &SystemRng);
        let new = MasterKey::generate(2, &SystemRng);
        let sealed = SecretBox::new(std::slice::from_ref(&old))
            .and_then(|one| one.seal("signing_key/a", b"secret", &SystemRng))
            .expect("seals");
        let both = SecretBox::new(&[old, new.clone()]).expect("keys");
        assert_eq!(both.open("signing_key/a", &sealed).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(both.open("signing_key/b", &sealed), Err(SealError));
        assert_eq!(
            SecretBox::new(&[new]).expect("key").open("signing_key/a", &sealed),
            Err(SealError)
        );
        let mut damaged = sealed;
        *damaged.last_mut().expect("bytes") ^= 1;
        assert_eq!(both.open("signing_key/a", &damaged), Err(SealError));
        assert_eq!(both.open("signing_key/a", &[1, 2, 3]), Err(SealError));
    }
}
