//! Passwords and operator-chosen secrets: hashed and verified off the async threads, under a bound.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use sojourn_crypto::password;
use sojourn_model::Millis;
use sojourn_model::limits::{PASSWORD_BYTES_MAX, VERIFIED_CACHE_MAX};

use crate::directory::opaque;
use crate::engine::Engine;
use crate::error::EngineError;

/// How long a verified secret is remembered, in milliseconds.
const REMEMBER_MS: i64 = 60_000;

/// A future that a trait object answers.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs heavy work where it holds nobody up.
pub trait Offload: Send + Sync {
    /// Runs a job and resolves to `true` when it was run, or to `false` at once when too many wait.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Boxed<'_, bool>;

    /// Jobs that run or wait.
    fn waiting(&self) -> usize;
}

/// Secrets verified a moment ago, under a keyed hash, so that a client that sends its password with
/// each request isn't held up by the hash each time.
#[derive(Default)]
pub(crate) struct Verified(Mutex<HashMap<[u8; 32], Millis>>);

impl Verified {
    fn has(&self, key: &[u8; 32], now: Millis) -> bool {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Longer than that was remembered by a clock that has gone back since.
        map.get(key).is_some_and(|until| (1..=REMEMBER_MS).contains(&until.since(now)))
    }

    fn put(&self, key: [u8; 32], now: Millis) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= VERIFIED_CACHE_MAX {
            map.retain(|_, until| *until > now);
            if map.len() >= VERIFIED_CACHE_MAX {
                map.clear();
            }
        }
        map.insert(key, now.plus(REMEMBER_MS));
    }
}

impl Engine {
    pub(crate) async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, mut answered) = tokio::sync::oneshot::channel();
        let ran = self
            .offload
            .run(Box::new(move || {
                let _ = answer.send(work());
            }))
            .await;
        if !ran {
            return Err(EngineError::Busy);
        }
        answered.try_recv().map_err(|_| EngineError::Busy)
    }

    /// Hashes a password.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] when it is empty or too long, [`EngineError::Busy`].
    pub async fn hash_password(&self, password: &str) -> Result<String, EngineError> {
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Err(EngineError::Invalid(format!(
                "a password has 1 to {PASSWORD_BYTES_MAX} bytes"
            )));
        }
        let policy = self.settings.password;
        let password = opaque(password).into_owned();
        let rng = std::sync::Arc::clone(&self.rng);
        self.off_thread(move || policy.hash(&password, &*rng))
            .await?
            .ok_or_else(|| EngineError::Key("the password parameters are impossible".into()))
    }

    /// Verifies a password. Without a hash the same work is done for nothing, so that the time tells
    /// no one whether the account exists.
    pub(crate) async fn verify_password(
        &self,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool, EngineError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let policy = self.settings.password;
        // As it is hashed now; and as it was typed, which is what was hashed earlier.
        let prepared = opaque(password).into_owned();
        let typed = Some(password.to_owned()).filter(|typed| *typed != prepared);
        let password = prepared;
        let hash = hash.map(str::to_owned);
        let rng = std::sync::Arc::clone(&self.rng);
        self.off_thread(move || match hash {
            Some(hash) => {
                password::verify(&password, &hash)
                    || typed.is_some_and(|typed| password::verify(&typed, &hash))
            }
            None => {
                let _ = policy.hash(&password, &*rng);
                if let Some(typed) = typed {
                    let _ = policy.hash(&typed, &*rng);
                }
                false
            }
        })
        .await
    }

    /// Verifies a secret that comes with each request; a good one is remembered for a minute.
    pub(crate) async fn verify_remembered(
        &self,
        secret: &str,
        hash: Option<&str>,
    ) -> Result<bool, EngineError> {
        let now = self.now();
        let key = hash.map(|hash| {
            self.hasher.keyed("verified secret", &[secret.as_bytes(), hash.as_bytes()])
        });
        if key.as_ref().is_some_and(|key| self.verified.has(key, now)) {
            return Ok(true);
        }
        let good = self.verify_password(secret, hash).await?;
        if let Some(key) = key.filter(|_| good) {
            self.verified.put(key, now);
        }
        Ok(good)
    }

    /// Remembers a secret that was verified otherwise.
    pub(crate) fn remember_verified(&self, secret: &str, hash: Option<&str>) {
        if let Some(hash) = hash {
            let key = self.hasher.keyed("verified secret", &[secret.as_bytes(), hash.as_bytes()]);
            self.verified.put(key, self.now());
        }
    }

    /// Whether a secret would be answered from memory; then it needn't be counted as an attempt.
    pub(crate) fn is_remembered(&self, secret: &str, hash: Option<&str>) -> bool {
        hash.is_some_and(|hash| {
            let key = self.hasher.keyed("verified secret", &[secret.as_bytes(), hash.as_bytes()]);
            self.verified.has(&key, self.now())
        })
    }
}
