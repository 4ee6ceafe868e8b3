//! Change sets: what a use case wants written, all of it or none.

use crate::end::{Actor, EndSummary};
use crate::event::NewEvent;
use crate::ids::TenantId;
use crate::job::Job;
use crate::mail::Mail;
use crate::operation::Op;
use crate::task::{HandlerTask, TaskRule};
use crate::time::Millis;

/// Typed operations that are applied together, with the events and audit rows that belong to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The tenant in which everything lies.
    pub tenant: Option<TenantId>,
    /// In the order in which they are applied.
    pub ops: Vec<Op>,
    /// Events, appended in the same transaction.
    pub events: Vec<NewEvent>,
    /// Rows of the audit log, written in the same transaction.
    pub audit: Vec<AuditRow>,
    /// Which handlers get a task for which events; those of ends too.
    pub tasks: Vec<TaskRule>,
    /// Refused when nobody active would be left in the tenant who may do everything.
    pub keeps_administrator: bool,
}

/// Who did what, for the audit log. Administrative acts always leave one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Makes rows of one millisecond distinct.
    pub id: [u8; 16],
    /// When it happened.
    pub at: Millis,
    /// Who did it.
    pub actor: Actor,
    /// What, as `noun.verb`.
    pub action: String,
    /// The id of what it was done to.
    pub target: String,
    /// More, a JSON object.
    pub detail: String,
}

/// What became of a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is durable.
    Applied(Applied),
    /// Someone changed a row that it relies on: read again and decide again.
    Conflict,
    /// Something that it makes exists already.
    Duplicate,
    /// Ending these sessions without their tokens was refused: tokens bound to the session
    /// (`sso-session`) can't outlive it.
    SessionBoundTokens,
    /// Nobody would be left who may do everything: [`ChangeSet::keeps_administrator`].
    LastAdministrator,
}

/// What an applied change set answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// What its ends did, added up.
    pub ended: EndSummary,
    /// Deliveries claimed, or written by an end with a lease.
    pub deliveries: Vec<crate::delivery::Delivery>,
    /// Jobs claimed.
    pub jobs: Vec<Job>,
    /// Mails claimed.
    pub mail: Vec<Mail>,
    /// Tasks of handlers claimed.
    pub tasks: Vec<HandlerTask>,
    /// Attempts counted, in the order of the operations.
    pub attempts: Vec<i64>,
    /// Rows removed by a purge.
    pub purged: u64,
}

impl ChangeSet {
    /// An empty change set in a tenant.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), ..Self::default() }
    }

    /// A change set of one operation.
    #[must_use]
    pub fn of(tenant: TenantId, op: Op) -> Self {
        Self { tenant: Some(tenant), ops: vec![op], ..Self::default() }
    }

    /// One operation more.
    #[must_use]
    pub fn with(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }
}
