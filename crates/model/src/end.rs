//! The one door: what may be asked of an end, why it happens and what it answers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, EndId, GrantId, SessionId, TenantId, UserId};
use crate::time::Millis;

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The person ended it on their own page or by signing out.
    User,
    /// An administrator ended it.
    Admin,
    /// An application asked for it (OpenID Connect RP-Initiated Logout 1.0).
    RpLogout,
    /// Nobody used it for too long.
    IdleTimeout,
    /// Its absolute lifetime is over.
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
    /// Too many sessions.
    SessionLimit,
    /// Another person signed in with this browser.
    Replaced,
    /// A code or refresh token was presented again: someone else may hold it (RFC 9700 §4.14).
    TokenReuse,
    /// An application gave up a token (RFC 7009).
    TokenRevoked,
    /// Its person said that the sign-in was not theirs.
    NotMe,
    /// An application was switched off or removed.
    ApplicationRemoved,
    /// A handler's policy; the text is the handler's name.
    Policy(String),
}

impl EndReason {
    /// Whether it concerns the account itself, so that offline grants end by default as well.
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

    /// What a person reads for it.
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

/// A text is no end reason.
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

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The program itself: expiry, a job, a policy.
    System,
    /// A person.
    User(UserId),
    /// An application.
    Application(AppId),
    /// Whoever can run the program's commands on its machine.
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

/// What an end does. The four are the caller's free choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// End the sessions themselves, and every participation in them.
    pub session: bool,
    /// End grants, and with them every code and token.
    pub tokens: bool,
    /// Forget the user's approvals.
    pub consents: bool,
    /// Tell the applications, and end the participations they are told of.
    pub notify: bool,
    /// Let `tokens` take offline grants (`offline_access`) as well.
    pub offline: bool,
}

impl Effects {
    /// Nothing at all.
    pub const NONE: Self =
        Self { session: false, tokens: false, consents: false, notify: false, offline: false };

    /// A sign-out: session, tokens and notices; offline grants are spared (Back-Channel Logout 1.0 §2.7).
    pub const SIGN_OUT: Self =
        Self { session: true, tokens: true, consents: false, notify: true, offline: false };

    /// An end by a person or an administrator: everything that was issued in the session ends with it, offline grants
    /// too, since a lost device must not keep its refresh token.
    pub const END: Self = Self { offline: true, ..Self::SIGN_OUT };

    /// What a reason does when the caller doesn't choose.
    #[must_use]
    pub fn for_reason(reason: &EndReason) -> Self {
        let by_someone = matches!(reason, EndReason::User | EndReason::Admin);
        Self { offline: by_someone || reason.concerns_account(), ..Self::SIGN_OUT }
    }

    /// The number that the database keeps: a bit for each.
    #[must_use]
    pub const fn code(self) -> i64 {
        self.session as i64
            | (self.tokens as i64) << 1
            | (self.consents as i64) << 2
            | (self.notify as i64) << 3
            | (self.offline as i64) << 4
    }

    /// Reads the number.
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

    /// Those that are on, by name.
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

    /// Whether nothing was asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !(self.session || self.tokens || self.consents || self.notify)
    }
}

/// What an end is aimed at. An empty list of targets is refused, so "everything" can't be asked
/// for by leaving a field out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndTarget {
    /// Everything of one user: each living session and each grant, with or without a session.
    User(UserId),
    /// Every session of one user but this one, and the grants of those sessions.
    UserExcept(UserId, SessionId),
    /// One session, named with its user, and its grants.
    Session(UserId, SessionId),
    /// The same, only if a deadline has passed at the given moment; else a conflict.
    ExpiredSession(UserId, SessionId),
    /// One grant. Only the effect `tokens` applies.
    Grant(GrantId),
}

/// The operation through which every session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndSessions {
    /// Names this end; what ended together carries it.
    pub id: EndId,
    /// The tenant in which everything named lies.
    pub tenant: TenantId,
    /// What to end. At most [`crate::limits::INLINE_END_USERS_MAX`] targets; more go through a job.
    pub targets: Vec<EndTarget>,
    /// What to do to it.
    pub effects: Effects,
    /// The applications to which `tokens`, `consents` and `notify` are narrowed. `None`: all; an empty
    /// list: none. The effect `session` is never narrowed.
    pub applications: Option<Vec<AppId>>,
    /// Why the session ended.
    pub reason: EndReason,
    /// Who ended the session.
    pub actor: Actor,
    /// When it happened.
    pub at: Millis,
    /// The issuer that logout tokens name.
    pub issuer: String,
    /// How long deliveries are tried, in milliseconds.
    pub delivery_lifetime_ms: i64,
    /// How far behind a stored last access may be, in milliseconds; for [`EndTarget::ExpiredSession`].
    pub slack_ms: i64,
    /// Whether grants are spared that their application keeps when its person signs out. They go on without
    /// a session.
    pub spare_kept: bool,
    /// For how long the deliveries of targets that are one session belong to the worker of this process,
    /// in milliseconds: it gets them with the answer and need not claim them. 0: any worker claims them.
    pub lease_ms: i64,
}

/// What an end did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndSummary {
    /// Sessions ended.
    pub sessions: u64,
    /// Grants ended.
    pub grants: u64,
    /// Consents removed.
    pub consents: u64,
    /// Applications to be told.
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
        for reason in [
            EndReason::User,
            EndReason::Admin,
            EndReason::RpLogout,
            EndReason::IdleTimeout,
            EndReason::Lifetime,
            EndReason::RoleChanged,
            EndReason::CredentialChanged,
            EndReason::AccountLocked,
            EndReason::AccountDisabled,
            EndReason::AccountDeleted,
            EndReason::SessionLimit,
            EndReason::Replaced,
            EndReason::TokenReuse,
            EndReason::TokenRevoked,
            EndReason::NotMe,
            EndReason::Policy("sessionTermination".into()),
        ] {
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
