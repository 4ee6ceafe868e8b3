//! Operations: the typed parts of a change set.

use crate::directory::{Group, Logo, Look, PasswordDue, Role, Tenant, User, UserState};
use crate::end::EndSessions;
use crate::event::{NewEvent, Subject};
use crate::factor::FactorChange;
use crate::grant::Grant;
use crate::ids::{AppId, GrantId, GroupId, JobId, RoleId, SessionId, Sid, UserId};
use crate::job::{JobAdvance, NewJob};
use crate::key::{SigningAlg, StoredKey};
use crate::policy::{PolicyScope, SessionPolicy};
use crate::session::{Participation, Session};
use crate::{address::AddressChange, application::Application, mail::Mail, saml::SamlChange};
use crate::{sign_up::SignUpChange, task::SettleTask, time::Millis};

mod parts;

pub use parts::{KeyAccount, Purge, REQUEST_KEPT_MS, SessionLimit, SettleDelivery, Touch};

/// One operation. Those that rely on what was read make the change set a [conflict](crate::change::Outcome) when it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Make a tenant.
    CreateTenant(Tenant),
    /// Make an account.
    CreateUser(User),
    /// Set a password hash and raise the epoch.
    SetPassword {
        /// The account that it concerns.
        user: UserId,
        /// PHC text.
        hash: String,
        /// Only if nothing has happened to the account since it had this epoch; else a conflict.
        epoch: Option<i64>,
    },
    /// Remember a password that a user had, and forget the oldest beyond some number.
    KeepPassword {
        /// The account that it concerns.
        user: UserId,
        /// PHC text.
        hash: String,
        /// When it was replaced.
        at: Millis,
        /// So many are kept.
        keep: i64,
    },
    /// Write what SCIM shows of an account. A conflict when its version moved.
    UpdateUser {
        /// As it is to be; its version is one more than the one that was read.
        user: Box<User>,
    },
    /// Remove an account with its memberships, approvals and known browsers.
    DeleteUser {
        /// The account that it concerns.
        user: UserId,
    },
    /// Let a user's sessions reach applications only after a fresh sign-in.
    DemandSignIn {
        /// The account that it concerns.
        user: UserId,
    },
    /// Note what happened to an account's mail address.
    Address(AddressChange),
    /// Something about accounts that people make themselves.
    SignUp(SignUpChange),
    /// Something about service providers of SAML.
    Saml(SamlChange),
    /// Change an account's second factors.
    Factor(FactorChange),
    /// Make a group.
    CreateGroup(Group),
    /// Write a group. A conflict when its version moved.
    UpdateGroup(Group),
    /// Remove a group with its memberships.
    DeleteGroup {
        /// The group that it concerns.
        group: GroupId,
    },
    /// Put users into a group; those in it stay.
    JoinGroup {
        /// The group.
        group: GroupId,
        /// The accounts that it concerns.
        users: Vec<UserId>,
    },
    /// Take users out of a group.
    LeaveGroup {
        /// The group.
        group: GroupId,
        /// The accounts that it concerns.
        users: Vec<UserId>,
    },
    /// Let a group carry a role; a conflict when the role is being removed.
    CarryRole {
        /// The group.
        group: GroupId,
        /// The role.
        role: RoleId,
    },
    /// Let a group carry a role no more.
    DropRole {
        /// The group.
        group: GroupId,
        /// The role.
        role: RoleId,
    },
    /// Write a role's name and permissions. A conflict when its version moved or it is being removed.
    UpdateRole(Role),
    /// Give a role to several users; those who have it keep it.
    AssignRoleToMany {
        /// The role.
        role: RoleId,
        /// The accounts that get it.
        users: Vec<UserId>,
    },
    /// Take a role from several users.
    UnassignRoleFromMany {
        /// The role.
        role: RoleId,
        /// The accounts that lose it.
        users: Vec<UserId>,
    },
    /// Switch a tenant on or off.
    SetTenantEnabled {
        /// Which way.
        enabled: bool,
    },
    /// Remove accounts of a tenant that is deleted, with everything that is theirs.
    EraseUsers {
        /// The accounts that it concerns.
        users: Vec<UserId>,
    },
    /// Remove what a tenant without users still has.
    EraseTenant,
    /// Remove a tenant of which nothing is left.
    DeleteTenant,
    /// Take tasks of handlers that are due, for the time of a lease. [`Applied::tasks`](crate::change::Applied::tasks) has them.
    ClaimTasks {
        /// The handler.
        handler: String,
        /// The present time.
        now: Millis,
        /// Until when nobody else takes them.
        lease_until: Millis,
        /// At most so many.
        limit: i64,
    },
    /// Take the leases of a handler's tasks from workers that are not there any more. Only where this process is the
    /// only server.
    ReleaseTasks {
        /// The handler.
        handler: String,
    },
    /// Remove tasks of a handler that are done, the oldest.
    PurgeTasks {
        /// The handler.
        handler: String,
        /// Of events before this.
        before: Millis,
        /// At most so many.
        limit: i64,
    },
    /// Write what came of a task.
    SettleTask(SettleTask),
    /// Let a task that was parked or done be done again, or skip a parked one; a conflict when it waits already.
    RedoTask {
        /// What the event is about.
        subject: Subject,
        /// The handler.
        handler: String,
        /// The event's number.
        n: i64,
        /// When; `None` skips it.
        due_at: Option<Millis>,
    },
    /// Replace a password hash by a stronger one of the same password; nothing else changes.
    UpgradePassword {
        /// The account that it concerns.
        user: UserId,
        /// The one that was verified.
        from: String,
        /// The stronger one.
        to: String,
    },
    /// Let a password open nothing until another is chosen.
    DuePassword {
        /// The account that it concerns.
        user: UserId,
        /// How it is chosen.
        due: PasswordDue,
    },
    /// Remember that a user signs in with a browser.
    KnowBrowser {
        /// The account that it concerns.
        user: UserId,
        /// SHA-256 of the browser's own secret.
        browser: [u8; 32],
        /// When it happened.
        at: Millis,
    },
    /// Write a mail.
    AddMail(Mail),
    /// Take mails that are due, for the time of a lease. [`Applied::mail`](crate::change::Applied::mail) has them.
    ClaimMail {
        /// The present time.
        now: Millis,
        /// Until when nobody else takes them.
        lease_until: Millis,
        /// At most so many.
        limit: i64,
    },
    /// A mail was sent or given up, or waits for another attempt.
    SettleMail {
        /// The id by which it is named.
        id: [u8; 16],
        /// When it is tried again.
        retry_at: Option<Millis>,
    },
    /// Enable or disable an account.
    SetUserState {
        /// The account that it concerns.
        user: UserId,
        /// The state that the account gets.
        state: UserState,
        /// When a lock opens by itself.
        unlock_at: Option<Millis>,
        /// Only if nothing has happened to the account since it had this epoch; else a conflict.
        epoch: Option<i64>,
    },
    /// Make a role.
    CreateRole(Role),
    /// Give a role to a user; a conflict when the role is being removed.
    AssignRole {
        /// The role.
        role: RoleId,
        /// The account that gets it.
        user: UserId,
    },
    /// Take a role from a user; a conflict when the user hasn't got it.
    UnassignRole {
        /// The role.
        role: RoleId,
        /// The account that loses it.
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
    /// Write what the tenant looks like. The logo stays unless there is another, or none any more.
    SetLook {
        /// The look, with the tag of the logo that it will have.
        look: Look,
        /// Another logo, or none.
        logo: Option<Option<Logo>>,
    },
    /// Count that something happened.
    Tally {
        /// The name of what is counted.
        name: &'static str,
        /// When it happened.
        at: Millis,
    },
    /// Make an application, or make one what is declared.
    SaveApplication(Box<Application>),
    /// Change an application; a conflict when it hasn't the version any more that the value says.
    UpdateApplication(Box<Application>),
    /// Write which origins' scripts belong to an application.
    PutOrigins {
        /// The application.
        app: AppId,
        /// Scheme, host and port of each, as browsers write them.
        origins: Vec<String>,
    },
    /// Write down when a secret of an application was used.
    NoteSecretUse {
        /// The application.
        app: AppId,
        /// The beginning of the hash of what is stored of the secret.
        secret: [u8; 8],
        /// When it happened.
        at: Millis,
    },
    /// Remove an application: nothing that it was given works any more.
    RemoveApplication {
        /// The application that it concerns.
        app: AppId,
    },
    /// Make a session. A conflict when the user's epoch moved or the account was disabled.
    StartSession {
        /// The session.
        session: Session,
        /// The epoch read before the credentials were checked.
        epoch: i64,
        /// Most live sessions that the user may have, this one with them; more make a conflict.
        limit: Option<SessionLimit>,
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
    /// Shorten what is left of a living session; nothing is ever lengthened.
    TightenSession {
        /// The session.
        session: SessionId,
        /// Milliseconds that an access keeps it alive, at most.
        idle_timeout_ms: i64,
        /// When it ends in any case, at the latest.
        absolute_deadline: Option<Millis>,
    },
    /// Set a policy.
    PutPolicy {
        /// Whom it is for.
        scope: PolicyScope,
        /// What it sets; nothing removes it.
        policy: SessionPolicy,
    },
    /// Write last accesses; only ever forwards, only for living sessions.
    Touch(Vec<Touch>),
    /// Extend a session now. A conflict when it ended, or its time is over.
    ExtendSession {
        /// The session.
        session: SessionId,
        /// The time that is recorded: the present.
        at: Millis,
        /// How far behind a stored last access may be, in milliseconds.
        slack_ms: i64,
    },
    /// A session enters an application. A conflict when the session ended or is there already, a duplicate
    /// when another enters at this moment.
    AddParticipation {
        /// The stay.
        participation: Participation,
        /// The present time.
        now: Millis,
    },
    /// Make a grant. A conflict when the session or the participation ended.
    IssueGrant {
        /// The grant.
        grant: Box<Grant>,
        /// The present time.
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
    /// Go to the next refresh generation and access token number. A conflict when the grant ended.
    Refresh {
        /// The grant.
        grant: GrantId,
        /// The generation that was read.
        from_generation: i64,
        /// The generation to be stored: one more, or the same where rotation is off.
        to_generation: i64,
        /// The token number that was read.
        from_number: i64,
        /// The time that is recorded: the present.
        at: Millis,
        /// When everything issued is dead.
        expires_at: Millis,
    },
    /// Let a session use the shared access token that was read. A conflict when the grant ended or left the session.
    JoinSharedToken {
        /// The grant that it is for.
        grant: GrantId,
        /// The shared token.
        id: GrantId,
        /// The number that was read.
        number: i64,
        /// Who joins.
        session: SessionId,
    },
    /// Issue the next number of a shared access token, making its row if need be. A conflict when the grant ended or
    /// left the session.
    IssueSharedToken {
        /// The grant that it is for.
        grant: GrantId,
        /// The id, if the row is new.
        id: GrantId,
        /// The user on whose behalf it was given.
        user: UserId,
        /// The application that was given it.
        app: AppId,
        /// Scopes, separated by spaces, sorted.
        scopes: String,
        /// The number that was read; 0 when there was no row.
        from_number: i64,
        /// The time that is recorded: the present.
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
    /// Remember a user's approval. A conflict when the session ended in which it is given, or the approval changed.
    PutConsent {
        /// The account that it concerns.
        user: UserId,
        /// The session in which it is given.
        session: SessionId,
        /// The scopes that were read; empty when there was no approval.
        from: String,
        /// The application that was given it.
        app: AppId,
        /// Scopes, separated by spaces.
        scopes: String,
        /// When it happened.
        at: Millis,
    },
    /// A condition: an approval is as it was read, in a session that lives. Withdrawals wait until the change set ends.
    RequireApproval {
        /// The user who approved.
        user: UserId,
        /// A session of that user.
        session: SessionId,
        /// The application.
        app: AppId,
        /// The approved scopes, as they were read.
        scopes: String,
    },
    /// Append an event at this place, for subjects that a later operation removes.
    Append(NewEvent),
    /// Go through the door.
    EndSessions(EndSessions),
    /// Take deliveries that are due, for the time of a lease. [`Applied::deliveries`](crate::change::Applied::deliveries) has them.
    ClaimDeliveries {
        /// The present time.
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
        /// The present time.
        now: Millis,
        /// When it is given up.
        expires_at: Millis,
    },
    /// Give up a delivery that waits; a conflict when it doesn't.
    GiveUpDelivery {
        /// The session that ended.
        session: SessionId,
        /// Its participation.
        sid: Sid,
        /// By whom, in words.
        why: String,
    },
    /// Take the leases from workers that are not there any more. Only where this process is the only one.
    ReleaseDeliveries {
        /// The present time.
        now: Millis,
    },
    /// Count an attempt. [`Applied::attempts`](crate::change::Applied::attempts) has the count in the window, one number for each.
    CountAttempt {
        /// What is counted: a keyed hash of the account or the address.
        key: Vec<u8>,
        /// The present time.
        now: Millis,
        /// Milliseconds after which counting begins anew.
        window_ms: i64,
    },
    /// Forget attempts.
    ClearAttempts {
        /// What is counted.
        key: Option<Vec<u8>>,
        /// Counters that lose one attempt.
        one_of: Vec<Vec<u8>>,
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
    /// Take one job that is due, for the time of a lease. [`Applied::jobs`](crate::change::Applied::jobs) has it.
    ClaimJob {
        /// The present time.
        now: Millis,
        /// Until when nobody else takes it.
        lease_until: Millis,
    },
    /// Write how far a job came; a conflict when it is no longer pending.
    AdvanceJob(JobAdvance),
    /// Take the leases of jobs from workers that are gone. Only where this process is the only server.
    ReleaseJobs,
    /// Stop a job; a conflict when it is no longer pending.
    CancelJob {
        /// The job.
        id: JobId,
        /// The time that is recorded: the present.
        at: Millis,
    },
    /// Keep the key of a request with its answer; a duplicate when it came before.
    KeepRequest {
        /// Names the caller and their key.
        key: Vec<u8>,
        /// Of the request.
        hash: [u8; 32],
        /// What is answered when it comes again.
        answer: String,
        /// The time that is recorded: the present.
        at: Millis,
    },
    /// Write a fuller answer to a kept request.
    AnswerRequest {
        /// Names the caller and their key.
        key: Vec<u8>,
        /// What is answered when it comes again.
        answer: String,
    },
    /// Take back what a clock wrote that was ahead and has gone back since: nothing waits for a date that it gave.
    SetRight {
        /// The present time.
        now: Millis,
    },
    /// Remove what nobody can need any more.
    Purge(Purge),
    /// Write the address keys of sessions that a program wrote which knew none.
    KeyAddresses(Vec<(SessionId, Vec<u8>)>),
    /// Write the keys of an account that a program wrote which knew none; nothing where it changed since.
    KeyAccount(KeyAccount),
    /// Forget the addresses of these sessions.
    ForgetAddresses(Vec<SessionId>),
    /// Write the sign-in's time into stays that a program wrote which kept it elsewhere; of all tenants.
    PlaceStays {
        /// At most so many.
        limit: i64,
    },
    /// Remove these grants, as far as everything issued from them is dead.
    PurgeGrants {
        /// The grants.
        grants: Vec<GrantId>,
        /// The present time.
        now: Millis,
    },
}
