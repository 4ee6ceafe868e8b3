//! Change sets: the writes of a use case, applied atomically.

use crate::end::{Actor, EndSummary};
use crate::event::NewEvent;
use crate::ids::TenantId;
use crate::job::Job;
use crate::mail::Mail;
use crate::operation::Op;
use crate::task::{HandlerTask, TaskRule};
use crate::time::Millis;

/// Typed operations that are applied in one transaction, with their events and audit log rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The tenant that all operations apply to; `None` means the default tenant.
    pub tenant: Option<TenantId>,
    /// The operations, in the order in which they are applied.
    pub ops: Vec<Op>,
    /// Events that are appended in the same transaction.
    pub events: Vec<NewEvent>,
    /// Audit log rows that are written in the same transaction.
    pub audit: Vec<AuditRow>,
    /// Rules by which handlers get tasks for events, including the events that ends write.
    pub tasks: Vec<TaskRule>,
    /// Whether the change set is rejected with [`Outcome::LastAdministrator`] if no active user with all permissions
    /// would be left in the tenant.
    pub keeps_administrator: bool,
}

/// A row of the audit log: who did what. Every administrative action writes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Id that distinguishes rows of the same millisecond.
    pub id: [u8; 16],
    /// Time of the action.
    pub at: Millis,
    /// The actor who performed the action.
    pub actor: Actor,
    /// The action, as `noun.verb`.
    pub action: String,
    /// Id of the object that the action applies to.
    pub target: String,
    /// Further details, as a JSON object.
    pub detail: String,
}

/// The result of applying a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The whole change set is committed and durable.
    Applied(Applied),
    /// A row that the change set relies on has changed: the caller reads the state again and decides again.
    Conflict,
    /// Something that the change set creates already exists.
    Duplicate,
    /// The change set was rejected because it would end sessions without their tokens: tokens bound to the session
    /// (`sso-session`) can't outlive it.
    SessionBoundTokens,
    /// No active user with all permissions would be left: see [`ChangeSet::keeps_administrator`].
    LastAdministrator,
}

/// The results of an applied change set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Totals of all ends in the change set.
    pub ended: EndSummary,
    /// Deliveries that were claimed, or that an end with a lease wrote.
    pub deliveries: Vec<crate::delivery::Delivery>,
    /// Jobs that [`JobChange::Claim`](crate::operation::JobChange::Claim) claimed.
    pub jobs: Vec<Job>,
    /// Mails that [`MailChange::Claim`](crate::operation::MailChange::Claim) claimed.
    pub mail: Vec<Mail>,
    /// Handler tasks that [`TaskChange::Claim`](crate::operation::TaskChange::Claim) claimed.
    pub tasks: Vec<HandlerTask>,
    /// Counts of attempts in the current window, one for each [`Op::CountAttempt`], in the order of the operations.
    pub attempts: Vec<i64>,
    /// Number of rows that a purge removed.
    pub purged: u64,
}

impl ChangeSet {
    /// Creates an empty change set for a tenant.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), ..Self::default() }
    }

    /// Creates a change set with one operation.
    #[must_use]
    pub fn of(tenant: TenantId, op: Op) -> Self {
        Self { tenant: Some(tenant), ops: vec![op], ..Self::default() }
    }

    /// Appends an operation after the existing ones.
    #[must_use]
    pub fn with(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }
}
