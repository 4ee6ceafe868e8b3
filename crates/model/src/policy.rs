//! Lifetimes and limits that an organisation sets.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, GroupId, RoleId, UserId};
use crate::proof::Level;

/// How long things live, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// A session nobody uses.
    pub idle_ms: i64,
    /// A session of someone who asked to stay signed in, from the last authentication.
    pub remember_ms: i64,
    /// Whether people are asked if they want to stay signed in.
    pub remember_me: RememberMe,
    /// Any session, where set.
    pub absolute_ms: Option<i64>,
    /// An authorization code.
    pub code_ms: i64,
    /// An access token.
    pub access_token_ms: i64,
    /// An access token that is a JWT: others check it without asking, and don't hear of an end.
    pub jwt_access_token_ms: i64,
    /// An ID token.
    pub id_token_ms: i64,
    /// A refresh token, from its own issue.
    pub refresh_token_ms: i64,
    /// How long the refresh token just replaced still gets the same answer.
    pub refresh_grace_ms: i64,
    /// A logout token.
    pub logout_token_ms: i64,
    /// A delivery, before it is given up.
    pub delivery_ms: i64,
    /// Between two writes of last accesses; every check of a deadline allows this much.
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

/// What one level of policy sets for sessions. What it leaves out, it doesn't set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicy {
    /// Milliseconds after which a session that nobody uses ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<i64>,
    /// Milliseconds after which any session ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_lifetime_ms: Option<i64>,
    /// The same while it is switched off: WSO2's configuration keeps the number apart from the switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_lifetime_off_ms: Option<i64>,
    /// Milliseconds that a session lives of someone who asked to stay signed in, from the last authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_me_ms: Option<i64>,
    /// Whether people are asked if they want to stay signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remember_me: Option<RememberMe>,
    /// Most live sessions of one user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<u32>,
    /// What happens when there are that many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_limit: Option<AtLimit>,
    /// Milliseconds since the last authentication after which an application demands a fresh one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_authentication_age_ms: Option<i64>,
    /// Whether people sign in with a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
    /// Milliseconds for which a person may trust a browser: there, the second factor isn't asked for. Left out everywhere, nobody may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_browser_ms: Option<i64>,
    /// What happens to sessions when their person changes the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_password_change: Option<OnPasswordChange>,
    /// Which changes of a role end the sessions of the user concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_role_change: Option<OnRoleChange>,
    /// What happens when an administrator sets the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_password_reset: Option<OnAccount>,
    /// What happens when the account is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_lock: Option<OnAccount>,
    /// What happens when the account is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disable: Option<OnAccount>,
    /// What happens when a person takes back what an application may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_access_removed: Option<OnAccessRemoved>,
    /// What happens to sessions when a passkey or second factor is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_factor_removed: Option<OnFactorRemoved>,
}

/// Whether a session outlasts the browser's window and the idle timeout; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RememberMe {
    /// Everybody stays signed in, and nobody is asked.
    Always,
    /// People decide on the sign-in page.
    #[default]
    Ask,
    /// Nobody stays signed in, and nobody is asked.
    Never,
}

impl RememberMe {
    /// Whether a session is remembered of a person who asked for it or didn't.
    #[must_use]
    pub fn decide(self, asked: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Ask => asked,
            Self::Never => false,
        }
    }
}

/// Whether people sign in with a second factor; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Those who have one do.
    #[default]
    Optional,
    /// Everybody does; who has none adds one while signing in.
    Required,
    /// Everybody does, with one that can't be used on another site: a passkey or a security key.
    PhishingResistant,
}

impl SecondFactor {
    /// The level that everybody has to reach.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Optional => Level::One,
            Self::Required => Level::Two,
            Self::PhishingResistant => Level::PhishingResistant,
        }
    }
}

/// What happens at a sign-in when there are as many sessions as may be; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtLimit {
    /// The sessions that began first end.
    #[default]
    EndOldest,
    /// The person chooses which to end.
    Ask,
    /// The sign-in is refused.
    Deny,
}

/// What happens to sessions when their person changes the password; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPasswordChange {
    /// All end but the one in which it was changed.
    KeepCurrent,
    /// All end.
    #[default]
    All,
}

/// Which changes of a role end sessions; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRoleChange {
    /// None, but for what event handlers do.
    #[default]
    Nothing,
    /// A role that is taken away.
    Removed,
    /// A role that is given or taken away.
    Any,
}

/// What happens to sessions when something happens to the account; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAccount {
    /// They stay. Of an account that is locked or switched off they are of no use until it may be used again.
    Keep,
    /// They end with their tokens, and applications are told.
    #[default]
    End,
}

/// What ends when a person takes back what an application may; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAccessRemoved {
    /// Its tokens.
    Tokens,
    /// Its tokens and the person's stays in it, of which it is told.
    #[default]
    Application,
    /// The person's sessions.
    Session,
}

/// What happens to a person's sessions when one of their passkeys or second factors is removed; the later, the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFactorRemoved {
    /// They stay.
    Nothing,
    /// Those end that were made with it.
    #[default]
    MadeWithIt,
    /// All end, but the one in which it was removed if that doesn't rest on it.
    All,
}

/// Whom a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyScope {
    /// The whole tenant.
    Tenant,
    /// Whoever signs in for an application, or enters it.
    Application(AppId),
    /// Whoever has a role.
    Role(RoleId),
    /// The members of a group.
    Group(GroupId),
    /// A user.
    User(UserId),
}

/// What holds for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EffectivePolicy {
    /// Milliseconds that an access keeps it alive.
    pub idle_timeout_ms: i64,
    /// Milliseconds that it lives at most.
    pub absolute_lifetime_ms: Option<i64>,
    /// Milliseconds that it lives if its person asked to stay signed in.
    pub remember_me_ms: i64,
    /// Whether people are asked if they want to stay signed in.
    pub remember_me: RememberMe,
    /// Most live sessions of the user.
    pub max_sessions: Option<u32>,
    /// What happens when there are that many.
    pub at_limit: AtLimit,
    /// Milliseconds since the last authentication after which a fresh one is demanded.
    pub max_authentication_age_ms: Option<i64>,
    /// Whether a second factor is demanded.
    pub second_factor: SecondFactor,
    /// Milliseconds for which a browser may be trusted; nothing where none may.
    pub trust_browser_ms: Option<i64>,
    /// What happens when the password changes.
    pub on_password_change: OnPasswordChange,
    /// Which changes of a role end it.
    pub on_role_change: OnRoleChange,
    /// What happens when an administrator sets the password.
    pub on_password_reset: OnAccount,
    /// What happens when the account is locked.
    pub on_lock: OnAccount,
    /// What happens when the account is switched off.
    pub on_disable: OnAccount,
    /// What happens when the person takes back what an application may.
    pub on_access_removed: OnAccessRemoved,
    /// What happens when a passkey or second factor is removed.
    pub on_factor_removed: OnFactorRemoved,
}

/// Of those that set something, the strictest; else the tenant's.
fn strictest<T: Ord + Copy>(
    of: impl Fn(&SessionPolicy) -> Option<T>,
    tenant: &SessionPolicy,
    others: &[SessionPolicy],
    choose: fn(T, T) -> T,
) -> Option<T> {
    others.iter().filter_map(&of).reduce(choose).or_else(|| of(tenant))
}

impl EffectivePolicy {
    /// What holds where a tenant sets one thing, and applications, roles and the user others. Each of those
    /// stands over the tenant's; among themselves the strictest wins.
    #[must_use]
    pub fn of(lifetimes: &Lifetimes, tenant: &SessionPolicy, others: &[SessionPolicy]) -> Self {
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
            trust_browser_ms: least(|one| one.trust_browser_ms),
            second_factor: strictest(|one| one.second_factor, tenant, others, SecondFactor::max)
                .unwrap_or_default(),
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
mod tests {
    use super::*;

    #[test]
    fn overrides_stand_over_the_tenant_and_the_strictest_of_them_wins() {
        let idle = |ms| SessionPolicy { idle_timeout_ms: Some(ms), ..SessionPolicy::default() };
        let nothing = SessionPolicy::default();
        let default = Lifetimes::default();
        for (tenant, others, want) in [
            (nothing, vec![], default.idle_ms),
            (idle(5), vec![], 5),
            (idle(5), vec![nothing], 5),
            (idle(5), vec![idle(9)], 9),
            (idle(5), vec![idle(9), idle(7), nothing], 7),
            (nothing, vec![idle(9)], 9),
        ] {
            let found = EffectivePolicy::of(&default, &tenant, &others);
            assert_eq!(found.idle_timeout_ms, want, "{tenant:?} {others:?}");
        }
        let limit = |max_sessions, at_limit| SessionPolicy {
            max_sessions: Some(max_sessions),
            at_limit: Some(at_limit),
            ..SessionPolicy::default()
        };
        let others = [limit(3, AtLimit::Ask), limit(2, AtLimit::EndOldest)];
        let found = EffectivePolicy::of(&default, &limit(9, AtLimit::Deny), &others);
        assert_eq!((found.max_sessions, found.at_limit), (Some(2), AtLimit::Ask));
        assert_eq!(
            (found.absolute_lifetime_ms, found.on_role_change),
            (None, OnRoleChange::Nothing)
        );
        assert_eq!(found.on_password_change, OnPasswordChange::All);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let read = serde_json::from_str::<SessionPolicy>;
        assert!(read(r#"{"at_limit":"end_oldest","max_sessions":3}"#).is_ok());
        assert!(read(r#"{"at_limit":"explode"}"#).is_err());
        assert!(read(r#"{"idle":3}"#).is_err());
    }
}
