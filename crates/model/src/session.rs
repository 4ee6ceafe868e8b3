//! The session and its participations.

use crate::end::{Actor, Effects, EndReason};
use crate::ids::{AppId, EndId, SessionId, Sid, TenantId, UserId};
use crate::proof::{Level, Proofs};
use crate::time::Millis;

/// One browser's single sign-on session of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Public id; stays the same while the secret rotates.
    pub id: SessionId,
    /// Whose session it is.
    pub user: UserId,
    /// SHA-256 of the secret in the cookie.
    pub secret_hash: [u8; 32],
    /// When the person signed in first in this session.
    pub signed_in_at: Millis,
    /// When the person last proved who they are (`auth_time`).
    pub auth_time: Millis,
    /// Authentication methods (RFC 8176), separated by spaces.
    pub amr: String,
    /// The proofs behind them, with their times.
    pub proofs: Proofs,
    /// The person asked to stay signed in.
    pub remember: bool,
    /// Address of the browser at sign-in.
    pub ip: String,
    /// User agent at sign-in, cut to the limit.
    pub user_agent: String,
    /// Last access, up to one flush interval old.
    pub last_access: Millis,
    /// Milliseconds that an access keeps it alive.
    pub idle_timeout_ms: i64,
    /// The end for want of access.
    pub idle_deadline: Millis,
    /// The end whatever happens, where a policy sets one.
    pub absolute_deadline: Option<Millis>,
    /// Living, or ended and why.
    pub state: SessionState,
    /// Whether its person has to sign in afresh before an application is reached again.
    pub sign_in_due: bool,
}

/// The life of a session: `Living` → `Ended`, once and for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// It can be used until a deadline passes.
    Living,
    /// It ended; nothing brings it back.
    Ended {
        /// When it happened.
        at: Millis,
        /// Why the session ended.
        reason: EndReason,
        /// Who ended the session.
        actor: Actor,
        /// Which end it was part of.
        end: EndId,
        /// What that end did, where it was noted.
        effects: Option<Effects>,
    },
}

impl Session {
    /// The level that its person has reached in it.
    #[must_use]
    pub fn level(&self) -> Level {
        Level::of(&self.amr).unwrap_or(Level::One)
    }

    /// Whether the session lives and no deadline has passed. `slack_ms` is the flush interval: the
    /// stored last access may be that much behind.
    #[must_use]
    pub fn is_live(&self, now: Millis, slack_ms: i64) -> bool {
        self.state == SessionState::Living && self.expired(now, slack_ms).is_none()
    }

    /// The reason for which the session is past a deadline, if it is.
    #[must_use]
    pub fn expired(&self, now: Millis, slack_ms: i64) -> Option<EndReason> {
        if self.absolute_deadline.is_some_and(|deadline| deadline <= now) {
            return Some(EndReason::Lifetime);
        }
        (self.idle_deadline.plus(slack_ms) <= now).then_some(EndReason::IdleTimeout)
    }
}

/// One stay of a session in an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participation {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The session that stays.
    pub session: SessionId,
    /// The application in which it stays.
    pub app: AppId,
    /// What the application knows the stay by.
    pub sid: Sid,
    /// Whose stay it is.
    pub user: UserId,
    /// What the application knows the user by.
    pub sub: String,
    /// First access.
    pub first_access: Millis,
    /// Last access, up to one flush interval old.
    pub last_access: Millis,
    /// How often its tokens were ended while it stayed. A code carries the number that it was made under.
    pub cut: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Method;

    fn session(idle: i64, absolute: Option<i64>) -> Session {
        Session {
            tenant: TenantId::DEFAULT,
            id: SessionId([1; 32]),
            user: UserId(uuid::Uuid::nil()),
            secret_hash: [0; 32],
            signed_in_at: Millis(0),
            auth_time: Millis(0),
            amr: "pwd".into(),
            proofs: Proofs::of(Method::Password, Millis(0)),
            remember: false,
            ip: String::new(),
            user_agent: String::new(),
            last_access: Millis(0),
            idle_timeout_ms: 1000,
            idle_deadline: Millis(idle),
            absolute_deadline: absolute.map(Millis),
            state: SessionState::Living,
            sign_in_due: false,
        }
    }

    #[test]
    fn deadlines() {
        for (idle, absolute, now, slack, want) in [
            (1000, None, 999, 0, None),
            (1000, None, 1000, 0, Some(EndReason::IdleTimeout)),
            (1000, None, 1004, 5, None),
            (1000, None, 1005, 5, Some(EndReason::IdleTimeout)),
            (1000, Some(500), 500, 5, Some(EndReason::Lifetime)),
            (1000, Some(5000), 999, 0, None),
        ] {
            assert_eq!(session(idle, absolute).expired(Millis(now), slack), want, "{idle} {now}");
        }
    }

    #[test]
    fn an_ended_session_is_dead_before_its_deadline() {
        let mut ended = session(1000, None);
        ended.state = SessionState::Ended {
            at: Millis(1),
            reason: EndReason::User,
            actor: Actor::System,
            end: EndId([0; 16]),
            effects: None,
        };
        assert!(!ended.is_live(Millis(2), 0));
    }
}
