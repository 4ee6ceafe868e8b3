//! Creation, rotation and replacement of signing keys, and the check of the master key.

use sojourn_crypto::{MasterKey, SigningKey};
use sojourn_model::limits::CONFLICT_RETRIES_MAX;
use sojourn_model::{
    Actor, ChangeSet, EventName, Millis, NewEvent, Op, Outcome, SigningAlg, StoredKey, Subject,
    Tenant, TenantId,
};
use sojourn_store::Store;

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memory::key_sets::{REPLACED, place};
use crate::rights::Right;

/// Algorithms for which keys are created with every tenant. Other keys are created when an application first needs
/// them, because generating an RSA key is slow.
const FROM_THE_START: [SigningAlg; 3] = [SigningAlg::Rs256, SigningAlg::Es256, SigningAlg::EdDsa];
/// How much longer a rotated key is published than the longest lifetime of what it signed, in milliseconds.
const RETIRE_SLACK_MS: i64 = 5 * 60_000;

impl Engine {
    /// Creates the signing keys that a tenant lacks. Generating an RSA key takes a good part of a second; if all keys
    /// exist, this returns at once.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn ensure_keys(&self, tenant: TenantId) -> Result<(), EngineError> {
        for alg in FROM_THE_START {
            self.ensure_key(tenant, alg).await?;
        }
        Ok(())
    }

    /// Creates a tenant's first key of an algorithm, unless one exists.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn ensure_key(&self, tenant: TenantId, alg: SigningAlg) -> Result<(), EngineError> {
        let keys = self.keys(tenant).await?;
        if keys.signer(alg, self.now()).is_some() {
            return Ok(());
        }
        let key = self.new_key(tenant, alg, 1, self.now()).await?;
        // A duplicate means that another node was faster; its key is as good.
        let event = self.key_event(&key, &Actor::System);
        let mut change = ChangeSet::of(tenant, Op::AddKey(key));
        change.events.push(event);
        self.apply(change).await?;
        self.catalog.changed(tenant);
        Ok(())
    }

    fn key_event(&self, key: &StoredKey, actor: &Actor) -> NewEvent {
        NewEvent {
            subject: Subject::Tenant(key.tenant),
            name: EventName::PostAddKey,
            actor: actor.clone(),
            at: self.now(),
            session: None,
            data: serde_json::json!({ "kid": key.kid, "alg": key.alg.as_str() }).to_string(),
        }
    }

    async fn new_key(
        &self,
        tenant: TenantId,
        alg: SigningAlg,
        generation: i64,
        active_from: Millis,
    ) -> Result<StoredKey, EngineError> {
        let pkcs8 =
            self.off_thread(move || SigningKey::generate(alg)).await?.map_err(EngineError::from)?;
        let key = SigningKey::from_pkcs8(alg, &pkcs8)?;
        let sealed_private = self.secrets.seal(&place(tenant, alg), &pkcs8, &*self.rng)?;
        Ok(StoredKey {
            tenant,
            kid: key.kid().to_owned(),
            alg,
            sealed_private,
            created_at: self.now(),
            generation,
            active_from,
            retired_at: None,
        })
    }

    /// Publishes a new key of an algorithm, which starts to sign after a while; the previous one stays published
    /// until everything that it signed has expired. Returns the new key's `kid`.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no key of the algorithm, [`EngineError::Exists`] if the next one is
    /// published already.
    pub async fn rotate_key(
        &self,
        tenant: &Tenant,
        alg: SigningAlg,
        by: &Authority,
    ) -> Result<String, EngineError> {
        by.must(tenant, Right::ConfigUpdate)?;
        let actor = &by.actor();
        let now = self.now();
        let keys = self.keys(tenant.id).await?;
        let newest = keys
            .keys
            .iter()
            .filter(|key| key.key.alg() == alg)
            .max_by_key(|key| key.generation)
            .ok_or(EngineError::NotFound("key of that algorithm"))?;
        if newest.active_from > now {
            return Err(EngineError::Exists("the next key"));
        }
        let active_from = now.plus(self.settings.keys.publish_ahead_ms);
        let generation = newest.generation + 1;
        let key = self.new_key(tenant.id, alg, generation, active_from).await?;
        let kid = key.kid.clone();
        let lifetimes = &self.settings.lifetimes;
        let longest = lifetimes
            .id_token_ms
            .max(lifetimes.logout_token_ms)
            .max(lifetimes.jwt_access_token_ms)
            .max(lifetimes.delivery_ms)
            .max(sojourn_model::limits::TOKEN_LIFETIME_MAX_MS);
        let retire = Op::RetireKey {
            alg,
            generation: newest.generation,
            at: active_from.plus(longest + RETIRE_SLACK_MS),
        };
        let event = self.key_event(&key, actor);
        let mut change = ChangeSet::of(tenant.id, Op::AddKey(key)).with(retire);
        change.events.push(event);
        let detail = serde_json::json!({ "alg": alg.as_str(), "active_from": active_from.0 });
        change.audit.push(self.audit_row(actor, "key.rotate", &kid, &detail));
        match self.apply(change).await? {
            Outcome::Applied(_) => {
                self.catalog.changed(tenant.id);
                Ok(kid)
            }
            _ => Err(EngineError::Exists("the next key")),
        }
    }

    /// Replaces the keys of an algorithm immediately, because they may be compromised: a new key signs from now on,
    /// and the previous ones are neither published nor accepted. Everyone who fetches the keys refuses what they
    /// signed. Returns the new key's `kid`.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no key of the algorithm.
    pub async fn replace_keys(
        &self,
        tenant: &Tenant,
        alg: SigningAlg,
        by: &Authority,
    ) -> Result<String, EngineError> {
        by.must(tenant, Right::ConfigUpdate)?;
        let actor = &by.actor();
        for _ in 0..CONFLICT_RETRIES_MAX {
            let keys = self.keys(tenant.id).await?;
            let of = || keys.keys.iter().filter(|key| key.key.alg() == alg);
            let newest = of().map(|key| key.generation).max();
            let newest = newest.ok_or(EngineError::NotFound("key of that algorithm"))?;
            let key = self.new_key(tenant.id, alg, newest + 1, self.now()).await?;
            let kid = key.kid.clone();
            let event = self.key_event(&key, actor);
            let mut change = ChangeSet::of(tenant.id, Op::AddKey(key));
            change.ops.extend(of().map(|key| Op::RetireKey {
                alg,
                generation: key.generation,
                at: REPLACED,
            }));
            change.events.push(event);
            let detail = serde_json::json!({ "alg": alg.as_str(), "now": true });
            change.audit.push(self.audit_row(actor, "key.rotate", &kid, &detail));
            let outcome = self.apply(change).await?;
            self.catalog.changed(tenant.id);
            if matches!(outcome, Outcome::Applied(_)) {
                return Ok(kid);
            }
        }
        Err(EngineError::Contended)
    }

    /// Publishes the next keys of all tenants with a due rotation, and returns how many.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn rotate_due_keys(&self) -> Result<usize, EngineError> {
        let Some(every) = self.settings.keys.rotate_every_ms else { return Ok(0) };
        let ahead = self.settings.keys.publish_ahead_ms;
        let mut rotated = 0;
        for tenant in self.store.tenants().await? {
            let keys = self.keys(tenant.id).await?;
            for alg in SigningAlg::ALL {
                let of = keys.keys.iter().filter(|key| key.key.alg() == alg);
                let newest = of.max_by_key(|key| key.generation);
                let due =
                    newest.is_some_and(|key| key.active_from.plus(every - ahead) <= self.now());
                if due {
                    match self.rotate_key(&tenant, alg, &Authority::system()).await {
                        Ok(_) => rotated += 1,
                        // Another node was faster.
                        Err(EngineError::Exists(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(rotated)
    }
}

impl Engine {
    fn backup_note(&self) -> String {
        format!("master_key_backed_up/{}", self.master_key_number)
    }

    /// Returns whether an operator confirmed that the master key in use is backed up.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn master_key_is_backed_up(&self) -> Result<bool, EngineError> {
        Ok(self.store.meta(&self.backup_note()).await?.is_some())
    }

    /// Stores that the master key in use is backed up, and returns its number.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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
        // A duplicate means that the backup was confirmed before.
        self.apply(change).await?;
        Ok(number)
    }
}

/// Compares the master key with the one that the database belongs to; binds a new database to it.
///
/// # Errors
/// [`EngineError::Key`] if the database belongs to another key.
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
        // A duplicate means that another node bound the database in the meantime; compare with its value.
        match store.apply(ChangeSet::of(TenantId::DEFAULT, set)).await? {
            Outcome::Applied(_) => return Ok(()),
            _ => continue,
        }
    }
    Err(EngineError::Contended)
}
