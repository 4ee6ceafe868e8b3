//! Change sets: what a use case wants written, all of it or none.

use crate::application::Application;
use crate::delivery::DeliveryState;
use crate::directory::{Role, Tenant, User, UserState};
use crate::end::{Actor, EndSessions, EndSummary};
use crate::event::NewEvent;
use crate::grant::Grant;
use crate::ids::{AppId, GrantId, JobId, RoleId, SessionId, Sid, TenantId, UserId};
use crate::key::{SigningAlg, StoredKey};
use crate::session::{Participation, Session};
use crate::time::Millis;

/// Typed operations that are applied together, with the events and audit rows that belong to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The tenant in which everything lies.
    pub tenant: Option<TenantId>,
    /// In the order in which they are applied.
    pub ops: Vec<Op>,
    /// Written with them.
    pub events: Vec<NewEvent>,
    /// Written with them.
    pub audit: Vec<AuditRow>,
}

/// Who did what, for the audit log. Administrative acts always leave one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Makes rows of one millisecond distinct.
    pub id: [u8; 16],
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: Actor,
    /// What, as `noun.verb`.
    pub action: String,
    /// To what.
    pub target: String,
    /// More, a JSON object.
    pub detail: String,
}

/// One operation. Those that rely on what was read say so and make the change set a
/// [`Outcome::Conflict`] when it no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Make a tenant.
    CreateTenant(Tenant),
    /// Make an account.
    CreateUser(User),
    /// Set a password hash and raise the epoch.
    SetPassword {
        /// Whose.
        user: UserId,
        /// PHC text.
        hash: String,
    },
    /// Replace a password hash by a stronger one of the same password; nothing else changes.
    UpgradePassword {
        /// Whose.
        user: UserId,
        /// The one that was verified.
        from: String,
        /// The stronger one.
        to: String,
    },
    /// Enable or disable an account.
    SetUserState {
        /// Whose.
        user: UserId,
        /// To what.
        state: UserState,
    },
    /// Make a role.
    CreateRole(Role),
    /// Give a role to a user; a conflict when the role is being removed.
    AssignRole {
        /// The role.
        role: RoleId,
        /// To whom.
        user: UserId,
    },
    /// Take a role from a user; a conflict when the user hasn't got it.
    UnassignRole {
        /// The role.
        role: RoleId,
        /// From whom.
        user: UserId,
    },
    /// Mark a role as being removed: it grants nothing from now on.
    BeginRoleRemoval {
        /// The role.
        role: RoleId,
    },
    /// Remove a role that has no members left.
    DeleteRole {
        /// The role.
        role: RoleId,
    },
    /// Make or change an application.
    SaveApplication(Box<Application>),
    /// Remove an application: nothing that it was given works any more.
    RemoveApplication {
        /// Which.
        app: AppId,
    },
    /// Make a session. A conflict when the user's epoch moved or the account was disabled.
    StartSession {
        /// The session.
        session: Session,
        /// The epoch read before the credentials were checked.
        epoch: i64,
    },
    /// The same person proved again who they are: new secret, same id.
    RenewSession {
        /// The session with its new secret, times and methods.
        session: Session,
        /// The secret's hash that was read.
        from_secret_hash: [u8; 32],
        /// Until when that one still opens the session.
        previous_until: Millis,
        /// The epoch read before the credentials were checked.
        epoch: i64,
    },
    /// Write last accesses; only ever forwards, only for living sessions.
    Touch(Vec<Touch>),
    /// A session enters an application. A conflict when the session ended or is there already, a duplicate
    /// when another enters at this moment.
    AddParticipation {
        /// The stay.
        participation: Participation,
        /// Now.
        now: Millis,
    },
    /// Make a grant. A conflict when the session or the participation ended.
    IssueGrant {
        /// The grant.
        grant: Box<Grant>,
        /// Now.
        now: Millis,
    },
    /// Make a grant without a session. A conflict when the user's epoch moved or the account was disabled.
    IssueDetachedGrant {
        /// The grant.
        grant: Box<Grant>,
        /// The epoch read before the credentials were checked.
        epoch: i64,
    },
    /// Remember that something may not come again, such as a client assertion; a duplicate when it did.
    UseOnce {
        /// What names it.
        key: Vec<u8>,
        /// When it would be refused anyway.
        until: Millis,
    },
    /// Redeem a code: at most once.
    RedeemCode {
        /// The code's grant.
        grant: GrantId,
        /// When its access token is issued.
        at: Millis,
        /// Whether a refresh token is issued.
        refresh: bool,
        /// When everything issued is dead.
        expires_at: Millis,
    },
    /// Go to the next refresh generation and access token number.
    Refresh {
        /// The grant.
        grant: GrantId,
        /// The generation that was read.
        from_generation: i64,
        /// The generation to be stored: one more, or the same where rotation is off.
        to_generation: i64,
        /// The token number that was read.
        from_number: i64,
        /// Now.
        at: Millis,
        /// When everything issued is dead.
        expires_at: Millis,
    },
    /// Let a session use the shared access token that was read.
    JoinSharedToken {
        /// The shared token.
        id: GrantId,
        /// The number that was read.
        number: i64,
        /// Who joins.
        session: SessionId,
    },
    /// Issue the next number of a shared access token, making its row if need be.
    IssueSharedToken {
        /// The id, if the row is new.
        id: GrantId,
        /// For whom.
        user: UserId,
        /// To whom.
        app: AppId,
        /// Scopes, separated by spaces, sorted.
        scopes: String,
        /// The number that was read; 0 when there was no row.
        from_number: i64,
        /// Now.
        at: Millis,
        /// Milliseconds that it lives.
        lifetime_ms: i64,
        /// The session that uses it first.
        session: SessionId,
    },
    /// Remember that one token is revoked.
    RevokeToken {
        /// What names the token.
        key: Vec<u8>,
        /// When it would have died anyway.
        until: Millis,
    },
    /// Remember a user's approval.
    PutConsent {
        /// Whose.
        user: UserId,
        /// For whom.
        app: AppId,
        /// Scopes, separated by spaces.
        scopes: String,
        /// When.
        at: Millis,
    },
    /// Append an event at this place, for subjects that a later operation removes.
    Append(NewEvent),
    /// Go through the door.
    EndSessions(EndSessions),
    /// Take deliveries that are due, for the time of a lease. [`Applied::deliveries`] has them.
    ClaimDeliveries {
        /// Now.
        now: Millis,
        /// Until when nobody else takes them.
        lease_until: Millis,
        /// At most so many.
        limit: i64,
    },
    /// Write what came of an attempt.
    SettleDelivery(SettleDelivery),
    /// Try a dead or refused delivery again.
    ResendDelivery {
        /// The session that ended.
        session: SessionId,
        /// Its participation.
        sid: Sid,
        /// Now.
        now: Millis,
        /// When it is given up.
        expires_at: Millis,
    },
    /// Take the leases from workers that are not there any more. Only where this process is the only one.
    ReleaseDeliveries {
        /// Now.
        now: Millis,
    },
    /// Count an attempt. [`Applied::attempts`] has the count in the window, one number for each.
    CountAttempt {
        /// What is counted: a keyed hash of the account or the address.
        key: Vec<u8>,
        /// Now.
        now: Millis,
        /// Milliseconds after which counting begins anew.
        window_ms: i64,
    },
    /// Forget attempts.
    ClearAttempts {
        /// What is counted.
        key: Vec<u8>,
    },
    /// Keep a signing key. A duplicate when the tenant has one of that algorithm and generation already.
    AddKey(StoredKey),
    /// Say from when on a key is not published any more.
    RetireKey {
        /// Its algorithm.
        alg: SigningAlg,
        /// Its generation.
        generation: i64,
        /// From when on.
        at: Millis,
    },
    /// Keep a fact about the installation; a duplicate when it is kept already.
    SetMeta {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Enqueue a durable job.
    AddJob(NewJob),
    /// Take one job that is due, for the time of a lease. [`Applied::jobs`] has it.
    ClaimJob {
        /// Now.
        now: Millis,
        /// Until when nobody else takes it.
        lease_until: Millis,
    },
    /// Write how far a job came.
    AdvanceJob {
        /// The job.
        id: JobId,
        /// Units of work done, in addition to those before.
        done: i64,
        /// Whether nothing is left.
        finished: bool,
        /// When it goes on.
        due_at: Millis,
        /// What went wrong, if something did.
        error: Option<String>,
    },
    /// Remove what nobody can need any more, at most so many rows of each kind.
    Purge {
        /// Now.
        now: Millis,
        /// Ended sessions and deliveries older than this go.
        history_before: Millis,
        /// At most so many rows.
        limit: i64,
    },
    /// Remove these grants, as far as everything issued from them is dead.
    PurgeGrants {
        /// The grants.
        grants: Vec<GrantId>,
        /// Now.
        now: Millis,
    },
}

/// A last access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The session.
    pub session: SessionId,
    /// The application through which it was used, if one was.
    pub app: Option<AppId>,
    /// When.
    pub at: Millis,
}

/// What came of an attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleDelivery {
    /// The tenant that it belongs to; deliveries of several tenants are settled together.
    pub tenant: TenantId,
    /// When it was written.
    pub created_at: Millis,
    /// The delivery.
    pub sid: Sid,
    /// Its attempts as they were read; nothing is written when another worker was quicker.
    pub attempts: i64,
    /// Where it stands now.
    pub state: DeliveryState,
    /// When the next attempt is due.
    pub due_at: Millis,
    /// When this attempt was made.
    pub at: Millis,
    /// HTTP status of the answer.
    pub status: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
    /// `jti` of the token that was sent.
    pub jti: String,
    /// Whether the answer counts as a refusal.
    pub refused: bool,
    /// Whether the answer was lost.
    pub answer_lost: bool,
}

/// A job to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What is to be done, as a JSON document that the engine reads.
    pub payload: String,
    /// How much there is to do, as far as known.
    pub total: i64,
    /// When it may begin.
    pub due_at: Millis,
}

/// A job at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The tenant it works in.
    pub tenant: TenantId,
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub payload: String,
    /// How much there is to do.
    pub total: i64,
    /// How much is done.
    pub done: i64,
    /// `pending`, `done` or `failed`.
    pub state: String,
    /// What went wrong last.
    pub error: Option<String>,
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
