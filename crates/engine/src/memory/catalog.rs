//! What the catalog keeps for each tenant, with the version that it was read at.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sojourn_model::{AppId, Application, Millis, Tenant, TenantId};

use super::key_sets::{KeySet, SamlKeys};
use super::policies::Policies;

#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) version: i64,
    pub(crate) checked_at: Millis,
    /// Number of changes by this process; values that were read before a change aren't cached after it.
    pub(crate) changes: u64,
    pub(crate) by_client: HashMap<String, Arc<Application>>,
    pub(crate) by_id: HashMap<AppId, Arc<Application>>,
    pub(crate) keys: Option<Arc<KeySet>>,
    pub(crate) origins: HashMap<String, bool>,
    pub(crate) policies: Option<Arc<Policies>>,
    pub(crate) saml_keys: Option<Arc<SamlKeys>>,
}

impl Entry {
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { version: self.version, changes: self.changes }
    }
}

/// Version of an entry at the time when a read starts. The result is cached only if the version is still the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) version: i64,
    pub(crate) changes: u64,
}

/// Tenants by name, each with the time at which it was read.
#[derive(Default)]
pub(crate) struct Tenants {
    pub(crate) by_name: HashMap<String, (Tenant, Millis)>,
    pub(crate) changes: u64,
}

#[derive(Default)]
pub(crate) struct Catalog {
    pub(crate) entries: RwLock<HashMap<TenantId, Entry>>,
    pub(crate) tenants: RwLock<Tenants>,
}

impl Catalog {
    pub(crate) fn read<T>(
        &self,
        tenant: TenantId,
        look: impl FnOnce(&Entry) -> Option<T>,
    ) -> Option<T> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&tenant).and_then(look)
    }

    pub(crate) fn write(&self, tenant: TenantId, change: impl FnOnce(&mut Entry)) {
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
    pub(crate) fn keep(&self, tenant: TenantId, stamp: Stamp, change: impl FnOnce(&mut Entry)) {
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
