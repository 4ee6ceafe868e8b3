//! Cache of data that nearly every request reads and that rarely changes: tenants, applications, keys. A cached
//! version is compared with the database's version at most once per second. Sessions, grants and users are never
//! cached.

use std::sync::{Arc, PoisonError};

use sojourn_crypto::SigningKey;
use sojourn_model::{AppId, Application, Tenant, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memory::catalog::{Entry, Stamp};
use crate::memory::key_sets::{KeySet, TenantKey, place};

/// Maximum staleness of an entry, in milliseconds.
const STALE_MS: i64 = 1_000;
/// Applications cached per tenant; further ones are read from the database each time.
const APPLICATIONS_MAX: usize = 10_000;
/// Origins per tenant for which the cache stores whether they belong to an application.
const ORIGINS_MAX: usize = 1_000;
/// Maximum number of cached tenants.
const TENANTS_MAX: usize = 10_000;

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
            let place = place(tenant, stored.alg);
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
