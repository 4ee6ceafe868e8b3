//! Keys for signatures to service providers. Each tenant has separate keys for SAML, because many service providers
//! pin the certificate: a key of OpenID Connect may change at any time, whereas one of these is published long in
//! advance.

use std::sync::Arc;

use sojourn_crypto::{Certificate, SigningKey, self_signed};
use sojourn_model::{
    ChangeSet, EventName, Millis, NewEvent, Op, Outcome, SamlChange, SigningAlg, StoredSamlKey,
    Subject, Tenant, TenantId,
};
use sojourn_saml::signature::Signer;

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memory::key_sets::{SamlKey, SamlKeys};
use crate::rights::Right;

const DAY_MS: i64 = 24 * 3_600_000;
/// Validity of a certificate, in milliseconds: three years.
const VALID_MS: i64 = 3 * 365 * DAY_MS;
/// How long before its expiry a certificate is renewed automatically: then the next one is published.
const RENEW_BEFORE_MS: i64 = 90 * DAY_MS;
/// How long the next key is published before it signs, so that service providers that read metadata know it by then.
const AHEAD_MS: i64 = 30 * DAY_MS;
/// How long a key stays published after the next one starts to sign.
const AFTER_MS: i64 = 30 * DAY_MS;

fn place(tenant: TenantId, alg: SigningAlg) -> String {
    format!("saml_key/{}/{}/sealed_private", tenant.0, alg.as_str())
}

impl Engine {
    /// A tenant's keys for SAML, parsed.
    ///
    /// # Errors
    /// [`EngineError::Key`] if one of them can't be opened.
    pub async fn saml_keys(&self, tenant: TenantId) -> Result<Arc<SamlKeys>, EngineError> {
        let stamp = self.refresh_catalog(tenant).await?;
        if let Some(keys) = self.catalog.saml_keys(tenant) {
            return Ok(keys);
        }
        let mut set = SamlKeys::default();
        for stored in self.store.saml_keys(tenant).await? {
            let pkcs8 = self.secrets.open(&place(tenant, stored.alg), &stored.sealed_private)?;
            let key = SigningKey::from_pkcs8(stored.alg, &pkcs8)?;
            let certificate = Certificate::from_der(&stored.certificate)
                .map_err(|error| EngineError::Key(error.to_string()))?;
            set.keys.push(SamlKey {
                signer: Arc::new(Signer::new(key, certificate)?),
                alg: stored.alg,
                generation: stored.generation,
                active_from: stored.active_from,
                retired_at: stored.retired_at,
            });
        }
        let set = Arc::new(set);
        self.catalog.keep_saml_keys(tenant, stamp, Arc::clone(&set));
        Ok(set)
    }

    /// A tenant's keys for SAML, including one for an algorithm; creates the first one if there is none.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn saml_keys_with(
        &self,
        tenant: &Tenant,
        alg: SigningAlg,
    ) -> Result<Arc<SamlKeys>, EngineError> {
        let keys = self.saml_keys(tenant.id).await?;
        if keys.newest(alg).is_some() {
            return Ok(keys);
        }
        let _one = self.saml_tended.making.lock().await;
        let keys = self.saml_keys(tenant.id).await?;
        if keys.newest(alg).is_some() {
            return Ok(keys);
        }
        let key = self.new_saml_key(tenant, alg, 1, self.now()).await?;
        let event = self.saml_key_event(tenant, &key, &Authority::system());
        let mut change = ChangeSet::of(tenant.id, Op::Saml(SamlChange::AddKey(key)));
        change.events.push(event);
        // A duplicate means that another node was faster; its key is as good.
        self.apply(change).await?;
        self.catalog.changed(tenant.id);
        self.saml_keys(tenant.id).await
    }

    /// The key that currently signs to a service provider, with its certificate.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub(super) async fn saml_signer(
        &self,
        tenant: &Tenant,
        alg: SigningAlg,
    ) -> Result<Arc<Signer>, EngineError> {
        let keys = self.saml_keys_with(tenant, alg).await?;
        let key = keys.signer(alg, self.now()).ok_or(EngineError::NotFound("SAML key"))?;
        Ok(Arc::clone(&key.signer))
    }

    async fn new_saml_key(
        &self,
        tenant: &Tenant,
        alg: SigningAlg,
        generation: i64,
        active_from: Millis,
    ) -> Result<StoredSamlKey, EngineError> {
        if !matches!(alg, SigningAlg::Rs256 | SigningAlg::Es256) {
            return Err(EngineError::Invalid("SAML is signed with RS256 or ES256".into()));
        }
        let pkcs8 =
            self.off_thread(move || SigningKey::generate(alg)).await?.map_err(EngineError::from)?;
        let name = format!("{} SAML", self.settings.host());
        let now = self.now();
        let certificate = self_signed(&pkcs8, &name, now.plus(-DAY_MS), now.plus(VALID_MS))?;
        let sealed_private = self.secrets.seal(&place(tenant.id, alg), &pkcs8, &*self.rng)?;
        Ok(StoredSamlKey {
            alg,
            generation,
            sealed_private,
            certificate: certificate.der().to_vec(),
            created_at: now,
            active_from,
            retired_at: None,
        })
    }

    fn saml_key_event(&self, tenant: &Tenant, key: &StoredSamlKey, by: &Authority) -> NewEvent {
        let data = serde_json::json!({
            "use": "saml", "alg": key.alg.as_str(), "generation": key.generation,
            "active_from": key.active_from.0,
        });
        NewEvent {
            subject: Subject::Tenant(tenant.id),
            name: EventName::PostAddKey,
            actor: by.actor(),
            at: self.now(),
            session: None,
            data: data.to_string(),
        }
    }

    /// Publishes a new certificate. Its key signs after `after_ms` (default: 30 days). The previous one stays
    /// published for 30 days more. Returns the time from which the new one signs.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no key of the algorithm, [`EngineError::Exists`] if the next one is
    /// published already.
    pub async fn rotate_saml_key(
        &self,
        tenant: &Tenant,
        alg: SigningAlg,
        after_ms: Option<i64>,
        by: &Authority,
    ) -> Result<Millis, EngineError> {
        by.must(tenant, Right::ConfigUpdate)?;
        let now = self.now();
        let keys = self.saml_keys(tenant.id).await?;
        let newest = keys.newest(alg).ok_or(EngineError::NotFound("SAML key of that algorithm"))?;
        if newest.active_from > now {
            return Err(EngineError::Exists("the next key"));
        }
        let active_from = now.plus(after_ms.unwrap_or(AHEAD_MS).max(0));
        let key = self.new_saml_key(tenant, alg, newest.generation + 1, active_from).await?;
        let event = self.saml_key_event(tenant, &key, by);
        let retire = SamlChange::RetireKey {
            alg,
            generation: newest.generation,
            at: active_from.plus(AFTER_MS),
        };
        let mut change =
            ChangeSet::of(tenant.id, Op::Saml(SamlChange::AddKey(key))).with(Op::Saml(retire));
        change.events.push(event);
        let detail = serde_json::json!({ "alg": alg.as_str(), "active_from": active_from.0 });
        change.audit.push(self.audit_row(&by.actor(), "saml_key.rotate", alg.as_str(), &detail));
        match self.apply(change).await? {
            Outcome::Applied(_) => {
                self.catalog.changed(tenant.id);
                Ok(active_from)
            }
            _ => Err(EngineError::Exists("the next key")),
        }
    }

    /// Publishes the next key wherever a certificate expires within 90 days, in all tenants, and returns how many.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn rotate_due_saml_keys(&self) -> Result<usize, EngineError> {
        let mut rotated = 0;
        for tenant in self.store.tenants().await? {
            let keys = self.saml_keys(tenant.id).await?;
            for alg in [SigningAlg::Rs256, SigningAlg::Es256] {
                let Some(newest) = keys.newest(alg) else { continue };
                let until = newest.signer.certificate().valid_until();
                if until.since(self.now()) > RENEW_BEFORE_MS {
                    continue;
                }
                match self.rotate_saml_key(&tenant, alg, None, &Authority::system()).await {
                    Ok(_) => rotated += 1,
                    // Another node was faster.
                    Err(EngineError::Exists(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(rotated)
    }
}
