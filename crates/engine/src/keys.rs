//! Signing keys and the master key.

use sojourn_crypto::{MasterKey, SigningKey};
use sojourn_model::{Actor, ChangeSet, Op, Outcome, SigningAlg, StoredKey, TenantId};
use sojourn_store::Store;

use crate::engine::Engine;
use crate::error::EngineError;

/// Names the place that a sealed signing key is bound to.
pub(crate) fn place(tenant: TenantId, alg: SigningAlg) -> String {
    format!("signing_key/{}/{}/sealed_private", tenant.0, alg.as_str())
}

impl Engine {
    /// Makes the signing keys that a tenant lacks. Takes a good part of a second where an RSA key is
    /// made, and nothing where all are there.
    ///
    /// # Errors
    /// [`EngineError`] when the database or the provider fails.
    pub async fn ensure_keys(&self, tenant: TenantId) -> Result<(), EngineError> {
        let there = self.store.signing_keys(tenant).await?;
        for alg in SigningAlg::ALL {
            if there.iter().any(|key| key.alg == alg) {
                continue;
            }
            let pkcs8 = self
                .off_thread(move || SigningKey::generate(alg))
                .await?
                .map_err(EngineError::from)?;
            let key = SigningKey::from_pkcs8(alg, &pkcs8)?;
            let sealed_private = self.secrets.seal(&place(tenant, alg), &pkcs8, &*self.rng)?;
            let kid = key.kid().to_owned();
            let stored = StoredKey { tenant, kid, alg, sealed_private, created_at: self.now() };
            // A duplicate means that another node was quicker; its key serves as well.
            self.apply(ChangeSet::of(tenant, Op::AddKey(stored))).await?;
        }
        self.catalog.changed(tenant);
        Ok(())
    }
}

impl Engine {
    fn backup_note(&self) -> String {
        format!("master_key_backed_up/{}", self.master_key_number)
    }

    /// Whether someone said that the master key in use is kept at another place.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn master_key_is_backed_up(&self) -> Result<bool, EngineError> {
        Ok(self.store.meta(&self.backup_note()).await?.is_some())
    }

    /// Notes that the master key in use is kept at another place, and answers its number.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn master_key_backed_up(&self) -> Result<u8, EngineError> {
        let op = Op::SetMeta { name: self.backup_note(), value: self.now().0.to_string() };
        let mut change = ChangeSet::of(TenantId::DEFAULT, op);
        let number = self.master_key_number;
        change.audit.push(self.audit_row(
            &Actor::Operator,
            "master_key.backed_up",
            number,
            &serde_json::json!({}),
        ));
        // A duplicate: it was noted before.
        self.apply(change).await?;
        Ok(number)
    }
}

/// Compares the master key with the one that the database belongs to; a new database is bound to it.
///
/// # Errors
/// [`EngineError::Key`] when the database belongs to another key.
pub async fn ensure_master_key(store: &Store, keys: &[MasterKey]) -> Result<(), EngineError> {
    const NAME: &str = "master_key_check";
    let Some(first) = keys.first() else {
        return Err(EngineError::Key("there is no master key".into()));
    };
    for _ in 0..2 {
        if let Some(kept) = store.meta(NAME).await? {
            return if keys.iter().any(|key| key.check_value() == kept) {
                Ok(())
            } else {
                Err(EngineError::Key(
                    "the database belongs to another master key: start with the key file that it \
                     was made with"
                        .into(),
                ))
            };
        }
        let set = Op::SetMeta { name: NAME.into(), value: first.check_value() };
        // A duplicate: another node bound it in between; compare with that.
        match store.apply(ChangeSet::of(TenantId::DEFAULT, set)).await? {
            Outcome::Applied(_) => return Ok(()),
            _ => continue,
        }
    }
    Err(EngineError::Contended)
}
