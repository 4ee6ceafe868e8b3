//! A clock that only the test moves.

use std::sync::atomic::{AtomicI64, Ordering};

use sojourn_model::{Clock, Millis};

/// A clock that stands still until the test moves it.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_760_000_000_000))
    }
}

impl TestClock {
    /// Moves the clock forward by `ms` milliseconds.
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Moves the clock back by `ms` milliseconds.
    pub fn go_back(&self, ms: i64) {
        self.0.fetch_sub(ms, Ordering::SeqCst);
    }

    /// Sets the clock to the machine's time, for tests with programs that use that.
    #[expect(clippy::disallowed_methods, reason = "others look at this clock")]
    pub fn go_to_now(&self) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("after 1970").as_millis();
        self.0.store(i64::try_from(now).expect("before the end of time"), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}
