//! Cache of data that nearly every request reads and that rarely changes: tenants, applications, keys. A cached
//! version is compared with the database's version at most once per second. Sessions, grants and users are never
//! cached.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sojourn_crypto::SigningKey;
use sojourn_model::{AppId, Application, Millis, SigningAlg, Tenant, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::policy::Policies;
use crate::saml::SamlKeys;

/// Maximum staleness of an entry, in milliseconds.
const STALE_MS: i64 = 1_000;
/// Applications cached per tenant; further ones are read from the database each time.
const APPLICATIONS_MAX: usize = 10_000;
/// Origins per tenant for which the cache stores whether they belong to an application.
const ORIGINS_MAX: usize = 1_000;
/// Maximum number of cached tenants.
const TENANTS_MAX: usize = 10_000;

/// A tenant's signing keys, retired ones included.
#[derive(Debug, Default)]
pub struct KeySet {
    /// All keys, sorted oldest first.
    pub keys: Vec<TenantKey>,
}

/// A signing key with its validity times.
#[derive(Debug)]
pub struct TenantKey {
    /// The key pair, opened for use.
    pub key: SigningKey,
    /// Sequence number among the keys of the same algorithm.
    pub generation: i64,
    /// Time since when the key is published.
    pub created_at: Millis,
    /// Time since when the key signs.
    pub active_from: Millis,
    /// Time from which the key is no longer published; `None` while it is in use.
    pub retired_at: Option<Millis>,
}

impl TenantKey {
    /// Returns whether the key was replaced immediately, so that nothing it signed is accepted.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.retired_at == Some(crate::keys::REPLACED)
    }
}

impl KeySet {
    /// The key that signs with an algorithm: the newest one with `active_from` in the past.
    #[must_use]
    pub fn signer(&self, alg: SigningAlg, now: Millis) -> Option<&SigningKey> {
        let of = || self.keys.iter().filter(move |key| key.key.alg() == alg && !key.is_replaced());
        let due = of().filter(|key| key.active_from <= now).max_by_key(|key| key.generation);
        // A clock that went back must not leave a tenant without signatures.
        due.or_else(|| of().min_by_key(|key| key.generation)).map(|key| &key.key)
    }

    /// The keys that are published: those in use, the next ones, and retired ones with tokens that may still be
    /// valid.
    pub fn published(&self, now: Millis) -> impl Iterator<Item = &SigningKey> {
        let live = move |key: &&TenantKey| key.retired_at.is_none_or(|at| at > now);
        self.keys.iter().filter(live).map(|key| &key.key)
    }

    /// Every key, including retired ones: an old ID token is still a valid hint at its user. Excludes keys that were
    /// replaced because they may be compromised.
    pub fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(|key| !key.is_replaced()).map(|key| &key.key)
    }
}

#[derive(Default)]
struct Entry {
    version: i64,
    checked_at: Millis,
    /// Number of changes by this process; values that were read before a change aren't cached after it.
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

/// Version of an entry at the time when a read starts. The result is cached only if the version is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    version: i64,
    changes: u64,
}

/// Tenants by name, each with the time at which it was read.
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

    /// Caches a value, unless the entry has changed since the read started.
    fn keep(&self, tenant: TenantId, stamp: Stamp, change: impl FnOnce(&mut Entry)) {
        self.write(tenant, |entry| {
            if entry.stamp() == stamp {
                change(entry);
            }
        });
    }

    /// Makes the next request read the tenant from the database.
    pub(crate) fn forget_tenant(&self, name: &str) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.changes += 1;
        tenants.by_name.remove(name);
    }

    /// Makes the next access compare versions immediately; called after a change by this process.
    pub(crate) fn changed(&self, tenant: TenantId) {
        self.write(tenant, |entry| {
            entry.changes += 1;
            entry.checked_at = Millis(i64::MIN);
            // While the database is unavailable, cached keys are served, but not keys that this process has replaced.
            entry.keys = None;
        });
    }
}

impl Engine {
    /// Finds a tenant by the name in its paths.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such tenant or it is disabled.
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

    /// The cached tenant, for use while the database is unavailable: keys, discovery and error pages are still
    /// served, and everything that matters reads the database again.
    fn tenant_of_before(&self, name: &str) -> Option<Tenant> {
        let now = self.now();
        let mut tenants = self.catalog.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let (tenant, read_at) = tenants.by_name.get_mut(name)?;
        // Nobody waits for the database to fail again within the next second.
        *read_at = now;
        Some(tenant.clone())
    }

    /// Ensures that a tenant's cached data is at most a second old, and not older than this process's own changes.
    /// Returns the stamp under which further values can be cached.
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
                // This process made a change after the version was read, so the version may be outdated.
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

    /// Finds an application by `client_id`, including disabled ones.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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

    /// Finds an application by id, including disabled ones.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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

    /// Returns whether an origin belongs to an application: to one of its redirect URIs, or to one of its registered
    /// origins.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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

    /// A tenant's signing keys, parsed. While the database is unavailable, the cached keys, so that existing
    /// signatures can still be verified.
    ///
    /// # Errors
    /// [`EngineError::Key`] if a key can't be opened: it is damaged, or the master key is another one.
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
