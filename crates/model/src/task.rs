//! Tasks: the duty of one handler towards one event.

use crate::event::{EventName, Subject};
use crate::ids::TenantId;
use crate::time::Millis;

/// A handler gets a task for an event, written with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRule {
    /// The event.
    pub event: EventName,
    /// The handler's id.
    pub handler: String,
    /// Milliseconds after the event at which the task is due.
    pub delay_ms: i64,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// To be done. What comes after it, of the same handler and subject, waits.
    Pending,
    /// Done.
    Done,
    /// It failed too often: what comes after it, of the same handler and subject, waits until someone acts.
    Parked,
    /// An administrator let it go.
    Skipped,
}

impl TaskState {
    /// Every state with its name.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Done, "done"),
        (Self::Parked, "parked"),
        (Self::Skipped, "skipped"),
    ];

    /// The name in the database and in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("pending", |(_, name)| name)
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(state, _)| *state)
    }
}

/// A task as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerTask {
    /// The tenant of the event.
    pub tenant: TenantId,
    /// What the event is about.
    pub subject: Subject,
    /// The handler's id.
    pub handler: String,
    /// The event's number among its subject's.
    pub n: i64,
    /// Where it stands.
    pub state: TaskState,
    /// How often it was tried.
    pub attempts: i64,
    /// When the event happened.
    pub created_at: Millis,
    /// When it is due; while a worker has it, the end of its lease.
    pub due_at: Millis,
    /// When it was tried last.
    pub last_attempt_at: Option<Millis>,
    /// HTTP status of the last answer.
    pub last_status: Option<i64>,
    /// What went wrong.
    pub last_error: Option<String>,
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleTask {
    /// The tenant of the event; tasks of several tenants are settled together.
    pub tenant: TenantId,
    /// What the event is about.
    pub subject: Subject,
    /// The handler's id.
    pub handler: String,
    /// The event's number.
    pub n: i64,
    /// Attempts as they were read; nothing is written when another worker was quicker.
    pub attempts: i64,
    /// Where it stands now.
    pub state: TaskState,
    /// When it is due again.
    pub due_at: Millis,
    /// When it was tried.
    pub at: Millis,
    /// HTTP status of the answer.
    pub status: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
}
