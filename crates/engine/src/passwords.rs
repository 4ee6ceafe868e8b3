//! Hashes and verifies passwords and operator-chosen secrets outside of the async threads, with limited concurrency.

use sojourn_crypto::password;
use sojourn_model::limits::PASSWORD_BYTES_MAX;
use sojourn_model::{ChangeSet, Op, User};

use crate::directory::opaque;
use crate::engine::Engine;
use crate::error::EngineError;

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
                "a password must have 1 to {PASSWORD_BYTES_MAX} bytes"
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

    /// Rehashes a verified password if the hash settings have changed.
    pub(super) async fn push_password_upgrade(
        &self,
        user: &User,
        password: &str,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if let Some(hash) =
            user.password_hash.as_ref().filter(|hash| self.settings.password.is_weaker(hash))
        {
            let to = self.hash_password(password).await?;
            change.ops.push(Op::UpgradePassword { user: user.id, from: hash.clone(), to });
        }
        Ok(())
    }
}
