//! Lifetimes and session policies that an organisation sets.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, GroupId, RoleId, UserId};
use crate::methods::Methods;
use crate::proof::Level;
use crate::time::Millis;

/// Lifetimes of sessions, tokens and deliveries, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Idle timeout of a session.
    pub idle_ms: i64,
    /// Lifetime of a remembered session ("stay signed in"), from the last authentication.
    pub remember_ms: i64,
    /// Whether users can stay signed in, and whether they are asked.
    pub remember_me: RememberMe,
    /// Absolute lifetime of any session, if set.
    pub absolute_ms: Option<i64>,
    /// Lifetime of an authorization code.
    pub code_ms: i64,
    /// Lifetime of an opaque access token.
    pub access_token_ms: i64,
    /// Lifetime of a JWT access token. It is short, because resource servers verify the token without a request to this
    /// server and don't notice that it ended.
    pub jwt_access_token_ms: i64,
    /// Lifetime of an ID token.
    pub id_token_ms: i64,
    /// Lifetime of a refresh token, from its own issue.
    pub refresh_token_ms: i64,
    /// Grace period in which the refresh token that was just replaced still gets the same response.
    pub refresh_grace_ms: i64,
    /// Lifetime of a logout token.
    pub logout_token_ms: i64,
    /// Time after which a delivery is given up.
    pub delivery_ms: i64,
    /// Interval between two writes of last accesses; every check of a deadline allows for it.
    pub touch_flush_ms: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: i64 = 60_000;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        Self {
            idle_ms: 15 * MINUTE,
            remember_ms: 14 * DAY,
            remember_me: RememberMe::Ask,
            absolute_ms: None,
            code_ms: MINUTE,
            access_token_ms: HOUR,
            jwt_access_token_ms: 5 * MINUTE,
            id_token_ms: HOUR,
            refresh_token_ms: DAY,
            refresh_grace_ms: 10_000,
            logout_token_ms: 2 * MINUTE,
            delivery_ms: DAY,
            touch_flush_ms: 5_000,
        }
    }
}

/// The session settings of one policy. `None` fields are not set by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicy {
    /// Idle timeout of a session in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<i64>,
    /// Absolute lifetime of a session in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_lifetime_ms: Option<i64>,
    /// The absolute lifetime while it is disabled: WSO2's configuration stores the number apart from the switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_lifetime_off_ms: Option<i64>,
    /// Lifetime of a remembered session ("stay signed in") in milliseconds, from the last authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_me_ms: Option<i64>,
    /// Whether users can stay signed in, and whether they are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_me: Option<RememberMe>,
    /// Maximum number of live sessions of one user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<u32>,
    /// What happens at a sign-in when that number is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_limit: Option<AtLimit>,
    /// Maximum age of the last authentication in milliseconds, after which an application requires a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_authentication_age_ms: Option<i64>,
    /// Methods that count at a sign-in. Proofs by other methods count for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub methods: Option<Methods>,
    /// Whether users have to sign in with a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
    /// Maximum age of the second factor in milliseconds where one is required; then an application asks for it again,
    /// in the same session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor_age_ms: Option<i64>,
    /// Time in milliseconds, from when this policy began to require the second factor, for which users without one can
    /// still sign in; afterwards they add one at the next sign-in. `None` requires it immediately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolment_grace_ms: Option<i64>,
    /// Time at which the grace began; recorded if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor_since: Option<Millis>,
    /// What this policy required before the grace began, and requires until it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor_before: Option<SecondFactor>,
    /// Time in milliseconds for which a user can trust a browser, in which the second factor isn't asked for. If no
    /// policy sets it, browsers can't be trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_browser_ms: Option<i64>,
    /// Waiting time in milliseconds before an account that lost its factors can be used: after an administrator removed
    /// them, and after a password was reset by mail. A factor that the account still has opens it at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_wait_ms: Option<i64>,
    /// What happens to a user's sessions when the user changes the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_password_change: Option<OnPasswordChange>,
    /// Which changes of a user's roles end the user's sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_role_change: Option<OnRoleChange>,
    /// What happens to the user's sessions when an administrator sets the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_password_reset: Option<OnAccount>,
    /// What happens to the user's sessions when the account is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_lock: Option<OnAccount>,
    /// What happens to the user's sessions when the account is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disable: Option<OnAccount>,
    /// What ends when a user revokes the access of an application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_access_removed: Option<OnAccessRemoved>,
    /// What happens to the user's sessions when a passkey or second factor is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_factor_removed: Option<OnFactorRemoved>,
}

/// Whether a session outlasts the browser window and the idle timeout. Later variants are stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RememberMe {
    /// All users stay signed in without being asked.
    Always,
    /// Users decide on the sign-in page.
    #[default]
    Ask,
    /// No user stays signed in, and the sign-in page doesn't ask.
    Never,
}

impl RememberMe {
    /// Returns whether a session is remembered; `asked` says whether the user asked for it.
    #[must_use]
    pub fn decide(self, asked: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Ask => asked,
            Self::Never => false,
        }
    }
}

/// Whether users have to sign in with a second factor. Later variants are stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Only users who have one need it.
    #[default]
    Optional,
    /// All users need one; users who have none add one while they sign in.
    Required,
    /// All users need a phishing-resistant one: a passkey or a security key, which can't be used on another site.
    PhishingResistant,
}

impl SecondFactor {
    /// Returns the level that all users have to reach.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Optional => Level::One,
            Self::Required => Level::Two,
            Self::PhishingResistant => Level::PhishingResistant,
        }
    }
}

/// What happens at a sign-in when the limit of concurrent sessions is reached. Later variants are stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtLimit {
    /// The oldest sessions end.
    #[default]
    EndOldest,
    /// The user chooses which sessions to end.
    Ask,
    /// The sign-in is refused.
    Deny,
}

/// What happens to a user's sessions when the user changes the password. Later variants are stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPasswordChange {
    /// All sessions end except the one in which it was changed.
    KeepCurrent,
    /// All sessions end, including the current one.
    #[default]
    All,
}

/// Which changes of a user's roles end sessions. Later variants are stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRoleChange {
    /// None, except what event handlers do.
    #[default]
    Nothing,
    /// Removing a role from the user.
    Removed,
    /// Assigning or removing a role.
    Any,
}

/// What happens to sessions when the account changes. Later variants are stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAccount {
    /// They stay. While the account is locked or disabled, they can't be used.
    Keep,
    /// They end with their tokens, and applications are notified.
    #[default]
    End,
}

/// What ends when a user revokes the access of an application. Later variants are stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAccessRemoved {
    /// The application's tokens for the user.
    Tokens,
    /// Its tokens and the user's participations in it; the application is notified.
    #[default]
    Application,
    /// The sessions of the user.
    Session,
}

/// What happens to a user's sessions when one of their passkeys or second factors is removed. Later variants are
/// stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFactorRemoved {
    /// All sessions stay as they are.
    Nothing,
    /// The sessions end in which it was used to sign in.
    #[default]
    MadeWithIt,
    /// All sessions end, except the one in which it was removed if that wasn't authenticated with it.
    All,
}

/// The scope that a policy applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyScope {
    /// All sessions of the tenant.
    Tenant,
    /// Users who sign in for an application or enter it.
    Application(AppId),
    /// Users who have a role.
    Role(RoleId),
    /// The members of a group.
    Group(GroupId),
    /// One user of the tenant.
    User(UserId),
}

/// The policy in effect for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EffectivePolicy {
    /// Idle timeout in milliseconds.
    pub idle_timeout_ms: i64,
    /// Absolute lifetime in milliseconds, if limited.
    pub absolute_lifetime_ms: Option<i64>,
    /// Lifetime in milliseconds if it is remembered ("stay signed in").
    pub remember_me_ms: i64,
    /// Whether users can stay signed in, and whether they are asked.
    pub remember_me: RememberMe,
    /// Maximum number of live sessions of the user.
    pub max_sessions: Option<u32>,
    /// What happens at a sign-in when that number is reached.
    pub at_limit: AtLimit,
    /// Maximum age of the last authentication in milliseconds, after which a new one is required.
    pub max_authentication_age_ms: Option<i64>,
    /// Methods that count; may be empty if the policies contradict each other, and then nobody can sign in.
    pub methods: Methods,
    /// Maximum age of the second factor in milliseconds where one is required.
    pub second_factor_age_ms: Option<i64>,
    /// Whether a second factor is required of users who have one that suffices.
    pub second_factor: SecondFactor,
    /// What is required of users who have none that suffices: the same, or less during a grace.
    pub second_factor_without_one: SecondFactor,
    /// Time at which the grace ends; `None` if there is none.
    pub grace_until: Option<Millis>,
    /// Time in milliseconds for which a browser can be trusted; `None` if it can't.
    pub trust_browser_ms: Option<i64>,
    /// Waiting time in milliseconds of a recovery; `None` if there is none.
    pub recovery_wait_ms: Option<i64>,
    /// What happens to the user's sessions when the user changes the password.
    pub on_password_change: OnPasswordChange,
    /// Which changes of the user's roles end it.
    pub on_role_change: OnRoleChange,
    /// What happens to the user's sessions when an administrator sets the password.
    pub on_password_reset: OnAccount,
    /// What happens to the user's sessions when the account is locked.
    pub on_lock: OnAccount,
    /// What happens to the user's sessions when the account is disabled.
    pub on_disable: OnAccount,
    /// What ends when the user revokes the access of an application.
    pub on_access_removed: OnAccessRemoved,
    /// What happens to the user's sessions when a passkey or second factor is removed.
    pub on_factor_removed: OnFactorRemoved,
}

/// Returns the strictest value of `others`, or the tenant's if none of them sets one.
fn strictest<T: Copy>(
    of: impl Fn(&SessionPolicy) -> Option<T>,
    tenant: &SessionPolicy,
    others: &[SessionPolicy],
    choose: fn(T, T) -> T,
) -> Option<T> {
    others.iter().filter_map(&of).reduce(choose).or_else(|| of(tenant))
}

impl SessionPolicy {
    /// The time until which users without a second factor can still sign in; `None` if it is over, or there is none.
    fn grace_until(&self, now: Millis) -> Option<Millis> {
        let until = self.second_factor_since?.plus(self.enrolment_grace_ms?);
        let less = self.second_factor_before.unwrap_or_default() < self.second_factor?;
        (less && now < until).then_some(until)
    }

    /// What the policy requires of users without a second factor; `None` if it doesn't say.
    fn without_one(&self, now: Millis) -> Option<SecondFactor> {
        match self.grace_until(now) {
            Some(_) => Some(self.second_factor_before.unwrap_or_default()),
            None => self.second_factor,
        }
    }

    /// The policy with the record of its grace, as it replaces an earlier one. A grace begins when the policy begins to
    /// require more, and what was in force stays in force: saving the policy again, or a weaker one, doesn't begin it
    /// anew.
    #[must_use]
    pub fn replacing(self, before: &Self, now: Millis) -> Self {
        let none = Self { second_factor_since: None, second_factor_before: None, ..self };
        let Some(factor) = self.second_factor.filter(|_| self.enrolment_grace_ms.is_some()) else {
            return none;
        };
        let in_force = before.without_one(now).unwrap_or_default();
        let (since, kept) = match before.second_factor_since {
            Some(since) if before.second_factor >= Some(factor) => {
                (since, before.second_factor_before.unwrap_or_default())
            }
            _ => (now, in_force),
        };
        Self {
            second_factor_since: Some(since),
            second_factor_before: Some(kept.min(factor)),
            ..self
        }
    }
}

impl EffectivePolicy {
    /// Computes the policy in effect. The policies of applications, roles, groups and users override the tenant's;
    /// among themselves the strictest value wins. Values that no policy sets come from `lifetimes` or the defaults.
    #[must_use]
    pub fn of(
        lifetimes: &Lifetimes,
        tenant: &SessionPolicy,
        others: &[SessionPolicy],
        now: Millis,
    ) -> Self {
        // The tenant's demand counts where no other policy says anything, whatever their grace.
        let said: Vec<&SessionPolicy> =
            others.iter().filter(|one| one.second_factor.is_some()).collect();
        let said = if said.is_empty() { vec![tenant] } else { said };
        let second_factor = said.iter().filter_map(|one| one.second_factor).max();
        let second_factor = second_factor.unwrap_or_default();
        let without_one = said.iter().filter_map(|one| one.without_one(now)).max();
        let without_one = without_one.unwrap_or_default().min(second_factor);
        let grace_until = said.iter().filter_map(|one| one.grace_until(now)).min();
        let least = |of: fn(&SessionPolicy) -> Option<i64>| strictest(of, tenant, others, i64::min);
        Self {
            idle_timeout_ms: least(|one| one.idle_timeout_ms).unwrap_or(lifetimes.idle_ms),
            absolute_lifetime_ms: least(|one| one.absolute_lifetime_ms).or(lifetimes.absolute_ms),
            remember_me_ms: least(|one| one.remember_me_ms).unwrap_or(lifetimes.remember_ms),
            remember_me: strictest(|one| one.remember_me, tenant, others, RememberMe::max)
                .unwrap_or(lifetimes.remember_me),
            max_sessions: strictest(|one| one.max_sessions, tenant, others, u32::min),
            at_limit: strictest(|one| one.at_limit, tenant, others, AtLimit::max)
                .unwrap_or_default(),
            max_authentication_age_ms: least(|one| one.max_authentication_age_ms),
            methods: strictest(|one| one.methods, tenant, others, Methods::and)
                .unwrap_or(Methods::ALL),
            second_factor_age_ms: least(|one| one.second_factor_age_ms),
            trust_browser_ms: least(|one| one.trust_browser_ms),
            recovery_wait_ms: strictest(|one| one.recovery_wait_ms, tenant, others, i64::max),
            second_factor,
            second_factor_without_one: without_one,
            grace_until: grace_until.filter(|_| without_one < second_factor),
            on_password_change: strictest(
                |one| one.on_password_change,
                tenant,
                others,
                OnPasswordChange::max,
            )
            .unwrap_or_default(),
            on_role_change: strictest(|one| one.on_role_change, tenant, others, OnRoleChange::max)
                .unwrap_or_default(),
            on_password_reset: strictest(
                |one| one.on_password_reset,
                tenant,
                others,
                OnAccount::max,
            )
            .unwrap_or_default(),
            on_lock: strictest(|one| one.on_lock, tenant, others, OnAccount::max)
                .unwrap_or_default(),
            on_disable: strictest(|one| one.on_disable, tenant, others, OnAccount::max)
                .unwrap_or_default(),
            on_access_removed: strictest(
                |one| one.on_access_removed,
                tenant,
                others,
                OnAccessRemoved::max,
            )
            .unwrap_or_default(),
            on_factor_removed: strictest(
                |one| one.on_factor_removed,
                tenant,
                others,
                OnFactorRemoved::max,
            )
            .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
