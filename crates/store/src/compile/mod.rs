//! Translates typed operations to statements. The translation is pure, and both databases share it.
//!
//! A change set becomes a list of steps. No step depends on the result of another one, so that PostgreSQL can receive
//! them all at once. Each step states the row count that it expects, which is checked before the commit.

mod directory;
pub(crate) mod end;
mod factor;
mod grant;
mod job;
mod operation;
mod people;
mod saml;
mod session;
mod sign_up;
mod task;

use sojourn_model::operation::DeliveryChange;
use sojourn_model::operation::GroupChange;
use sojourn_model::operation::JobChange;
use sojourn_model::operation::MailChange;
use sojourn_model::operation::TaskChange;
use sojourn_model::{ChangeSet, EventName, Millis, NewEvent, Op, Subject, TaskRule, TenantId};

use crate::dialect::Statement;
use crate::sql;
use crate::value::Value;

/// The row count that a step requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Any row count is accepted.
    Any,
    /// At least one row; none means that something has changed since it was read.
    Some,
    /// No row; a row means that tokens bound to the session would be left.
    NoBoundTokens,
    /// At least one row; none means that no user with all permissions would be left.
    Administrator,
}

/// What a step adds to the results of the change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gather {
    Nothing,
    Sessions,
    Grants,
    Consents,
    Deliveries,
    /// Counts the deliveries, and returns those that are handed to the worker of this process.
    HandedDeliveries,
    ClaimedDeliveries,
    ClaimedJobs,
    ClaimedMail,
    ClaimedTasks,
    Attempts,
    Purged,
}

/// A statement with its parameters and expectations.
pub(crate) struct Step {
    pub(crate) statement: &'static Statement,
    pub(crate) params: Vec<Value>,
    pub(crate) expect: Expect,
    pub(crate) gather: Gather,
    /// Whether it only takes row locks, so that SQLite skips it: it has a single writer.
    pub(crate) lock_only: bool,
}

/// The steps of a change set, in the order of execution.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) list: Vec<Step>,
    /// Rules by which handlers get tasks for events.
    rules: Vec<TaskRule>,
}

impl Steps {
    pub(crate) fn push(
        &mut self,
        statement: &'static Statement,
        params: Vec<Value>,
        expect: Expect,
        gather: Gather,
    ) {
        self.list.push(Step { statement, params, expect, gather, lock_only: false });
    }

    /// Adds a step with any row count.
    pub(crate) fn run(&mut self, statement: &'static Statement, params: Vec<Value>) {
        self.push(statement, params, Expect::Any, Gather::Nothing);
    }

    /// Adds a step that has to affect at least one row; otherwise the change set is a conflict.
    pub(crate) fn must(&mut self, statement: &'static Statement, params: Vec<Value>) {
        self.push(statement, params, Expect::Some, Gather::Nothing);
    }

    /// Returns the task rules for an event.
    pub(crate) fn rules_for(&self, event: EventName) -> Vec<TaskRule> {
        self.rules.iter().filter(|rule| rule.event == event).cloned().collect()
    }

    /// Adds a task for each handler with a rule for the event that the previous step wrote.
    pub(crate) fn tasks_for(
        &mut self,
        tenant: TenantId,
        subject: Subject,
        event: EventName,
        at: Millis,
    ) {
        for rule in self.rules_for(event) {
            let due = at.plus(rule.delay_ms);
            self.must(
                &sql::task::TASK_ADD,
                params![tenant, subject.kind(), subject.id(), rule.handler, at, due],
            );
        }
    }

    pub(crate) fn lock(&mut self, statement: &'static Statement, params: Vec<Value>) {
        self.list.push(Step {
            statement,
            params,
            expect: Expect::Any,
            gather: Gather::Nothing,
            lock_only: true,
        });
    }
}

/// Creates a list of parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::value::Value::from($value)),*]
    };
}
pub(crate) use params;

/// Translates a change set to steps.
pub(crate) fn compile(change: ChangeSet) -> Steps {
    let tenant = change.tenant.unwrap_or(TenantId::DEFAULT);
    let mut steps = Steps { rules: change.tasks, ..Steps::default() };
    let keeps_administrator = change.keeps_administrator;
    if keeps_administrator {
        // The lock serializes concurrent change sets that each remove an administrator.
        steps.lock(&sql::directory::TENANT_LOCK, params![tenant]);
    }
    for op in change.ops {
        one(&mut steps, tenant, op);
    }
    if keeps_administrator {
        let (statement, expect) = (&sql::directory::ADMINISTRATOR, Expect::Administrator);
        steps.push(statement, params![tenant], expect, Gather::Nothing);
    }
    for event in change.events {
        append_event(&mut steps, tenant, event);
    }
    for row in change.audit {
        steps.run(
            &sql::operation::AUDIT_ADD,
            params![
                tenant,
                row.at,
                row.id.to_vec(),
                row.actor.to_string(),
                row.action,
                row.target,
                row.detail
            ],
        );
    }
    steps
}

// Long, because it names every operation, so that a new one can't be forgotten.
fn one(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::CreateTenant(_)
        | Op::CreateUser(_)
        | Op::SetPassword { .. }
        | Op::UpgradePassword { .. }
        | Op::SetUserState { .. }
        | Op::DuePassword { .. }
        | Op::Address(_)
        | Op::KnowBrowser { .. }
        | Op::CreateRole(_)
        | Op::AssignRole { .. }
        | Op::UnassignRole { .. }
        | Op::BeginRoleRemoval { .. }
        | Op::DeleteRole { .. }
        | Op::SaveApplication(_)
        | Op::SetLook { .. }
        | Op::UpdateApplication(_)
        | Op::PutPolicy { .. }
        | Op::SetTenantEnabled { .. }
        | Op::DeleteTenant
        | Op::PutOrigins { .. }
        | Op::NoteSecretUse { .. }
        | Op::RemoveApplication { .. } => directory::compile(steps, tenant, op),
        Op::KeepPassword { .. }
        | Op::UpdateUser { .. }
        | Op::DeleteUser { .. }
        | Op::DemandSignIn { .. }
        | Op::Group(GroupChange::Create(_))
        | Op::Group(GroupChange::Update(_))
        | Op::Group(GroupChange::Delete { .. })
        | Op::Group(GroupChange::Join { .. })
        | Op::Group(GroupChange::Leave { .. })
        | Op::Group(GroupChange::CarryRole { .. })
        | Op::Group(GroupChange::DropRole { .. })
        | Op::UpdateRole(_)
        | Op::AssignRoleToMany { .. }
        | Op::UnassignRoleFromMany { .. } => people::compile(steps, tenant, op),
        Op::Task(TaskChange::Release { .. })
        | Op::Task(TaskChange::Claim { .. })
        | Op::Task(TaskChange::Purge { .. })
        | Op::Task(TaskChange::Settle(_))
        | Op::Task(TaskChange::Redo { .. })
        | Op::EraseUsers { .. }
        | Op::EraseTenant => task::compile(steps, tenant, op),
        Op::StartSession { .. }
        | Op::RenewSession { .. }
        | Op::TightenSession { .. }
        | Op::Touch(_)
        | Op::ExtendSession { .. }
        | Op::AddParticipation { .. } => session::compile(steps, tenant, op),
        Op::IssueGrant { .. }
        | Op::RedeemCode { .. }
        | Op::Refresh { .. }
        | Op::JoinSharedToken { .. }
        | Op::IssueSharedToken { .. }
        | Op::RevokeToken { .. }
        | Op::IssueDetachedGrant { .. }
        | Op::UseOnce { .. }
        | Op::PutConsent { .. }
        | Op::RequireApproval { .. } => grant::compile(steps, tenant, op),
        Op::Append(event) => append_event(steps, tenant, event),
        Op::Factor(change) => factor::compile(steps, tenant, change),
        Op::Saml(change) => saml::compile(steps, tenant, change),
        Op::SignUp(change) => sign_up::compile(steps, tenant, change),
        Op::EndSessions(end) => end::compile(steps, &end),
        Op::Mail(MailChange::Add(_))
        | Op::Mail(MailChange::Claim { .. })
        | Op::Mail(MailChange::Settle { .. })
        | Op::Job(JobChange::Add(_))
        | Op::Job(JobChange::Claim { .. })
        | Op::Job(JobChange::Advance(_))
        | Op::Job(JobChange::Release)
        | Op::Job(JobChange::Cancel { .. })
        | Op::KeepRequest { .. }
        | Op::AnswerRequest { .. } => job::compile(steps, tenant, op),
        Op::Delivery(DeliveryChange::Claim { .. })
        | Op::Delivery(DeliveryChange::Settle(_))
        | Op::Delivery(DeliveryChange::GiveUp { .. })
        | Op::Delivery(DeliveryChange::Resend { .. })
        | Op::Delivery(DeliveryChange::Release { .. })
        | Op::CountAttempt { .. }
        | Op::ClearAttempts { .. }
        | Op::Tally { .. }
        | Op::AddKey(_)
        | Op::RetireKey { .. }
        | Op::SetMeta { .. }
        | Op::KeyAddresses(_)
        | Op::KeyAccount(_)
        | Op::ForgetAddresses(_)
        | Op::PlaceStays { .. }
        | Op::SetRight { .. }
        | Op::Purge(_)
        | Op::PurgeGrants { .. } => operation::compile(steps, tenant, op),
    }
}

/// Appends an event. The subject's row counts its events; counting first takes the row's lock on PostgreSQL.
fn append_event(steps: &mut Steps, tenant: TenantId, event: NewEvent) {
    let (count, insert) = match event.subject {
        Subject::User(_) => (&sql::directory::ACCOUNT_COUNT_EVENT, &sql::directory::ACCOUNT_EVENT),
        Subject::Role(_) => (&sql::directory::ROLE_COUNT_EVENT, &sql::directory::ROLE_EVENT),
        Subject::Group(_) => (&sql::directory::GROUP_COUNT_EVENT, &sql::directory::GROUP_EVENT),
        Subject::Application(_) => {
            (&sql::directory::APPLICATION_COUNT_EVENT, &sql::directory::APPLICATION_EVENT)
        }
        Subject::Tenant(_) => (&sql::directory::TENANT_COUNT_EVENT, &sql::directory::TENANT_EVENT),
    };
    let (subject, name, at) = (event.subject, event.name, event.at);
    steps.must(count, params![tenant, event.subject.id()]);
    steps.must(
        insert,
        params![
            tenant,
            event.subject.id(),
            event.name.as_str(),
            event.at,
            event.actor.to_string(),
            event.session,
            event.data
        ],
    );
    steps.tasks_for(tenant, subject, name, at);
}

/// Encodes ids as a list parameter: a JSON array of hex digits.
pub(crate) fn many<T>(ids: &[T], bytes: impl Fn(&T) -> Vec<u8>) -> String {
    let all: Vec<String> =
        ids.iter().map(|id| format!("\"{}\"", sojourn_model::ids::hex(&bytes(id)))).collect();
    format!("[{}]", all.join(","))
}
