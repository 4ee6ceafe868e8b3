//! Durable jobs: large pieces of work that go on where they stopped.

use crate::end::{Actor, EndSummary};
use crate::ids::{JobId, TenantId};
use crate::time::Millis;

/// A job to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What kind of work it is.
    pub kind: JobKind,
    /// What is to be done, as a JSON document that the engine reads.
    pub payload: String,
    /// How much there is to do, as far as known.
    pub total: i64,
    /// Who wanted it.
    pub actor: Actor,
    /// When it was wanted; it may begin at once.
    pub at: Millis,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The tenant it works in.
    pub tenant: TenantId,
    /// Its id.
    pub id: JobId,
    /// What kind of work it is.
    pub kind: JobKind,
    /// What is to be done.
    pub payload: String,
    /// How much there is to do.
    pub total: i64,
    /// How much is done.
    pub done: i64,
    /// Where it stands.
    pub state: JobState,
    /// What went wrong last.
    pub error: Option<String>,
    /// Who wanted it.
    pub actor: String,
    /// When it was wanted.
    pub created_at: Millis,
    /// When nothing was left to do, or it was given up.
    pub finished_at: Option<Millis>,
    /// How far it came, as a JSON document that the engine reads.
    pub progress: String,
    /// What it has ended so far.
    pub ended: EndSummary,
}

/// What kinds of work there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Take a role from its members, then remove it.
    RemoveRole,
    /// End sessions.
    EndSessions,
    /// Remove a tenant with everything in it.
    EraseTenant,
}

impl JobKind {
    const ALL: [(Self, &'static str); 3] = [
        (Self::RemoveRole, "remove_role"),
        (Self::EndSessions, "end_sessions"),
        (Self::EraseTenant, "erase_tenant"),
    ];

    /// The name that the database keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(one, _)| *one)
    }
}

/// The life of a job: `Pending` → one of the others, once and for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It works, or waits for its turn.
    Pending,
    /// Nothing is left to do.
    Done,
    /// It can't be done; its error says why. What it has done stays done.
    Failed,
    /// Someone stopped it. What it has done stays done.
    Cancelled,
}

impl JobState {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
    ];

    /// The name that the database keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(one, _)| *one)
    }
}

/// How far a step of a job came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAdvance {
    /// The job.
    pub id: JobId,
    /// Units of work done, in addition to those before.
    pub done: i64,
    /// What the step ended, in addition to what was ended before.
    pub ended: EndSummary,
    /// Where it stands now.
    pub state: JobState,
    /// How far it came; `None` leaves that as it was.
    pub progress: Option<String>,
    /// The time that is recorded: the present.
    pub at: Millis,
    /// When it goes on.
    pub due_at: Millis,
    /// Until when it is still this worker's; 0 when anyone may go on.
    pub lease_until: Millis,
    /// What went wrong, if something did.
    pub error: Option<String>,
}
