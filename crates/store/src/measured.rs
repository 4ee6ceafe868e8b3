//! How long calls take, for whoever wants to know.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A point read.
    Read,
    /// A list.
    List,
    /// A change set with its commit.
    Commit,
}

/// Who is told, if anyone is.
#[derive(Default)]
pub(crate) struct Observed(OnceLock<Box<dyn Fn(Call, Duration) + Send + Sync>>);

impl Observed {
    pub(crate) fn tell(&self, observer: impl Fn(Call, Duration) + Send + Sync + 'static) {
        // The first one stays: a process has one set of metrics.
        let _ = self.0.set(Box::new(observer));
    }

    /// Starts to measure, if anyone wants to know.
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

/// Connections to the database, and who waits for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pool {
    /// Connections at work; none with SQLite.
    pub in_use: usize,
    /// Connections that wait for work.
    pub idle: usize,
    /// Calls that wait for a connection, or change sets that wait for SQLite's writer.
    pub waiting: usize,
}
