//! When certificates and metadata were last looked at.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sojourn_model::{AppId, Millis};

/// How long metadata that couldn't be read isn't fetched again, in milliseconds.
const AGAIN_MS: i64 = 30 * 60_000;

/// Time and result of the last check.
#[derive(Debug, Default)]
pub(crate) struct Tended {
    pub(crate) at: AtomicI64,
    pub(crate) ending: AtomicUsize,
    /// Service providers with metadata that couldn't be read, and when.
    pub(crate) failed: Mutex<HashMap<AppId, Millis>>,
    /// Held while a first key is created, which takes time.
    pub(crate) making: tokio::sync::Mutex<()>,
}

impl Tended {
    pub(crate) fn failures(&self) -> MutexGuard<'_, HashMap<AppId, Millis>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a service provider's metadata couldn't be read recently.
    pub(crate) fn failed_lately(&self, app: AppId, now: Millis) -> bool {
        let failures = self.failures();
        failures.get(&app).is_some_and(|at| (0..AGAIN_MS).contains(&now.since(*at)))
    }

    pub(crate) fn note_failure(&self, app: AppId, now: Millis) {
        let mut failures = self.failures();
        failures.retain(|_, at| (0..AGAIN_MS).contains(&now.since(*at)));
        failures.insert(app, now);
    }
}
