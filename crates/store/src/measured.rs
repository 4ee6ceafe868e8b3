//! Durations of calls, for metrics, and the state of the connection pool.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The kind of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A point read through an index.
    Read,
    /// A list: a range of an index.
    List,
    /// A change set with its commit.
    Commit,
}

/// The observer of durations, if one is registered.
#[derive(Default)]
pub(crate) struct Observed(OnceLock<Box<dyn Fn(Call, Duration) + Send + Sync>>);

impl Observed {
    pub(crate) fn tell(&self, observer: impl Fn(Call, Duration) + Send + Sync + 'static) {
        // The first observer stays: a process has one set of metrics.
        let _ = self.0.set(Box::new(observer));
    }

    /// Starts a measurement if an observer is registered.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a call takes is measured, not decided by"
    )]
    pub(crate) fn began(&self) -> Option<Instant> {
        self.0.get().map(|_| Instant::now())
    }

    pub(crate) fn ended(&self, call: Call, began: Option<Instant>) {
        if let (Some(observer), Some(began)) = (self.0.get(), began) {
            observer(call, began.elapsed());
        }
    }
}

/// Numbers of connections to the database, and of calls that wait for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pool {
    /// Connections in use; 0 with SQLite.
    pub in_use: usize,
    /// Idle connections; 0 with SQLite.
    pub idle: usize,
    /// Calls that wait for a connection, or change sets that wait for SQLite's writer.
    pub waiting: usize,
}
