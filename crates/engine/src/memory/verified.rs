//! Secrets that were verified recently.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_model::Millis;
use sojourn_model::limits::VERIFIED_CACHE_MAX;

/// How long a verified secret is cached, in milliseconds.
const REMEMBER_MS: i64 = 60_000;

/// Secrets that were verified recently, by keyed hash, so that a client that sends its password with each request
/// doesn't wait for the password hash each time.
#[derive(Default)]
pub(crate) struct Verified(Mutex<HashMap<[u8; 32], Millis>>);

impl Verified {
    pub(crate) fn has(&self, key: &[u8; 32], now: Millis) -> bool {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A longer remaining time comes from before the clock went back.
        map.get(key).is_some_and(|until| (1..=REMEMBER_MS).contains(&until.since(now)))
    }

    pub(crate) fn put(&self, key: [u8; 32], now: Millis) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= VERIFIED_CACHE_MAX {
            map.retain(|_, until| *until > now);
            if map.len() >= VERIFIED_CACHE_MAX {
                map.clear();
            }
        }
        map.insert(key, now.plus(REMEMBER_MS));
    }
}
