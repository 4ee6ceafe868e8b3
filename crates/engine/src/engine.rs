//! The engine: the state that all use cases share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sojourn_crypto::{MasterKey, SecretBox, SecretHasher, TokenKind, TokenSealer};
use sojourn_model::change::AuditRow;
use sojourn_model::limits::CLIENT_HASHES_MAX;
use sojourn_model::{Actor, Clock, GrantId, Millis, Rng, TaskRule, Tenant, TenantId};
use sojourn_store::{Place, Store};

use crate::error::EngineError;
use crate::memory::breaker::Breakers;
use crate::memory::catalog::Catalog;
use crate::memory::fetched::{FetchFailures, FetchedKeys};
use crate::memory::outbox::Outbox;
use crate::memory::present::Present;
use crate::memory::secret_uses::SecretUses;
use crate::memory::tended::Tended;
use crate::memory::throttle::{Lanes, Refused};
use crate::memory::touches::Touches;
use crate::memory::verified::Verified;
use crate::outside::{Fetcher, Letters, Offload};
use crate::settings::Settings;

/// Dependencies that the program passes to [`Engine::new`].
pub struct EngineParts {
    /// The opened database; all durable state is stored in it.
    pub store: Store,
    /// Keys from the master key file; the last one is the one in use.
    pub master_keys: Vec<MasterKey>,
    /// Source of the current time; the engine reads no other clock.
    pub clock: Arc<dyn Clock>,
    /// Source of randomness, for example for ids and retry jitter.
    pub rng: Arc<dyn Rng>,
    /// Runs CPU-heavy work such as password hashing off the async threads.
    pub offload: Arc<dyn Offload>,
    /// Fetches documents that applications publish, such as their keys.
    pub fetcher: Arc<dyn Fetcher>,
    /// Renders mails in the language of the recipient.
    pub letters: Arc<dyn Letters>,
    /// Settings at startup; [`Engine::change_settings`] replaces most of them later.
    pub settings: Settings,
}

/// The use cases; one instance per process, shared by all requests.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) offload: Arc<dyn Offload>,
    pub(crate) letters: Arc<dyn Letters>,
    pub(crate) standing: crate::session::Kept,
    pub(crate) settings: Present,
    pub(crate) scim_types: crate::scim::types::Types,
    /// Number of the master key in use, the last of [`EngineParts::master_keys`].
    pub(crate) master_key_number: u8,
    pub(crate) sealer: TokenSealer,
    pub(crate) secrets: SecretBox,
    pub(crate) hasher: SecretHasher,
    pub(crate) catalog: Catalog,
    pub(crate) verified: Verified,
    pub(crate) refused: Refused,
    pub(crate) lanes: Lanes,
    /// Limits how many hashes of application secrets are computed at the same time.
    pub(crate) client_hashes: tokio::sync::Semaphore,
    pub(crate) touches: Touches,
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) fetched_keys: FetchedKeys,
    pub(crate) secret_uses: SecretUses,
    pub(crate) fetch_failures: FetchFailures,
    pub(crate) saml_tended: Tended,
    pub(crate) outbox: Outbox,
    pub(crate) breakers: Breakers,
    pub(crate) jobs: tokio::sync::Notify,
    /// Signals that a task of a handler may have been written.
    pub(crate) tasks: tokio::sync::watch::Sender<()>,
    /// Rules that state which handlers get tasks for which events.
    pub(crate) task_rules: Vec<TaskRule>,
    /// Signals that a mail was written.
    pub(crate) mail: tokio::sync::Notify,
    /// Signals that a change set was applied.
    pub(crate) changes: tokio::sync::Notify,
    /// Whether this process is running a job at the moment.
    pub(crate) at_job: std::sync::atomic::AtomicBool,
    /// Signals that a job made progress.
    pub(crate) job_moved: tokio::sync::Notify,
    /// Position of the purge in the grants; the next sweep continues there.
    pub(crate) purged_to: Mutex<GrantId>,
    /// Current time at the last sweep, to notice a clock that jumped.
    pub(crate) clock_seen: Mutex<Option<Millis>>,
    /// Per tenant, the place up to which addresses have been removed from the ledger.
    pub(crate) addresses_to: Mutex<HashMap<TenantId, Place>>,
}

impl Engine {
    /// Creates an engine. Doesn't read or write anything yet.
    ///
    /// # Errors
    /// [`EngineError::Key`] if the crypto provider rejects a master key.
    pub fn new(parts: EngineParts) -> Result<Self, EngineError> {
        let mut engine = Self {
            task_rules: Vec::new(),
            master_key_number: parts.master_keys.last().map_or(0, |key| key.number),
            sealer: TokenSealer::new(&parts.master_keys)?,
            secrets: SecretBox::new(&parts.master_keys)?,
            hasher: SecretHasher::new(&parts.master_keys),
            store: parts.store,
            clock: parts.clock,
            rng: parts.rng,
            offload: parts.offload,
            letters: parts.letters,
            standing: crate::session::Kept::default(),
            fetcher: parts.fetcher,
            scim_types: crate::scim::types::Types::new(&parts.settings.custom_attributes),
            fetched_keys: FetchedKeys::default(),
            secret_uses: SecretUses::default(),
            fetch_failures: FetchFailures::default(),
            saml_tended: Tended::default(),
            settings: Present::new(parts.settings),
            catalog: Catalog::default(),
            verified: Verified::default(),
            refused: Refused::default(),
            lanes: Lanes::default(),
            client_hashes: tokio::sync::Semaphore::new(CLIENT_HASHES_MAX),
            touches: Touches::default(),
            outbox: Outbox::default(),
            breakers: Breakers::default(),
            jobs: tokio::sync::Notify::new(),
            tasks: tokio::sync::watch::Sender::new(()),
            mail: tokio::sync::Notify::new(),
            changes: tokio::sync::Notify::new(),
            at_job: std::sync::atomic::AtomicBool::new(false),
            job_moved: tokio::sync::Notify::new(),
            purged_to: Mutex::new(GrantId([0; 16])),
            clock_seen: Mutex::default(),
            addresses_to: Mutex::default(),
        };
        engine.task_rules = engine.settings.task_rules();
        Ok(engine)
    }

    /// The settings that are currently in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Puts other settings in force and returns whether any changed. The base URL, issuers, handlers and custom user
    /// attributes keep their values, because they are applied only at startup.
    pub fn change_settings(&self, settings: Settings) -> bool {
        let stays = self.settings();
        self.settings.change(Settings {
            base_url: stays.base_url.clone(),
            issuers: stays.issuers.clone(),
            handlers: stays.handlers.clone(),
            custom_attributes: stays.custom_attributes.clone(),
            ..settings
        })
    }

    /// The current time, from the clock that the engine was given.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The source of randomness that the engine was given.
    #[must_use]
    pub fn rng(&self) -> &dyn Rng {
        &*self.rng
    }

    /// Number of password hashes that are being computed or wait in the queue.
    #[must_use]
    pub fn hashes_waiting(&self) -> usize {
        self.offload.waiting()
    }

    /// The issuer (`iss`) of a tenant.
    #[must_use]
    pub fn issuer(&self, tenant: &Tenant) -> String {
        self.settings.issuer(tenant)
    }

    /// Deliveries that this process hands over to its own delivery worker.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Resolves when this process has written a job since the last time it resolved.
    pub async fn jobs_to_do(&self) {
        self.jobs.notified().await;
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
    /// Seals the state that a sign-in page carries back to the request that it interrupted.
    #[must_use]
    pub fn seal_interaction(&self, tenant: &Tenant, body: &[u8]) -> Option<String> {
        self.sealer.seal(TokenKind::Interaction, tenant.id, body).ok()
    }

    /// Opens what [`Engine::seal_interaction`] sealed for the same tenant.
    #[must_use]
    pub fn open_interaction(&self, tenant: &Tenant, text: &str) -> Option<Vec<u8>> {
        self.sealer.open(TokenKind::Interaction, tenant.id, text)
    }

    /// Seals the progress of a sign-in, under its own key, so that [`Engine::seal_interaction`]'s text can't replace
    /// it.
    #[must_use]
    pub fn seal_sign_in(&self, tenant: &Tenant, body: &[u8]) -> Option<String> {
        self.sealer.seal(TokenKind::SignIn, tenant.id, body).ok()
    }

    /// Opens what [`Engine::seal_sign_in`] sealed for the same tenant.
    #[must_use]
    pub fn open_sign_in(&self, tenant: &Tenant, text: &str) -> Option<Vec<u8>> {
        self.sealer.open(TokenKind::SignIn, tenant.id, text)
    }
}
