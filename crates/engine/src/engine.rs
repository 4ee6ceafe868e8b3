//! What all use cases share.

use std::sync::{Arc, Mutex};

use sojourn_crypto::{MasterKey, SecretBox, SecretHasher, TokenKind, TokenSealer};
use sojourn_model::change::AuditRow;
use sojourn_model::{Actor, Applied, ChangeSet, Clock, GrantId, Millis, Outcome, Rng, Tenant};
use sojourn_store::Store;

use crate::catalog::Catalog;
use crate::error::EngineError;
use crate::fetch::{FetchFailures, FetchedKeys, Fetcher};
use crate::outbox::Outbox;
use crate::passwords::{Offload, Verified};
use crate::session::Touches;
use crate::settings::Settings;

/// What the program hands to the engine.
pub struct EngineParts {
    /// The opened database.
    pub store: Store,
    /// The keys of the master key file; the last one is in use.
    pub master_keys: Vec<MasterKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Where heavy work runs.
    pub offload: Arc<dyn Offload>,
    /// Gets documents of applications.
    pub fetcher: Arc<dyn Fetcher>,
    /// Settings.
    pub settings: Settings,
}

/// The use cases. One for a process, shared by all requests.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) offload: Arc<dyn Offload>,
    pub(crate) settings: Settings,
    /// The number of the master key in use.
    pub(crate) master_key_number: u8,
    pub(crate) sealer: TokenSealer,
    pub(crate) secrets: SecretBox,
    pub(crate) hasher: SecretHasher,
    pub(crate) catalog: Catalog,
    pub(crate) verified: Verified,
    pub(crate) touches: Touches,
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) fetched_keys: FetchedKeys,
    pub(crate) fetch_failures: FetchFailures,
    pub(crate) outbox: Outbox,
    pub(crate) jobs: tokio::sync::Notify,
    /// How far the purge has walked through the grants.
    pub(crate) purged_to: Mutex<GrantId>,
}

impl Engine {
    /// Puts the engine together. Nothing is read or written yet.
    ///
    /// # Errors
    /// [`EngineError::Key`] when the provider refuses a key.
    pub fn new(parts: EngineParts) -> Result<Self, EngineError> {
        Ok(Self {
            master_key_number: parts.master_keys.last().map_or(0, |key| key.number),
            sealer: TokenSealer::new(&parts.master_keys)?,
            secrets: SecretBox::new(&parts.master_keys)?,
            hasher: SecretHasher::new(&parts.master_keys),
            store: parts.store,
            clock: parts.clock,
            rng: parts.rng,
            offload: parts.offload,
            fetcher: parts.fetcher,
            fetched_keys: FetchedKeys::default(),
            fetch_failures: FetchFailures::default(),
            settings: parts.settings,
            catalog: Catalog::default(),
            verified: Verified::default(),
            touches: Touches::default(),
            outbox: Outbox::default(),
            jobs: tokio::sync::Notify::new(),
            purged_to: Mutex::new(GrantId([0; 16])),
        })
    }

    /// The database, for reads that need no rule.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Randomness.
    #[must_use]
    pub fn rng(&self) -> &dyn Rng {
        &*self.rng
    }

    /// A tenant's issuer.
    #[must_use]
    pub fn issuer(&self, tenant: &Tenant) -> String {
        self.settings.issuer(tenant)
    }

    /// What this process's ends hand to its delivery worker.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Resolves when this process has written a job since the last time it resolved.
    pub async fn jobs_to_do(&self) {
        self.jobs.notified().await;
    }

    pub(crate) async fn apply(&self, change: ChangeSet) -> Result<Outcome, EngineError> {
        let audit = change.audit.clone();
        let outcome = self.store.apply(change).await?;
        if matches!(outcome, Outcome::Applied(_)) {
            for row in audit {
                tracing::info!(
                    audit.actor = %row.actor,
                    audit.action = row.action,
                    audit.target = row.target,
                    "administrative act"
                );
            }
        }
        Ok(outcome)
    }

    /// Applies a change set that relies on nothing that others may change.
    pub(crate) async fn must_apply(&self, change: ChangeSet) -> Result<Applied, EngineError> {
        match self.apply(change).await? {
            Outcome::Applied(applied) => Ok(applied),
            Outcome::Conflict => Err(EngineError::Contended),
            Outcome::Duplicate => Err(EngineError::Exists("it")),
            Outcome::SessionBoundTokens => Err(EngineError::SessionBoundTokens),
        }
    }

    pub(crate) fn audit_row(
        &self,
        actor: &Actor,
        action: &str,
        target: impl ToString,
        detail: &serde_json::Value,
    ) -> AuditRow {
        AuditRow {
            id: sojourn_model::time::random(&*self.rng),
            at: self.now(),
            actor: actor.clone(),
            action: action.to_owned(),
            target: target.to_string(),
            detail: detail.to_string(),
        }
    }

    /// A keyed hash for a purpose, for values such as CSRF tokens.
    #[must_use]
    pub fn keyed_hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.hasher.keyed(purpose, parts)
    }
}

impl Engine {
    /// Seals what a sign-in page carries back to the request that it interrupted.
    #[must_use]
    pub fn seal_interaction(&self, tenant: &Tenant, body: &[u8]) -> Option<String> {
        self.sealer.seal(TokenKind::Interaction, tenant.id, body).ok()
    }

    /// Opens what was sealed for the same tenant.
    #[must_use]
    pub fn open_interaction(&self, tenant: &Tenant, text: &str) -> Option<Vec<u8>> {
        self.sealer.open(TokenKind::Interaction, tenant.id, text)
    }
}
