//! Hashes and verifies passwords and operator-chosen secrets outside of the async threads, with limited concurrency.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use sojourn_crypto::password;
use sojourn_model::Millis;
use sojourn_model::limits::{PASSWORD_BYTES_MAX, VERIFIED_CACHE_MAX};

use crate::directory::opaque;
use crate::engine::Engine;
use crate::error::EngineError;

/// How long a verified secret is cached, in milliseconds.
const REMEMBER_MS: i64 = 60_000;

/// A boxed future, as methods of trait objects return it.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs CPU-heavy work without blocking other requests.
pub trait Offload: Send + Sync {
    /// Runs a job and resolves to `true`, or immediately resolves to `false` if too many jobs wait.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Boxed<'_, bool>;

    /// Number of jobs that run or wait.
    fn waiting(&self) -> usize;
}

/// Secrets that were verified recently, by keyed hash, so that a client that sends its password with each request
/// doesn't wait for the password hash each time.
#[derive(Default)]
pub(crate) struct Verified(Mutex<HashMap<[u8; 32], Millis>>);

impl Verified {
    fn has(&self, key: &[u8; 32], now: Millis) -> bool {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A longer remaining time comes from before the clock went back.
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

    /// Hashes a password with the configured cost.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if it is empty or too long, [`EngineError::Busy`] if too many hashes wait.
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

    /// Verifies a password. Without a hash it does the same work, so that the response time doesn't reveal whether
    /// the account exists.
    pub(crate) async fn verify_password(
        &self,
        password: &str,
        hash: Option<&str>,
    ) -> Result<bool, EngineError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let policy = self.settings.password;
        // The normalised form, as it is hashed now, and the typed form, as earlier versions hashed it.
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

    /// Verifies a secret that a client sends with each request; a correct one is cached for a minute.
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

    /// Caches a secret that was verified in another way.
    pub(crate) fn remember_verified(&self, secret: &str, hash: Option<&str>) {
        if let Some(hash) = hash {
            let key = self.hasher.keyed("verified secret", &[secret.as_bytes(), hash.as_bytes()]);
            self.verified.put(key, self.now());
        }
    }

    /// Returns whether a secret would be verified from the cache; it then needn't be counted as an attempt.
    pub(crate) fn is_remembered(&self, secret: &str, hash: Option<&str>) -> bool {
        hash.is_some_and(|hash| {
            let key = self.hasher.keyed("verified secret", &[secret.as_bytes(), hash.as_bytes()]);
            self.verified.has(&key, self.now())
        })
    }
}
