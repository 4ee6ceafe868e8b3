//! What is read at nearly every request and changes rarely: tenants, applications, keys. Kept in
//! memory under a version that is compared with the database's at most every second. Sessions,
//! grants and users are never kept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sojourn_crypto::SigningKey;
use sojourn_model::{AppId, Application, Millis, SigningAlg, Tenant, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::policy::Policies;
use crate::saml::SamlKeys;

/// How stale an entry may be, in milliseconds.
const STALE_MS: i64 = 1_000;
/// Applications kept for one tenant; the rest is read each time.
const APPLICATIONS_MAX: usize = 10_000;
/// Origins of which it is kept whether they belong to an application.
const ORIGINS_MAX: usize = 1_000;
/// Tenants kept.
const TENANTS_MAX: usize = 10_000;

/// A tenant's signing keys.
#[derive(Debug, Default)]
pub struct KeySet {
    /// Oldest first.
    pub keys: Vec<TenantKey>,
}

/// A signing key with its times.
#[derive(Debug)]
pub struct TenantKey {
    /// The key.
    pub key: SigningKey,
    /// Counts the keys of its algorithm.
    pub generation: i64,
    /// Since when it is published.
    pub created_at: Millis,
    /// Since when it signs.
    pub active_from: Millis,
    /// From when on it isn't published.
    pub retired_at: Option<Millis>,
}

impl TenantKey {
    /// Whether it was replaced at once: nothing that it signed is accepted.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.retired_at == Some(crate::keys::REPLACED)
    }
}

impl KeySet {
    /// The key that signs with an algorithm: the newest with `active_from` in the past.
    #[must_use]
    pub fn signer(&self, alg: SigningAlg, now: Millis) -> Option<&SigningKey> {
        let of = || self.keys.iter().filter(move |key| key.key.alg() == alg && !key.is_replaced());
        let due = of().filter(|key| key.active_from <= now).max_by_key(|key| key.generation);
        // A clock that went back must not leave a tenant without signatures.
        due.or_else(|| of().min_by_key(|key| key.generation)).map(|key| &key.key)
    }

    /// The keys that are published: those in use, the next ones, and those whose tokens may live.
    pub fn published(&self, now: Millis) -> impl Iterator<Item = &SigningKey> {
        let live = move |key: &&TenantKey| key.retired_at.is_none_or(|at| at > now);
        self.keys.iter().filter(live).map(|key| &key.key)
    }

    /// Every key, retired ones too: an old ID token is still a good hint of whom it was for. But none that was replaced
    /// because somebody else may have it.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(|key| !key.is_replaced()).map(|key| &key.key)
    }
}

#[derive(Default)]
struct Entry {
    version: i64,
    checked_at: Millis,
    /// Counts what this process changed: what was read before a change is not kept after it.
    changes: u64,
    by_client: HashMap<String, Arc<Application>>,
    by_id: HashMap<AppId, Arc<Application>>,
    keys: Option<Arc<KeySet>>,
    origins: HashMap<String, bool>,
    policies: Option<Arc<Policies>>,
    saml_keys: Option<Arc<SamlKeys>>,
}

impl Entry {
    fn stamp(&self) -> Stamp {
        Stamp { version: self.version, changes: self.changes }
    }
}

/// What an entry was when something was about to be read for it. It is kept only if the entry is still that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    version: i64,
    changes: u64,
}

/// Tenants by name, with the time at which each was read.
#[derive(Default)]
struct Tenants {
    by_name: HashMap<String, (Tenant, Millis)>,
    changes: u64,
}

#[derive(Default)]
pub(crate) struct Catalog {
    entries: RwLock<HashMap<TenantId, Entry>>,
    tenants: RwLock<Tenants>,
}

impl Catalog {
    fn read<T>(&self, tenant: TenantId, look: impl FnOnce(&Entry) -> Option<T>) -> Option<T> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&tenant).and_then(look)
    }

    fn write(&self, tenant: TenantId, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        change(entries.entry(tenant).or_default());
    }

    pub(crate) fn policies(&self, tenant: TenantId) -> Option<Arc<Policies>> {
        self.read(tenant, |entry| entry.policies.clone())
    }

    pub(crate) fn saml_keys(&self, tenant: TenantId) -> Option<Arc<SamlKeys>> {
        self.read(tenant, |entry| entry.saml_keys.clone())
    }

    pub(crate) fn keep_saml_keys(&self, tenant: TenantId, stamp: Stamp, keys: Arc<SamlKeys>) {
        self.keep(tenant, stamp, |entry| entry.saml_keys = Some(keys));
    }

    pub(crate) fn keep_policies(&self, tenant: TenantId, stamp: Stamp, policies: Arc<Policies>) {
        self.keep(tenant, stamp, |entry| entry.policies = Some(policies));
    }

    /// Keeps what was read, unless something changed since that was begun.
    fn keep(&self, tenant: TenantId, stamp: Stamp, change: impl FnOnce(&mut Entry)) {
        self.write(tenant, |entry| {
            if entry.stamp() == stamp {
                change(entry);
            }
        });
    }

    /// Makes the next request read a tenant again.
    pub(crate) fn forget_tenant(&self, name: &str) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.changes += 1;
        tenants.by_name.remove(name);
    }

    /// Makes the next look compare versions at once; for changes that this process made.
    pub(crate) fn changed(&self, tenant: TenantId) {
        self.write(tenant, |entry| {
            entry.changes += 1;
            entry.checked_at = Millis(i64::MIN);
            // While the database is away keys of before are served: not those that were replaced here.
            entry.keys = None;
        });
    }
}

impl Engine {
    /// A tenant by its name in paths.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when there is none or it is disabled.
    pub async fn tenant(&self, name: &str) -> Result<Tenant, EngineError> {
        let now = self.now();
        let changes = {
            let tenants = self.catalog.tenants.read().unwrap_or_else(PoisonError::into_inner);
            let kept = tenants.by_name.get(name);
            if let Some((tenant, _)) =
                kept.filter(|(_, at)| (0..STALE_MS).contains(&now.since(*at)))
            {
                return Ok(tenant.clone());
            }
            tenants.changes
        };
        let found = match self.store.tenant_by_name(name).await {
            Ok(found) => found,
            Err(error) => return self.tenant_of_before(name).ok_or(error.into()),
        };
        let tenant =
            found.filter(|tenant| tenant.enabled).ok_or(EngineError::NotFound("tenant"))?;
        let mut tenants = self.catalog.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if tenants.changes == changes {
            if tenants.by_name.len() >= TENANTS_MAX {
                tenants.by_name.clear();
            }
            tenants.by_name.insert(name.to_owned(), (tenant.clone(), now));
        }
        Ok(tenant)
    }

    /// While the database doesn't answer, a tenant is what it was: keys, discovery and pages that say so are served, and
    /// whatever matters asks the database again.
    fn tenant_of_before(&self, name: &str) -> Option<Tenant> {
        let now = self.now();
        let mut tenants = self.catalog.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let (tenant, read_at) = tenants.by_name.get_mut(name)?;
        // For another second nobody waits to hear the same.
        *read_at = now;
        Some(tenant.clone())
    }

    /// Makes sure that what is kept of a tenant is at most a second old, and not older than what this process changed.
    /// Answers under what to keep more of it.
    pub(crate) async fn refresh_catalog(&self, tenant: TenantId) -> Result<Stamp, EngineError> {
        loop {
            let now = self.now();
            let before = self.catalog.read(tenant, |entry| {
                let fresh = entry.checked_at.0 > i64::MIN
                    && (0..STALE_MS).contains(&now.since(entry.checked_at));
                Some((entry.stamp(), fresh))
            });
            let changes = match before {
                Some((stamp, true)) => return Ok(stamp),
                Some((stamp, false)) => stamp.changes,
                None => 0,
            };
            let version = self.store.catalog_version(tenant).await?;
            let mut stamp = None;
            self.catalog.write(tenant, |entry| {
                // Changed by this process since the version was read: that may be the one of before.
                if entry.changes == changes {
                    if entry.version != version {
                        *entry = Entry { version, changes, ..Entry::default() };
                    }
                    entry.checked_at = now;
                    stamp = Some(entry.stamp());
                }
            });
            if let Some(stamp) = stamp {
                return Ok(stamp);
            }
        }
    }

    /// An application by `client_id`; disabled ones too.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn application_by_client(
        &self,
        tenant: TenantId,
        client_id: &str,
    ) -> Result<Option<Arc<Application>>, EngineError> {
        let stamp = self.refresh_catalog(tenant).await?;
        if let Some(app) =
            self.catalog.read(tenant, |entry| entry.by_client.get(client_id).cloned())
        {
            return Ok(Some(app));
        }
        let found = self.store.application_by_client(tenant, client_id).await?;
        Ok(found.map(|app| self.keep_application(app, stamp)))
    }

    /// An application by id; disabled ones too.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn application(
        &self,
        tenant: TenantId,
        id: AppId,
    ) -> Result<Option<Arc<Application>>, EngineError> {
        let stamp = self.refresh_catalog(tenant).await?;
        if let Some(app) = self.catalog.read(tenant, |entry| entry.by_id.get(&id).cloned()) {
            return Ok(Some(app));
        }
        let found = self.store.application(tenant, id).await?;
        Ok(found.map(|app| self.keep_application(app, stamp)))
    }

    fn keep_application(&self, app: Application, stamp: Stamp) -> Arc<Application> {
        let app = Arc::new(app);
        self.catalog.keep(app.tenant, stamp, |entry| {
            if entry.by_id.len() >= APPLICATIONS_MAX {
                entry.by_id.clear();
                entry.by_client.clear();
            }
            entry.by_id.insert(app.id, Arc::clone(&app));
            entry.by_client.insert(app.client_id.clone(), Arc::clone(&app));
        });
        app
    }

    /// Whether scripts of an origin belong to an application: to one of its redirect URIs, or to one of the
    /// origins that it registered.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn is_registered_origin(
        &self,
        tenant: TenantId,
        origin: &str,
    ) -> Result<bool, EngineError> {
        let stamp = self.refresh_catalog(tenant).await?;
        if let Some(known) = self.catalog.read(tenant, |entry| entry.origins.get(origin).copied()) {
            return Ok(known);
        }
        let known = self.store.is_origin_known(tenant, origin).await?;
        self.catalog.keep(tenant, stamp, |entry| {
            if entry.origins.len() >= ORIGINS_MAX {
                entry.origins.clear();
            }
            entry.origins.insert(origin.to_owned(), known);
        });
        Ok(known)
    }

    /// A tenant's signing keys, parsed. While the database doesn't answer, those of before: what was signed with them is
    /// still to be verified.
    ///
    /// # Errors
    /// [`EngineError::Key`] when one doesn't open: damage, or another master key.
    pub async fn keys(&self, tenant: TenantId) -> Result<Arc<KeySet>, EngineError> {
        let refreshed = self.refresh_catalog(tenant).await;
        let kept = self.catalog.read(tenant, |entry| entry.keys.clone());
        let stamp = match (refreshed, kept) {
            (_, Some(keys)) => return Ok(keys),
            (Ok(stamp), None) => stamp,
            (Err(error), None) => return Err(error),
        };
        let mut set = KeySet::default();
        for stored in self.store.signing_keys(tenant).await? {
            let place = crate::keys::place(tenant, stored.alg);
            let pkcs8 = self.secrets.open(&place, &stored.sealed_private)?;
            set.keys.push(TenantKey {
                key: SigningKey::from_pkcs8(stored.alg, &pkcs8)?,
                generation: stored.generation,
                created_at: stored.created_at,
                active_from: stored.active_from,
                retired_at: stored.retired_at,
            });
        }
        let set = Arc::new(set);
        self.catalog.keep(tenant, stamp, |entry| entry.keys = Some(Arc::clone(&set)));
        Ok(set)
    }
}
