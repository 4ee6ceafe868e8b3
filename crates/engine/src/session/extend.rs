//! Extension of a session's idle time, by an application or by the session's browser.

use sojourn_crypto::TokenKind;
use sojourn_model::operation::Touch;
use sojourn_model::{
    Actor, AppId, ChangeSet, EventName, NewEvent, Op, Outcome, Session, SessionId, Subject, Tenant,
};

use crate::engine::Engine;
use crate::error::EngineError;

/// Minimum interval between two extensions of a session, in milliseconds; more would be useless.
const EXTEND_EVERY_MS: i64 = 1_000;

/// The ways in which a request identifies the session.
#[derive(Debug, Clone)]
pub struct ExtendRequest {
    /// Session key from an ID token.
    pub key: Option<String>,
    /// Active session of the browser.
    pub session: Option<Session>,
    /// Whether the browser sent a session cookie, valid or not.
    pub cookie: bool,
}

/// The result of a request to extend a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendOutcome {
    /// The idle time starts again. The absolute lifetime doesn't change.
    Extended,
    /// The request doesn't identify a session.
    Missing,
    /// There is no such session, or it has ended; ended sessions are never revived.
    Unknown,
    /// Key and cookie identify different sessions.
    Disagree,
}

impl Engine {
    /// Extends the idle time of an active session.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn extend_session(
        &self,
        tenant: &Tenant,
        asked: ExtendRequest,
    ) -> Result<ExtendOutcome, EngineError> {
        let named = match &asked.key {
            None if !asked.cookie => return Ok(ExtendOutcome::Missing),
            None => None,
            Some(key) => match self.read_session_key(tenant, key) {
                None => return Ok(ExtendOutcome::Unknown),
                Some(named) => Some(named),
            },
        };
        let (session, app) = match (named, asked.session) {
            (Some((_, by_key)), Some(by_cookie)) if by_key != by_cookie.id => {
                return Ok(ExtendOutcome::Disagree);
            }
            (Some((app, id)), _) => (self.store.session(tenant.id, id).await?, Some(app)),
            (None, by_cookie) => (by_cookie, None),
        };
        let slack = self.settings.lifetimes.touch_flush_ms;
        let now = self.now();
        // A new sign-in is required, and until then the session can't be used.
        let of_use = |session: &Session| session.is_live(now, slack) && !session.sign_in_due;
        let Some(session) = session.filter(of_use) else {
            return Ok(ExtendOutcome::Unknown);
        };
        if now.since(session.last_access) < EXTEND_EVERY_MS {
            return Ok(ExtendOutcome::Extended);
        }
        self.write_extension(tenant, &session, app).await
    }

    /// Stored immediately and not with other accesses: the caller relies on the extension.
    async fn write_extension(
        &self,
        tenant: &Tenant,
        session: &Session,
        app: Option<AppId>,
    ) -> Result<ExtendOutcome, EngineError> {
        let at = self.now();
        let slack_ms = self.settings.lifetimes.touch_flush_ms;
        let extend = Op::ExtendSession { session: session.id, at, slack_ms };
        // The event comes first: it locks the account, which ends lock before sessions.
        let event = NewEvent {
            subject: Subject::User(session.user),
            name: EventName::SessionExtend,
            actor: app.map_or(Actor::User(session.user), Actor::Application),
            at,
            session: Some(session.id),
            data: "{}".into(),
        };
        let mut change = ChangeSet::of(tenant.id, Op::Append(event)).with(extend);
        if app.is_some() {
            change.ops.push(Op::Touch(vec![Touch { session: session.id, app, at }]));
        }
        Ok(match self.apply(change).await? {
            Outcome::Applied(_) => ExtendOutcome::Extended,
            // The session ended at the same time.
            _ => ExtendOutcome::Unknown,
        })
    }

    fn read_session_key(&self, tenant: &Tenant, key: &str) -> Option<(AppId, SessionId)> {
        let body = self.sealer.open(TokenKind::SessionKey, tenant.id, key)?;
        let (app, session) = body.split_at_checked(16)?;
        Some((AppId::from_slice(app).ok()?, SessionId::from_slice(session).ok()?))
    }
}
