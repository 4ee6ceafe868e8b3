//! Tasks: the processing of one event by one handler.

use crate::event::{EventName, Subject};
use crate::ids::TenantId;
use crate::time::Millis;

/// A rule by which a handler gets a task for an event. The task is written with the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRule {
    /// The event that creates the task.
    pub event: EventName,
    /// Id of the handler.
    pub handler: String,
    /// Delay in milliseconds between the event and the time at which the task is due.
    pub delay_ms: i64,
}

/// State of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Waiting or in progress. Later tasks of the same handler and subject wait for it.
    Pending,
    /// The handler has processed the event.
    Done,
    /// The task failed too often. Later tasks of the same handler and subject wait until an administrator redoes or
    /// skips it.
    Parked,
    /// An administrator skipped the task.
    Skipped,
}

impl TaskState {
    /// All states with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Done, "done"),
        (Self::Parked, "parked"),
        (Self::Skipped, "skipped"),
    ];

    /// Returns the name that is stored in the database and used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("pending", |(_, name)| name)
    }

    /// Parses the name; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(state, _)| *state)
    }
}

/// A task as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerTask {
    /// The tenant of the event.
    pub tenant: TenantId,
    /// The subject of the event.
    pub subject: Subject,
    /// Id of the handler.
    pub handler: String,
    /// Number of the event among those of its subject.
    pub n: i64,
    /// State of the task.
    pub state: TaskState,
    /// Number of attempts so far.
    pub attempts: i64,
    /// Time of the event.
    pub created_at: Millis,
    /// Time at which it is due; while a worker holds it, the end of the lease.
    pub due_at: Millis,
    /// Time of the last attempt.
    pub last_attempt_at: Option<Millis>,
    /// HTTP status of the last response.
    pub last_status: Option<i64>,
    /// Description of the last failure.
    pub last_error: Option<String>,
}

/// The result of a task attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleTask {
    /// The tenant of the event; tasks of several tenants are settled together.
    pub tenant: TenantId,
    /// The subject of the event.
    pub subject: Subject,
    /// Id of the handler.
    pub handler: String,
    /// Number of the event among those of its subject.
    pub n: i64,
    /// Number of attempts when the task was read; nothing is written if another worker has changed it since.
    pub attempts: i64,
    /// State of the task after the attempt.
    pub state: TaskState,
    /// Time at which it is due again.
    pub due_at: Millis,
    /// Time of the attempt.
    pub at: Millis,
    /// HTTP status of the response, if there was one.
    pub status: Option<i64>,
    /// Description of the failure, if any.
    pub error: Option<String>,
}
