//! Documents of applications that were fetched, and addresses at which that failed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_crypto::ClientKeys;
use sojourn_model::Millis;
use sojourn_model::limits::CLIENT_KEYS_KEPT_MAX;

/// Fetched keys of applications, by address, with the time of the fetch.
#[derive(Default)]
pub(crate) struct FetchedKeys(Mutex<HashMap<String, (ClientKeys, Millis)>>);

/// Addresses at which a fetch failed recently.
#[derive(Default)]
pub(crate) struct FetchFailures(pub(crate) Mutex<HashMap<String, Millis>>);

impl FetchedKeys {
    pub(crate) fn get(&self, uri: &str) -> Option<(ClientKeys, Millis)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uri).cloned()
    }

    pub(crate) fn put(&self, uri: &str, keys: ClientKeys, now: Millis) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= CLIENT_KEYS_KEPT_MAX {
            kept.clear();
        }
        kept.insert(uri.to_owned(), (keys, now));
    }
}
