//! Durable jobs: large pieces of work that resume where they stopped.

use crate::end::{Actor, EndSummary};
use crate::ids::{JobId, TenantId};
use crate::time::Millis;

/// A job to be enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Id of the job.
    pub id: JobId,
    /// The kind of work.
    pub kind: JobKind,
    /// Description of the work, as a JSON document that the engine parses.
    pub payload: String,
    /// Total units of work, as far as known.
    pub total: i64,
    /// The actor who started it.
    pub actor: Actor,
    /// Time at which it is enqueued; it is due at once.
    pub at: Millis,
}

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The tenant that the job works in.
    pub tenant: TenantId,
    /// Id of the job.
    pub id: JobId,
    /// The kind of work.
    pub kind: JobKind,
    /// Description of the work, as in [`NewJob::payload`].
    pub payload: String,
    /// Total units of work, as far as known.
    pub total: i64,
    /// Units of work that are done.
    pub done: i64,
    /// State of the job.
    pub state: JobState,
    /// Description of the last failure, if any.
    pub error: Option<String>,
    /// The actor who started it, as text.
    pub actor: String,
    /// Time at which it was enqueued.
    pub created_at: Millis,
    /// Time at which it was done, failed or cancelled.
    pub finished_at: Option<Millis>,
    /// Progress, as a JSON document that the engine parses.
    pub progress: String,
    /// Counts of what it has ended so far.
    pub ended: EndSummary,
}

/// The kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Takes a role from its members, then removes it.
    RemoveRole,
    /// Ends sessions of many users.
    EndSessions,
    /// Removes a tenant with all its data.
    EraseTenant,
}

impl JobKind {
    const ALL: [(Self, &'static str); 3] = [
        (Self::RemoveRole, "remove_role"),
        (Self::EndSessions, "end_sessions"),
        (Self::EraseTenant, "erase_tenant"),
    ];

    /// Returns the name that is stored in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    /// Parses the name; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(one, _)| *one)
    }
}

/// State of a job: `Pending` → one of the others, which are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// The job is running or waiting for its turn.
    Pending,
    /// All work is done.
    Done,
    /// The job can't be completed; its error says why. What it has done stays done.
    Failed,
    /// The job was cancelled. What it has done stays done.
    Cancelled,
}

impl JobState {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
    ];

    /// Returns the name that is stored in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    /// Parses the name; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(one, _)| *one)
    }
}

/// Progress of one step of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAdvance {
    /// The job that advances.
    pub id: JobId,
    /// Units of work done, in addition to those before.
    pub done: i64,
    /// Counts of what the step ended, in addition to those before.
    pub ended: EndSummary,
    /// State of the job after the step.
    pub state: JobState,
    /// New progress; `None` leaves it unchanged.
    pub progress: Option<String>,
    /// Current time, which is stored when the job finishes.
    pub at: Millis,
    /// Time at which the next step is due.
    pub due_at: Millis,
    /// End of this worker's lease; 0 lets any worker continue.
    pub lease_until: Millis,
    /// Description of the failure, if any.
    pub error: Option<String>,
}
