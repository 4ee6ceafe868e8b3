//! When uses of applications' secrets were last stored.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_model::limits::SECRET_USES_MAX;
use sojourn_model::{AppId, Millis, TenantId};

/// Minimum interval between two stored uses of the same secret, in milliseconds.
pub(crate) const NOTED_EVERY_MS: i64 = 3_600_000;

/// Key of one secret of one application.
pub(crate) type Used = (TenantId, AppId, [u8; 8]);

/// Per secret, when this node last stored a use.
#[derive(Debug, Default)]
pub(crate) struct SecretUses(Mutex<HashMap<Used, Millis>>);

impl SecretUses {
    /// Returns whether a use must be stored now.
    pub(crate) fn is_due(&self, used: Used, now: Millis) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A time in the future comes from before the clock went back.
        let recent = |at: &Millis| (0..NOTED_EVERY_MS).contains(&now.since(*at));
        if noted.get(&used).is_some_and(recent) {
            return false;
        }
        if noted.len() >= SECRET_USES_MAX {
            noted.retain(|_, at| recent(at));
        }
        if noted.len() >= SECRET_USES_MAX
            && let Some(one) = noted.keys().next().copied()
        {
            noted.remove(&one);
        }
        noted.insert(used, now);
        true
    }

    /// Undoes [`Self::is_due`] after a use couldn't be stored.
    pub(crate) fn forget(&self, used: &Used) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(used);
    }
}
