//! A clock that only the test moves.

use std::sync::atomic::{AtomicI64, Ordering};

use sojourn_model::{Clock, Millis};

/// Stands still until it is told to move.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_760_000_000_000))
    }
}

impl TestClock {
    /// Moves forward.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}
