//! What would be logged a thousand times a second is said once a minute.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(60);

/// Whether it is time to say something again.
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
