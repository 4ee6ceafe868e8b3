//! What all use cases share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sojourn_crypto::{MasterKey, SecretBox, SecretHasher, TokenKind, TokenSealer};
use sojourn_model::change::AuditRow;
use sojourn_model::limits::CLIENT_HASHES_MAX;
use sojourn_model::{
    Actor, Applied, ChangeSet, Clock, GrantId, Millis, Op, Outcome, Rng, TaskRule, Tenant, TenantId,
};
use sojourn_store::{Place, Reads, Store};

use crate::breaker::Breakers;
use crate::catalog::Catalog;
use crate::error::EngineError;
use crate::fetch::{FetchFailures, FetchedKeys, Fetcher};
use crate::mail::Letters;
use crate::outbox::Outbox;
use crate::passwords::{Offload, Verified};
use crate::present::Present;
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
    /// Writes mails.
    pub letters: Arc<dyn Letters>,
    /// Settings.
    pub settings: Settings,
}

const LAST_ADMINISTRATOR: &str = "this would leave nobody who may do everything: give the role 'admin' to someone \
                                  else first";

/// The use cases. One for a process, shared by all requests.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) offload: Arc<dyn Offload>,
    pub(crate) letters: Arc<dyn Letters>,
    pub(crate) standing: crate::session::Kept,
    pub(crate) settings: Present,
    pub(crate) scim_types: crate::scim::Types,
    /// The number of the master key in use.
    pub(crate) master_key_number: u8,
    pub(crate) sealer: TokenSealer,
    pub(crate) secrets: SecretBox,
    pub(crate) hasher: SecretHasher,
    pub(crate) catalog: Catalog,
    pub(crate) verified: Verified,
    pub(crate) refused: crate::throttle::Refused,
    pub(crate) lanes: crate::throttle::Lanes,
    /// Hashes of applications' secrets that may be computed now.
    pub(crate) client_hashes: tokio::sync::Semaphore,
    pub(crate) touches: Touches,
    pub(crate) fetcher: Arc<dyn Fetcher>,
    pub(crate) fetched_keys: FetchedKeys,
    pub(crate) secret_uses: crate::directory::SecretUses,
    pub(crate) fetch_failures: FetchFailures,
    pub(crate) saml_tended: crate::saml::Tended,
    pub(crate) outbox: Outbox,
    pub(crate) breakers: Breakers,
    pub(crate) jobs: tokio::sync::Notify,
    /// A task of a handler may have been written.
    pub(crate) tasks: tokio::sync::watch::Sender<()>,
    /// Which handlers get tasks for which events.
    pub(crate) task_rules: Vec<TaskRule>,
    /// A mail was written.
    pub(crate) mail: tokio::sync::Notify,
    /// Something was written.
    pub(crate) changes: tokio::sync::Notify,
    /// Whether this process is at a job.
    pub(crate) at_job: std::sync::atomic::AtomicBool,
    /// A job went a step further.
    pub(crate) job_moved: tokio::sync::Notify,
    /// How far the purge has walked through the grants.
    pub(crate) purged_to: Mutex<GrantId>,
    /// What the clock said at the last sweep.
    pub(crate) clock_seen: Mutex<Option<Millis>>,
    /// How far addresses are removed from each tenant's ledger.
    pub(crate) addresses_to: Mutex<HashMap<TenantId, Place>>,
}

impl Engine {
    /// Puts the engine together. Nothing is read or written yet.
    ///
    /// # Errors
    /// [`EngineError::Key`] when the provider refuses a key.
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
            scim_types: crate::scim::Types::new(&parts.settings.custom_attributes),
            fetched_keys: FetchedKeys::default(),
            secret_uses: crate::directory::SecretUses::default(),
            fetch_failures: FetchFailures::default(),
            saml_tended: crate::saml::Tended::default(),
            settings: Present::new(parts.settings),
            catalog: Catalog::default(),
            verified: Verified::default(),
            refused: crate::throttle::Refused::default(),
            lanes: crate::throttle::Lanes::default(),
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
        engine.task_rules = engine.task_rules();
        Ok(engine)
    }

    /// What may be read of the database without a rule. Changes go through the use cases alone.
    #[must_use]
    pub const fn reads(&self) -> &Reads {
        self.store.reads()
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Puts other settings in force, and says whether any changed. Where the server is, its issuers, handlers and the
    /// attributes of users stay as they were: those are built in at the start.
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

    /// The present time, by the clock that the engine was given.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Randomness.
    #[must_use]
    pub fn rng(&self) -> &dyn Rng {
        &*self.rng
    }

    /// Passwords that are being hashed or wait for it.
    #[must_use]
    pub fn hashes_waiting(&self) -> usize {
        self.offload.waiting()
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

    pub(crate) async fn apply(&self, mut change: ChangeSet) -> Result<Outcome, EngineError> {
        if !self.settings.handlers.is_empty() {
            self.engage_handlers(&mut change).await?;
        }
        let audit = change.audit.clone();
        let adds_job = change.ops.iter().any(|op| matches!(op, Op::AddJob(_)));
        let adds_task = self.adds_task(&change);
        let adds_mail = change.ops.iter().any(|op| matches!(op, Op::AddMail(_)));
        let claims = change.ops.iter().any(|op| matches!(op, Op::ClaimDeliveries { .. }));
        let mut outcome = self.store.apply(change).await?;
        if let Outcome::Applied(applied) = &mut outcome
            && !claims
        {
            // What an end wrote with a lease is this process's to deliver.
            let handed = std::mem::take(&mut applied.deliveries);
            self.outbox.written_or_handed(applied.ended.deliveries, handed);
        }
        if outcome == Outcome::LastAdministrator {
            // No use case does anything else about it.
            return Err(EngineError::Protected(LAST_ADMINISTRATOR));
        }
        if matches!(outcome, Outcome::Applied(_)) {
            self.changes.notify_waiters();
            if adds_job {
                self.jobs.notify_one();
            }
            if adds_task {
                self.tasks.send_replace(());
            }
            if adds_mail {
                self.mail.notify_one();
            }
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

    /// Whether a change set may write a task of a handler: waking the worker for nothing costs a transaction.
    fn adds_task(&self, change: &ChangeSet) -> bool {
        let subscribed = |name| self.task_rules.iter().any(|rule| rule.event == name);
        !self.task_rules.is_empty()
            && (change.events.iter().any(|event| subscribed(event.name))
                || change.ops.iter().any(|op| match op {
                    Op::Append(event) => subscribed(event.name),
                    Op::StartSession { .. } | Op::RenewSession { .. } | Op::EndSessions(_) => true,
                    _ => false,
                }))
    }

    /// Adds what handlers do about the events of a change set, and their tasks.
    async fn engage_handlers(&self, change: &mut ChangeSet) -> Result<(), EngineError> {
        let appends = change.ops.iter().any(|op| matches!(op, Op::Append(_)));
        if (appends || !change.events.is_empty())
            && let Some(tenant) = self.tenant_of(change).await?
        {
            self.react(&tenant, change)?;
        }
        change.tasks = self.task_rules.clone();
        Ok(())
    }

    async fn tenant_of(&self, change: &ChangeSet) -> Result<Option<Tenant>, EngineError> {
        match change.tenant {
            Some(TenantId::DEFAULT) => Ok(Some(Tenant::default_one())),
            Some(id) => Ok(self.store.tenant(id).await?),
            None => Ok(None),
        }
    }

    /// Applies a change set that relies on nothing that others may change.
    pub(crate) async fn must_apply(&self, change: ChangeSet) -> Result<Applied, EngineError> {
        match self.apply(change).await? {
            Outcome::Applied(applied) => Ok(applied),
            Outcome::Conflict => Err(EngineError::Contended),
            Outcome::Duplicate => Err(EngineError::Exists("it")),
            Outcome::SessionBoundTokens => Err(EngineError::SessionBoundTokens),
            Outcome::LastAdministrator => Err(EngineError::Protected(LAST_ADMINISTRATOR)),
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

    /// Seals how far a sign-in has got. Under a key of its own: what a page carries back to a request can't be taken for it.
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
