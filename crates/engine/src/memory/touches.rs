//! Last accesses that aren't stored yet.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_model::limits::TOUCHES_MAX;
use sojourn_model::{AppId, Millis, SessionId, TenantId};

pub(crate) type Key = (TenantId, SessionId, Option<AppId>);

/// Last accesses by session, and by session and application.
#[derive(Default)]
pub(crate) struct Touches(Mutex<HashMap<Key, Millis>>);

impl Touches {
    pub(crate) fn note(&self, key: Key, at: Millis) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Above the limit accesses are dropped to save memory; the session only expires earlier.
        if map.len() < TOUCHES_MAX || map.contains_key(&key) {
            let kept = map.entry(key).or_insert(at);
            *kept = (*kept).max(at);
        }
    }

    /// The last access that isn't stored yet.
    pub(crate) fn last(&self, tenant: TenantId, session: SessionId) -> Option<Millis> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(&(tenant, session, None)).copied()
    }

    pub(crate) fn take(&self) -> HashMap<Key, Millis> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
