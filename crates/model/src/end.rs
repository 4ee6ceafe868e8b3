//! Ends: the only operation that ends sessions, with its targets, effects, reasons and results.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, EndId, GrantId, SessionId, TenantId, UserId};
use crate::time::Millis;

/// The reason for which a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The user ended it on their account page or signed out.
    User,
    /// An administrator ended it.
    Admin,
    /// An application requested it (OpenID Connect RP-Initiated Logout 1.0).
    RpLogout,
    /// The session was idle for longer than its idle timeout.
    IdleTimeout,
    /// The absolute lifetime of the session is over.
    Lifetime,
    /// A role of the user changed.
    RoleChanged,
    /// The password or another credential changed.
    CredentialChanged,
    /// The account was locked.
    AccountLocked,
    /// The account was disabled.
    AccountDisabled,
    /// The account was deleted.
    AccountDeleted,
    /// The user reached the limit of concurrent sessions.
    SessionLimit,
    /// Another user signed in with the same browser.
    Replaced,
    /// A code or refresh token was presented a second time: somebody else may hold it (RFC 9700 §4.14).
    TokenReuse,
    /// An application revoked a token (RFC 7009).
    TokenRevoked,
    /// The user reported that the sign-in was not theirs.
    NotMe,
    /// An application was disabled or removed.
    ApplicationRemoved,
    /// The policy of an event handler; the text is the handler's name.
    Policy(String),
}

impl EndReason {
    /// All reasons of the program itself; event handlers add reasons with their names ([`Self::Policy`]).
    pub const OWN: [Self; 16] = [
        Self::User,
        Self::Admin,
        Self::RpLogout,
        Self::IdleTimeout,
        Self::Lifetime,
        Self::RoleChanged,
        Self::CredentialChanged,
        Self::AccountLocked,
        Self::AccountDisabled,
        Self::AccountDeleted,
        Self::SessionLimit,
        Self::Replaced,
        Self::TokenReuse,
        Self::TokenRevoked,
        Self::NotMe,
        Self::ApplicationRemoved,
    ];

    /// Returns whether the reason concerns the account itself, so that offline grants end by default as well.
    #[must_use]
    pub fn concerns_account(&self) -> bool {
        matches!(
            self,
            Self::RoleChanged
                | Self::CredentialChanged
                | Self::AccountLocked
                | Self::AccountDisabled
                | Self::AccountDeleted
                | Self::NotMe
                | Self::Policy(_)
        )
    }

    /// Returns an English description that is shown to people.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::User => "ended by the user",
            Self::Admin => "ended by an administrator",
            Self::RpLogout => "signed out from an application",
            Self::IdleTimeout => "not used for too long",
            Self::Lifetime => "longest lifetime reached",
            Self::RoleChanged => "a role changed",
            Self::CredentialChanged => "the password changed",
            Self::AccountLocked => "the account was locked",
            Self::AccountDisabled => "the account was disabled",
            Self::AccountDeleted => "the account was deleted",
            Self::SessionLimit => "too many sessions",
            Self::Replaced => "another person signed in",
            Self::TokenReuse => "a token was used twice",
            Self::TokenRevoked => "the application revoked its token",
            Self::ApplicationRemoved => "the application was switched off or removed",
            Self::NotMe => "the user reported an unknown sign-in",
            Self::Policy(handler) => return format!("policy {handler}"),
        }
        .to_owned()
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::RpLogout => "rp_logout",
            Self::IdleTimeout => "idle_timeout",
            Self::Lifetime => "lifetime",
            Self::RoleChanged => "role_changed",
            Self::CredentialChanged => "credential_changed",
            Self::AccountLocked => "account_locked",
            Self::AccountDisabled => "account_disabled",
            Self::AccountDeleted => "account_deleted",
            Self::SessionLimit => "session_limit",
            Self::Replaced => "replaced",
            Self::TokenReuse => "token_reuse",
            Self::TokenRevoked => "token_revoked",
            Self::NotMe => "not_me",
            Self::ApplicationRemoved => "application_removed",
            Self::Policy(handler) => return write!(f, "policy:{handler}"),
        })
    }
}

/// Error for a text that isn't an end reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown end reason")]
pub struct UnknownReason;

impl FromStr for EndReason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Ok(match text {
            "user" => Self::User,
            "admin" => Self::Admin,
            "rp_logout" => Self::RpLogout,
            "idle_timeout" => Self::IdleTimeout,
            "lifetime" => Self::Lifetime,
            "role_changed" => Self::RoleChanged,
            "credential_changed" => Self::CredentialChanged,
            "account_locked" => Self::AccountLocked,
            "account_disabled" => Self::AccountDisabled,
            "account_deleted" => Self::AccountDeleted,
            "session_limit" => Self::SessionLimit,
            "replaced" => Self::Replaced,
            "token_reuse" => Self::TokenReuse,
            "token_revoked" => Self::TokenRevoked,
            "not_me" => Self::NotMe,
            "application_removed" => Self::ApplicationRemoved,
            other => Self::Policy(other.strip_prefix("policy:").ok_or(UnknownReason)?.to_owned()),
        })
    }
}

/// The originator of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The program itself: expiry, a job, a policy.
    System,
    /// A user, who may be an administrator.
    User(UserId),
    /// An application with its own credentials.
    Application(AppId),
    /// A person who runs the program's commands on its host.
    Operator,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Operator => f.write_str("operator"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Application(id) => write!(f, "application:{id}"),
        }
    }
}

impl FromStr for Actor {
    type Err = crate::ids::MalformedId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "system" => Ok(Self::System),
            None if text == "operator" => Ok(Self::Operator),
            Some(("user", id)) => id.parse().map(Self::User),
            Some(("application", id)) => id.parse().map(Self::Application),
            _ => Err(crate::ids::MalformedId),
        }
    }
}

/// The effects of an end. The caller combines them freely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// Ends the sessions themselves, and every participation in them.
    pub session: bool,
    /// Ends grants, and with them every code and token.
    pub tokens: bool,
    /// Removes the user's consents.
    pub consents: bool,
    /// Notifies the applications, and ends the participations of which they are notified.
    pub notify: bool,
    /// Extends `tokens` to offline grants (`offline_access`); without `tokens` it has no effect.
    pub offline: bool,
}

impl Effects {
    /// No effects: the end changes nothing.
    pub const NONE: Self =
        Self { session: false, tokens: false, consents: false, notify: false, offline: false };

    /// A sign-out: ends session and tokens and notifies applications, but spares offline grants (OpenID Connect
    /// Back-Channel Logout 1.0 §2.7).
    pub const SIGN_OUT: Self =
        Self { session: true, tokens: true, consents: false, notify: true, offline: false };

    /// An end by a user or an administrator: everything that was issued in the session ends with it, including offline
    /// grants, because a lost device must not keep its refresh token.
    pub const END: Self = Self { offline: true, ..Self::SIGN_OUT };

    /// Returns the default effects for a reason.
    #[must_use]
    pub fn for_reason(reason: &EndReason) -> Self {
        let by_someone = matches!(reason, EndReason::User | EndReason::Admin);
        Self { offline: by_someone || reason.concerns_account(), ..Self::SIGN_OUT }
    }

    /// Returns the number that is stored in the database, with one bit for each effect.
    #[must_use]
    pub const fn code(self) -> i64 {
        self.session as i64
            | (self.tokens as i64) << 1
            | (self.consents as i64) << 2
            | (self.notify as i64) << 3
            | (self.offline as i64) << 4
    }

    /// Converts the number stored in the database.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        Self {
            session: code & 1 != 0,
            tokens: code & 2 != 0,
            consents: code & 4 != 0,
            notify: code & 8 != 0,
            offline: code & 16 != 0,
        }
    }

    /// Returns the names of the enabled effects.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.session, "session"),
            (self.tokens, "tokens"),
            (self.offline, "offline"),
            (self.consents, "consents"),
            (self.notify, "notify"),
        ]
        .into_iter()
        .filter_map(|(on, name)| on.then_some(name))
    }

    /// Returns whether the end changes nothing; `offline` alone has no effect.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !(self.session || self.tokens || self.consents || self.notify)
    }
}

/// A target of an end. An empty list of targets is rejected, so that "everything" can't be requested by leaving a field
/// out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndTarget {
    /// All living sessions and all grants of a user, with or without a session.
    User(UserId),
    /// All sessions of a user except this one, and the grants of those sessions.
    UserExcept(UserId, SessionId),
    /// One session, identified with its user, and its grants.
    Session(UserId, SessionId),
    /// Like [`EndTarget::Session`], but a conflict unless a deadline has passed at [`EndSessions::at`].
    ExpiredSession(UserId, SessionId),
    /// One grant. Only the effect `tokens` applies.
    Grant(GrantId),
}

/// The operation that ends sessions. Every session ends through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSessions {
    /// Id of this end, which is stored with everything that ends together.
    pub id: EndId,
    /// The tenant of all targets and applications.
    pub tenant: TenantId,
    /// What to end: at most [`crate::limits::INLINE_END_USERS_MAX`] targets; a larger end runs as a job.
    pub targets: Vec<EndTarget>,
    /// What the end does to the targets.
    pub effects: Effects,
    /// The applications to which `tokens`, `consents` and `notify` are limited. `None` means all, an empty list means
    /// none. The effect `session` is never limited.
    pub applications: Option<Vec<AppId>>,
    /// The reason that is stored with the ended sessions.
    pub reason: EndReason,
    /// The actor who ends the sessions.
    pub actor: Actor,
    /// Time of the end.
    pub at: Millis,
    /// Issuer (`iss`) of the logout tokens.
    pub issuer: String,
    /// Time in milliseconds after which a delivery is given up.
    pub delivery_lifetime_ms: i64,
    /// How far the stored last access may lag behind, in milliseconds; for [`EndTarget::ExpiredSession`].
    pub slack_ms: i64,
    /// Whether to spare grants that their application keeps when the user signs out. They are detached from the
    /// session.
    pub spare_kept: bool,
    /// Lease on the deliveries of single-session targets, in milliseconds. The worker of this process gets them with
    /// the outcome and need not claim them. 0: no lease, any worker claims them.
    pub lease_ms: i64,
}

/// Counts of what an end did or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndSummary {
    /// Number of sessions that ended.
    pub sessions: u64,
    /// Number of grants that ended.
    pub grants: u64,
    /// Number of consents that were removed.
    pub consents: u64,
    /// Number of notifications to applications.
    pub deliveries: u64,
}

impl std::ops::AddAssign for EndSummary {
    fn add_assign(&mut self, more: Self) {
        self.sessions += more.sessions;
        self.grants += more.grants;
        self.consents += more.consents;
        self.deliveries += more.deliveries;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_survive_the_database() {
        // A new variant has to be named here, and then counted in the list.
        const fn _complete(one: &EndReason) {
            match one {
                EndReason::User
                | EndReason::Admin
                | EndReason::RpLogout
                | EndReason::IdleTimeout
                | EndReason::Lifetime
                | EndReason::RoleChanged
                | EndReason::CredentialChanged
                | EndReason::AccountLocked
                | EndReason::AccountDisabled
                | EndReason::AccountDeleted
                | EndReason::SessionLimit
                | EndReason::Replaced
                | EndReason::TokenReuse
                | EndReason::TokenRevoked
                | EndReason::NotMe
                | EndReason::ApplicationRemoved => {}
                EndReason::Policy(_) => {}
            }
        }
        let policy = [EndReason::Policy("sessionTermination".into())];
        let all: Vec<EndReason> = EndReason::OWN.into_iter().chain(policy).collect();
        let names: std::collections::BTreeSet<String> =
            all.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), all.len());
        for reason in all {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert!("nonsense".parse::<EndReason>().is_err());
    }

    #[test]
    fn effects_survive_the_database() {
        for code in 0..32 {
            let effects = Effects::from_code(code);
            assert_eq!(effects.code(), code);
            assert_eq!(effects.names().count(), code.count_ones() as usize);
        }
    }

    #[test]
    fn people_and_what_happens_to_accounts_take_offline_grants() {
        use EndReason as R;
        for reason in [R::User, R::Admin, R::RoleChanged, R::AccountLocked, R::NotMe] {
            assert!(Effects::for_reason(&reason).offline, "{reason}");
        }
        for reason in [R::RpLogout, R::IdleTimeout, R::Lifetime, R::SessionLimit, R::Replaced] {
            assert!(!Effects::for_reason(&reason).offline, "{reason}");
        }
    }
}
