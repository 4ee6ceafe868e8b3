//! Operations: the typed parts of a change set.

use crate::directory::{Logo, Look, PasswordDue, Role, Tenant, User, UserState};
use crate::end::EndSessions;
use crate::event::NewEvent;
use crate::factor::FactorChange;
use crate::grant::Grant;
use crate::ids::{AppId, GrantId, RoleId, SessionId, UserId};
use crate::key::{SigningAlg, StoredKey};
use crate::policy::{PolicyScope, SessionPolicy};
use crate::session::{Participation, Session};
use crate::{address::AddressChange, application::Application, saml::SamlChange};
use crate::{sign_up::SignUpChange, time::Millis};

mod delivery;
mod group;
mod job;
mod mail;
mod parts;
mod task;

pub use delivery::DeliveryChange;
pub use group::GroupChange;
pub use job::JobChange;
pub use mail::MailChange;
pub use parts::{KeyAccount, Purge, REQUEST_KEPT_MS, SessionLimit, SettleDelivery, Touch};
pub use task::TaskChange;

/// One operation. A change to a state that it relies on makes the change set a [conflict](crate::change::Outcome).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Creates a tenant; a duplicate if its name is taken.
    CreateTenant(Tenant),
    /// Creates an account; a duplicate if its login name is taken.
    CreateUser(User),
    /// Stores a new password hash and increments the account's epoch.
    SetPassword {
        /// The account that the operation applies to.
        user: UserId,
        /// Password hash in PHC string format.
        hash: String,
        /// If set, the operation is a conflict unless the account still has this epoch.
        epoch: Option<i64>,
    },
    /// Adds a former password to the password history and trims the history.
    KeepPassword {
        /// The account that the operation applies to.
        user: UserId,
        /// Password hash in PHC string format.
        hash: String,
        /// Time at which it was replaced.
        at: Millis,
        /// Number of former passwords to keep.
        keep: i64,
    },
    /// Writes the attributes of an account that SCIM exposes. A conflict if its version has changed.
    UpdateUser {
        /// The new state of the account; its version is one more than the version that was read.
        user: Box<User>,
    },
    /// Removes an account with its memberships, consents and known browsers.
    DeleteUser {
        /// The account that the operation applies to.
        user: UserId,
    },
    /// Requires a fresh sign-in before a user's sessions can reach applications again.
    DemandSignIn {
        /// The account that the operation applies to.
        user: UserId,
    },
    /// Records a verification or replacement of an account's email address.
    Address(AddressChange),
    /// Changes self-service sign-up, account deletion or accepted terms.
    SignUp(SignUpChange),
    /// Changes the state that is kept for SAML service providers.
    Saml(SamlChange),
    /// Changes an account's factors, trusted browsers or recovery codes.
    Factor(FactorChange),
    /// Changes a group, its members or its roles.
    Group(GroupChange),
    /// Writes a role's name and permissions. A conflict if its version has changed or it is being removed.
    UpdateRole(Role),
    /// Assigns a role to several users; those who already have it keep it.
    AssignRoleToMany {
        /// The role that is assigned.
        role: RoleId,
        /// The users who get the role.
        users: Vec<UserId>,
    },
    /// Takes a role from several users.
    UnassignRoleFromMany {
        /// The role that is taken away.
        role: RoleId,
        /// The users who lose the role.
        users: Vec<UserId>,
    },
    /// Enables or disables the tenant.
    SetTenantEnabled {
        /// Whether the tenant is enabled.
        enabled: bool,
    },
    /// Removes accounts of a tenant that is being deleted, with all their data.
    EraseUsers {
        /// The accounts that are removed.
        users: Vec<UserId>,
    },
    /// Removes the remaining data of a tenant that has no users left.
    EraseTenant,
    /// Removes a tenant that has no data left.
    DeleteTenant,
    /// Changes the tasks of handlers.
    Task(TaskChange),
    /// Replaces a password hash by a stronger one of the same password; nothing else changes.
    UpgradePassword {
        /// The account that the operation applies to.
        user: UserId,
        /// The hash that was verified.
        from: String,
        /// The stronger hash that replaces it.
        to: String,
    },
    /// Makes the password unusable until a new one is chosen.
    DuePassword {
        /// The account that the operation applies to.
        user: UserId,
        /// How the new password has to be chosen.
        due: PasswordDue,
    },
    /// Records that a user signed in with a browser.
    KnowBrowser {
        /// The account that the operation applies to.
        user: UserId,
        /// SHA-256 of the browser's secret.
        browser: [u8; 32],
        /// Time of the sign-in.
        at: Millis,
    },
    /// Writes a mail, or what came of it.
    Mail(MailChange),
    /// Activates, disables or locks an account.
    SetUserState {
        /// The account that the operation applies to.
        user: UserId,
        /// The new state of the account.
        state: UserState,
        /// Time at which a lock expires by itself, if it does.
        unlock_at: Option<Millis>,
        /// If set, the operation is a conflict unless the account still has this epoch.
        epoch: Option<i64>,
    },
    /// Creates a role; a duplicate if its name is taken.
    CreateRole(Role),
    /// Assigns a role to a user; a conflict if the role is being removed.
    AssignRole {
        /// The role that is assigned.
        role: RoleId,
        /// The user who gets the role.
        user: UserId,
    },
    /// Takes a role from a user; a conflict if the user doesn't have it.
    UnassignRole {
        /// The role that is taken away.
        role: RoleId,
        /// The user who loses the role.
        user: UserId,
    },
    /// Marks a role as being removed: it grants nothing from now on.
    BeginRoleRemoval {
        /// The role that is marked.
        role: RoleId,
    },
    /// Removes a role that has no members left.
    DeleteRole {
        /// The role that is removed.
        role: RoleId,
    },
    /// Writes the branding of the tenant. The logo changes only if `logo` is set.
    SetLook {
        /// The branding, with the tag of the logo after the change.
        look: Look,
        /// `Some(Some(…))` replaces the logo, `Some(None)` removes it.
        logo: Option<Option<Logo>>,
    },
    /// Increments a counter of the tenant, with one row for each minute.
    Tally {
        /// Name of the counter.
        name: &'static str,
        /// Time of what is counted.
        at: Millis,
    },
    /// Creates an application, or updates an existing one to what is declared.
    SaveApplication(Box<Application>),
    /// Updates an application; a conflict unless its stored version is still the version of this value.
    UpdateApplication(Box<Application>),
    /// Replaces the origins of an application, from which scripts may call.
    PutOrigins {
        /// The application that owns the origins.
        app: AppId,
        /// Scheme, host and port of each, as browsers serialize them.
        origins: Vec<String>,
    },
    /// Records when a secret of an application was used.
    NoteSecretUse {
        /// The application that owns the secret.
        app: AppId,
        /// First 8 bytes of the hash of the stored form of the secret.
        secret: [u8; 8],
        /// Time of the use.
        at: Millis,
    },
    /// Removes an application: its grants and tokens are no longer valid.
    RemoveApplication {
        /// The application that is removed.
        app: AppId,
    },
    /// Creates a session. A conflict if the user's epoch has changed, or the account or the tenant is not active.
    StartSession {
        /// The session that is created.
        session: Session,
        /// The account's epoch, read before the credentials were checked.
        epoch: i64,
        /// Maximum number of live sessions of the user, including this one; more are a conflict.
        limit: Option<SessionLimit>,
    },
    /// Records that the same user authenticated again: the session gets a new secret and keeps its id.
    RenewSession {
        /// The session with its new secret, times and methods.
        session: Session,
        /// Hash of the previous secret, as it was read.
        from_secret_hash: [u8; 32],
        /// Time until which the previous secret is still accepted.
        previous_until: Millis,
        /// The account's epoch, read before the credentials were checked.
        epoch: i64,
    },
    /// Shortens the deadlines of a living session; they are never extended.
    TightenSession {
        /// The session that is shortened.
        session: SessionId,
        /// Upper bound of the idle timeout, in milliseconds.
        idle_timeout_ms: i64,
        /// Upper bound of the absolute deadline, if any.
        absolute_deadline: Option<Millis>,
    },
    /// Sets the policy of a scope.
    PutPolicy {
        /// The scope that the policy applies to.
        scope: PolicyScope,
        /// The settings; an empty policy removes the stored one.
        policy: SessionPolicy,
    },
    /// Writes last accesses; they only move forward, and only for living sessions.
    Touch(Vec<Touch>),
    /// Extends a session. A conflict if it has ended or is past a deadline.
    ExtendSession {
        /// The session that is extended.
        session: SessionId,
        /// Current time, which is stored.
        at: Millis,
        /// How far the stored last access may lag behind, in milliseconds.
        slack_ms: i64,
    },
    /// Adds a session's participation in an application. A conflict if the session has ended or already participates, a
    /// duplicate if a concurrent change adds one.
    AddParticipation {
        /// The participation that is added.
        participation: Participation,
        /// Current time, from the caller's clock.
        now: Millis,
    },
    /// Creates a grant. A conflict if the session or the participation has ended.
    IssueGrant {
        /// The grant that is created.
        grant: Box<Grant>,
        /// Current time, from the caller's clock.
        now: Millis,
    },
    /// Creates a grant without a session. A conflict if the user's epoch has changed or the account is disabled.
    IssueDetachedGrant {
        /// The grant that is created.
        grant: Box<Grant>,
        /// The account's epoch, read before the credentials were checked.
        epoch: i64,
    },
    /// Records a single-use value, such as a client assertion; a duplicate if it was used before.
    UseOnce {
        /// Key that identifies the value.
        key: Vec<u8>,
        /// Time from which the value is rejected anyway.
        until: Millis,
    },
    /// Redeems a code, which succeeds at most once.
    RedeemCode {
        /// The grant of the code.
        grant: GrantId,
        /// Time at which the access token is issued.
        at: Millis,
        /// Whether a refresh token is issued.
        refresh: bool,
        /// Time at which everything issued has expired.
        expires_at: Millis,
    },
    /// Advances the refresh generation and the access token number. A conflict if the grant has ended.
    Refresh {
        /// The grant that is refreshed.
        grant: GrantId,
        /// The refresh generation that was read.
        from_generation: i64,
        /// The refresh generation to store: one more, or the same if rotation is off.
        to_generation: i64,
        /// The access token number that was read.
        from_number: i64,
        /// Current time, which is stored.
        at: Millis,
        /// Time at which everything issued has expired.
        expires_at: Millis,
    },
    /// Links a session to the shared access token that was read. A conflict if the grant has ended or left the session.
    JoinSharedToken {
        /// The grant for which the token is used.
        grant: GrantId,
        /// Id of the shared token.
        id: GrantId,
        /// The token number that was read; a conflict if it has changed.
        number: i64,
        /// The session that is linked.
        session: SessionId,
    },
    /// Issues the next number of a shared access token, and creates its row if needed. A conflict if the grant has
    /// ended or left the session.
    IssueSharedToken {
        /// The grant for which the token is used.
        grant: GrantId,
        /// Id of the shared token, used if the row is new.
        id: GrantId,
        /// User that the application acts on behalf of.
        user: UserId,
        /// The application that gets the token.
        app: AppId,
        /// Scopes, sorted and separated by spaces.
        scopes: String,
        /// The token number that was read; 0 if there was no row.
        from_number: i64,
        /// Current time, which is stored.
        at: Millis,
        /// Lifetime of the token in milliseconds.
        lifetime_ms: i64,
        /// The session that uses it first.
        session: SessionId,
    },
    /// Records the revocation of a single token.
    RevokeToken {
        /// Key that identifies the token.
        key: Vec<u8>,
        /// Time at which the token expires anyway.
        until: Millis,
    },
    /// Stores a user's consent. A conflict if the session in which it is given has ended, or the consent has changed.
    PutConsent {
        /// The account that the operation applies to.
        user: UserId,
        /// The session in which the consent is given.
        session: SessionId,
        /// The scopes that were read; empty if there was no consent.
        from: String,
        /// The application that gets the consent.
        app: AppId,
        /// Approved scopes, separated by spaces.
        scopes: String,
        /// Time of the consent.
        at: Millis,
    },
    /// Requires an unchanged consent and a living session, else a conflict. Withdrawals wait for the commit.
    RequireApproval {
        /// The user who approved.
        user: UserId,
        /// A session of that user.
        session: SessionId,
        /// The application that has the consent.
        app: AppId,
        /// The approved scopes, as they were read.
        scopes: String,
    },
    /// Appends an event at this point, for a subject that a later operation removes.
    Append(NewEvent),
    /// Ends sessions, grants and participations; every session ends through it.
    EndSessions(EndSessions),
    /// Changes deliveries to applications.
    Delivery(DeliveryChange),
    /// Counts an attempt. [`Applied::attempts`](crate::change::Applied::attempts) has the count in the window.
    CountAttempt {
        /// Key of the counter: a keyed hash of the account or the address.
        key: Vec<u8>,
        /// Current time, from the caller's clock.
        now: Millis,
        /// Length of the window in milliseconds; the count restarts after it.
        window_ms: i64,
    },
    /// Clears or decrements counters of attempts.
    ClearAttempts {
        /// The counter to clear, if any.
        key: Option<Vec<u8>>,
        /// Counters to decrement by one attempt.
        one_of: Vec<Vec<u8>>,
    },
    /// Stores a signing key. A duplicate if the tenant already has one of that algorithm and generation.
    AddKey(StoredKey),
    /// Sets the time from which a key is no longer published; it can only become earlier.
    RetireKey {
        /// Algorithm of the key.
        alg: SigningAlg,
        /// Generation of the key.
        generation: i64,
        /// Time from which it is no longer published.
        at: Millis,
    },
    /// Stores a fact about the installation; a duplicate if it is already stored.
    SetMeta {
        /// Name of the fact.
        name: String,
        /// Value of the fact.
        value: String,
    },
    /// Changes a job.
    Job(JobChange),
    /// Stores the idempotency key of a request with its response; a duplicate if the key was used before.
    KeepRequest {
        /// Identifies the caller and their idempotency key.
        key: Vec<u8>,
        /// Hash of the request, by which another request with the same key is detected.
        hash: [u8; 32],
        /// The response that is returned if the request is repeated.
        answer: String,
        /// Current time, which is stored.
        at: Millis,
    },
    /// Replaces the stored response to a request by a more complete one.
    AnswerRequest {
        /// Identifies the caller and their idempotency key.
        key: Vec<u8>,
        /// The response that is returned if the request is repeated.
        answer: String,
    },
    /// Corrects times that a clock wrote while it was ahead, so that nothing waits for a date in the future.
    SetRight {
        /// Current time, from the caller's clock.
        now: Millis,
    },
    /// Removes rows that are no longer needed.
    Purge(Purge),
    /// Writes the address keys of sessions that an older version stored without them.
    KeyAddresses(Vec<(SessionId, Vec<u8>)>),
    /// Writes the keys of an account that an older version stored without them, unless it has changed since.
    KeyAccount(KeyAccount),
    /// Erases the IP addresses of these sessions.
    ForgetAddresses(Vec<SessionId>),
    /// Writes the sign-in time into participations that an older version stored without it, in all tenants.
    PlaceStays {
        /// Maximum number of rows.
        limit: i64,
    },
    /// Removes these grants if everything issued from them has expired.
    PurgeGrants {
        /// The grants that may be removed.
        grants: Vec<GrantId>,
        /// Current time, from the caller's clock.
        now: Millis,
    },
}
