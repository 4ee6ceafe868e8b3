//! Limits messages that could be logged a thousand times a second to one a minute.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// When a message was last logged.
#[derive(Default)]
pub(super) struct Said(Mutex<Option<Instant>>);

impl Said {
    pub(super) fn now(&self) -> bool {
        let now = super::monotonic();
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = last.is_none_or(|last| now.duration_since(last) >= EVERY);
        if due {
            *last = Some(now);
        }
        due
    }
}
