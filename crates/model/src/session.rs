//! Sessions and their participations in applications.

use crate::end::{Actor, Effects, EndReason};
use crate::ids::{AppId, EndId, SessionId, Sid, TenantId, UserId};
use crate::proof::{Level, Proofs};
use crate::time::Millis;

/// A single sign-on session of one user in one browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The tenant that the session belongs to.
    pub tenant: TenantId,
    /// Public id, which stays the same when the secret rotates.
    pub id: SessionId,
    /// The user who is signed in.
    pub user: UserId,
    /// SHA-256 of the secret in the cookie.
    pub secret_hash: [u8; 32],
    /// Time of the sign-in that started the session.
    pub signed_in_at: Millis,
    /// Time of the last authentication (`auth_time`).
    pub auth_time: Millis,
    /// `amr` values of the authentication methods (RFC 8176), separated by spaces.
    pub amr: String,
    /// The proofs behind `amr`, with their times.
    pub proofs: Proofs,
    /// Whether the user asked to stay signed in.
    pub remember: bool,
    /// IP address of the browser at sign-in.
    pub ip: String,
    /// User agent at sign-in, truncated to [`crate::limits::USER_AGENT_BYTES_MAX`].
    pub user_agent: String,
    /// Time of the last access, which lags behind by up to one flush interval.
    pub last_access: Millis,
    /// Idle timeout in milliseconds.
    pub idle_timeout_ms: i64,
    /// Time at which the session ends if it isn't used.
    pub idle_deadline: Millis,
    /// Time at which the session ends in any case, if a policy sets one.
    pub absolute_deadline: Option<Millis>,
    /// Whether the session is living, or how it ended.
    pub state: SessionState,
    /// Whether the user has to sign in again before the session can reach an application.
    pub sign_in_due: bool,
}

/// State of a session: `Living` → `Ended`, which is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// The session can be used until a deadline passes.
    Living,
    /// The session ended and can't be resumed.
    Ended {
        /// Time of the end.
        at: Millis,
        /// The reason for the end.
        reason: EndReason,
        /// The actor who ended the session.
        actor: Actor,
        /// Id of the end that included it.
        end: EndId,
        /// Effects of that end, if they were recorded.
        effects: Option<Effects>,
    },
}

impl Session {
    /// Returns the assurance level that the user has reached in the session.
    #[must_use]
    pub fn level(&self) -> Level {
        Level::of(&self.amr).unwrap_or(Level::One)
    }

    /// Returns whether the session is living and no deadline has passed. `slack_ms` is the flush interval, by which the
    /// stored last access may lag behind.
    #[must_use]
    pub fn is_live(&self, now: Millis, slack_ms: i64) -> bool {
        self.state == SessionState::Living && self.expired(now, slack_ms).is_none()
    }

    /// Returns the reason for which the session has expired, if it is past a deadline.
    #[must_use]
    pub fn expired(&self, now: Millis, slack_ms: i64) -> Option<EndReason> {
        if self.absolute_deadline.is_some_and(|deadline| deadline <= now) {
            return Some(EndReason::Lifetime);
        }
        (self.idle_deadline.plus(slack_ms) <= now).then_some(EndReason::IdleTimeout)
    }
}

/// The participation of a session in an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participation {
    /// The tenant that the participation belongs to.
    pub tenant: TenantId,
    /// The session that participates.
    pub session: SessionId,
    /// The application in which the session participates.
    pub app: AppId,
    /// The `sid` by which the application knows the session.
    pub sid: Sid,
    /// The user of the session.
    pub user: UserId,
    /// The `sub` by which the application knows the user.
    pub sub: String,
    /// Time of the first access.
    pub first_access: Millis,
    /// Time of the last access, which lags behind by up to one flush interval.
    pub last_access: Millis,
    /// Number of times that its tokens were ended while the participation continued. A code carries the number under
    /// which it was issued.
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
