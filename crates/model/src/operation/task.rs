//! Operations on tasks of handlers.

use crate::event::Subject;
use crate::task::SettleTask;
use crate::time::Millis;

/// Changes the tasks of handlers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    /// Claims due tasks of a handler under a lease. [`Applied::tasks`](crate::change::Applied::tasks) has them.
    Claim {
        /// Id of the handler.
        handler: String,
        /// Current time, from the caller's clock.
        now: Millis,
        /// End of the lease: no other worker can claim them before.
        lease_until: Millis,
        /// Maximum number of rows.
        limit: i64,
    },
    /// Releases leases on tasks held by workers that are gone. Only valid if this process is the only server.
    Release {
        /// Id of the handler.
        handler: String,
    },
    /// Removes the oldest completed tasks of a handler.
    Purge {
        /// Id of the handler.
        handler: String,
        /// Only tasks of events before this time are removed.
        before: Millis,
        /// Maximum number of rows.
        limit: i64,
    },
    /// Records the result of a task attempt.
    Settle(SettleTask),
    /// Schedules a task that isn't pending again, or skips a parked one; a conflict if the task is in another state.
    Redo {
        /// The subject of the event.
        subject: Subject,
        /// Id of the handler.
        handler: String,
        /// Number of the event among those of its subject.
        n: i64,
        /// Time at which it is due; `None` skips it.
        due_at: Option<Millis>,
    },
}
