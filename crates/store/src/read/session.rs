//! Sessions, their participations in applications, and the history of ended sessions.

use sojourn_model::ids::MalformedId;
use sojourn_model::{
    AppId, Effects, EndId, Millis, Participation, Proofs, Session, SessionId, SessionState, Sid,
    TenantId, UserId,
};

use crate::compile::params;
use crate::sql::session as sql;
use crate::{Reads, Row, StoreError};

/// A session that is past a deadline, for the sweep of expired sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpiry {
    /// Tenant of the session.
    pub tenant: TenantId,
    /// User of the session.
    pub user: UserId,
    /// Id of the session.
    pub session: SessionId,
    /// Whether its absolute lifetime is over; otherwise it was idle for too long.
    pub lifetime: bool,
}

/// A participation, living or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayRow {
    /// The participation, with `cut` always 0.
    pub stay: Participation,
    /// Time at which it ended, if it has.
    pub ended_at: Option<Millis>,
}

pub(super) fn session(mut row: Row) -> Result<Session, StoreError> {
    session_in(&mut row)
}

fn session_in(row: &mut Row) -> Result<Session, StoreError> {
    let secret = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| MalformedId);
    let mut session = Session {
        tenant: TenantId(row.int()?),
        id: row.id(SessionId::from_slice)?,
        user: row.id(UserId::from_slice)?,
        secret_hash: row.id(secret)?,
        signed_in_at: row.millis()?,
        auth_time: row.millis()?,
        amr: row.text()?,
        proofs: Proofs::default(),
        remember: row.flag()?,
        ip: row.text()?,
        user_agent: row.text()?,
        last_access: row.millis()?,
        idle_timeout_ms: row.int()?,
        idle_deadline: row.millis()?,
        absolute_deadline: row.opt_millis()?,
        state: match row.opt_millis()? {
            None => SessionState::Living,
            Some(at) => SessionState::Ended {
                at,
                reason: row.parsed(|text| text.parse().ok())?,
                actor: row.parsed(|text| text.parse().ok())?,
                end: row.id(EndId::from_slice)?,
                effects: row.opt_int()?.map(Effects::from_code),
            },
        },
        sign_in_due: false,
    };
    if session.state == SessionState::Living {
        // Skips reason, actor, id and effects of the end, which are `NULL`.
        for _ in 0..4 {
            row.value()?;
        }
    }
    session.sign_in_due = row.flag()?;
    session.proofs = Proofs::read(&row.text()?, &session.amr, session.auth_time);
    Ok(session)
}

fn sessions(rows: Vec<Row>) -> Result<Vec<Session>, StoreError> {
    rows.into_iter().map(session).collect()
}

impl Reads {
    /// Returns the living session for the secret in a cookie: the current secret, or the previous one within its grace
    /// period.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn session_by_secret(
        &self,
        t: TenantId,
        secret_hash: &[u8; 32],
        now: Millis,
    ) -> Result<Option<Session>, StoreError> {
        let hash = secret_hash.to_vec();
        if let Some(row) = self.row(&sql::SESSION_BY_SECRET, params![t, hash.clone()]).await? {
            return session(row).map(Some);
        }
        self.row(&sql::SESSION_BY_PREVIOUS, params![t, hash, now]).await?.map(session).transpose()
    }

    /// Returns the living session for the secret in a cookie, with its living participation in an application.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn session_and_stay(
        &self,
        t: TenantId,
        secret_hash: &[u8; 32],
        app: AppId,
        now: Millis,
    ) -> Result<Option<(Session, Option<Participation>)>, StoreError> {
        let hash = secret_hash.to_vec();
        let row = self.row(&sql::SESSION_AND_STAY, params![t, hash.clone(), app]).await?;
        let Some(mut row) = row else {
            let previous = self.row(&sql::SESSION_BY_PREVIOUS, params![t, hash, now]).await?;
            let Some(session) = previous.map(session).transpose()? else { return Ok(None) };
            let stay = self.participation(t, session.id, app).await?;
            return Ok(Some((session, stay)));
        };
        let session = session_in(&mut row)?;
        let Some(sid) = row.opt_id(Sid::from_slice)? else { return Ok(Some((session, None))) };
        let stay = Participation {
            tenant: t,
            session: session.id,
            app,
            sid,
            user: session.user,
            sub: row.text()?,
            first_access: row.millis()?,
            last_access: row.millis()?,
            cut: row.int()?,
        };
        Ok(Some((session, Some(stay))))
    }

    /// Returns a session, living or ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn session(&self, t: TenantId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.row(&sql::SESSION_BY_ID, params![t, id]).await?.map(session).transpose()
    }

    /// Returns a user's live sessions, newest sign-in first. `slack_ms` as for [`Session::is_live`].
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn sessions_of_user(
        &self,
        t: TenantId,
        user: UserId,
        now: Millis,
        slack_ms: i64,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        let since = now.plus(-slack_ms);
        sessions(self.list(&sql::SESSIONS_OF_USER, params![t, user, now, since, limit]).await?)
    }

    /// Returns a user's ended sessions, latest end first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn ledger_of_user(
        &self,
        t: TenantId,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        sessions(self.list(&sql::LEDGER_OF_USER, params![t, user, limit]).await?)
    }

    /// Returns sessions of all tenants that are past a deadline: first those past their absolute lifetime, then those
    /// that are idle, each with the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn expired_sessions(
        &self,
        now: Millis,
        slack_ms: i64,
        limit: i64,
    ) -> Result<Vec<SessionExpiry>, StoreError> {
        let read = |lifetime: bool| {
            move |mut row: Row| {
                Ok(SessionExpiry {
                    tenant: TenantId(row.int()?),
                    user: row.id(UserId::from_slice)?,
                    session: row.id(SessionId::from_slice)?,
                    lifetime,
                })
            }
        };
        let old = self.list(&sql::SESSIONS_OLD, params![now, limit]).await?;
        let idle = self.list(&sql::SESSIONS_IDLE, params![now.plus(-slack_ms), limit]).await?;
        let mut found: Vec<SessionExpiry> =
            old.into_iter().map(read(true)).collect::<Result<_, StoreError>>()?;
        for expiry in idle.into_iter().map(read(false)) {
            let expiry = expiry?;
            if !found.iter().any(|known| known.session == expiry.session) {
                found.push(expiry);
            }
        }
        Ok(found)
    }

    /// Returns the living participation of a session in an application.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn participation(
        &self,
        t: TenantId,
        session: SessionId,
        app: AppId,
    ) -> Result<Option<Participation>, StoreError> {
        let row = self.row(&sql::PARTICIPATION_LIVING, params![t, session, app]).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some(Participation {
            tenant: t,
            session,
            app,
            sid: row.id(Sid::from_slice)?,
            sub: row.text()?,
            user: row.id(UserId::from_slice)?,
            first_access: row.millis()?,
            last_access: row.millis()?,
            cut: row.int()?,
        }))
    }

    /// Returns all participations of a session, living and ended, in the order of their beginning.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn stays(&self, t: TenantId, session: SessionId) -> Result<Vec<StayRow>, StoreError> {
        let rows = self.rows(&sql::PARTICIPATIONS_OF_SESSION, params![t, session]).await?;
        rows.into_iter().map(|row| stay_in(t, session, row)).collect()
    }
}

/// Decodes a participation from a row that continues after the session's id.
pub(super) fn stay_in(
    t: TenantId,
    session: SessionId,
    mut row: Row,
) -> Result<StayRow, StoreError> {
    let app = row.id(AppId::from_slice)?;
    let sid = row.id(Sid::from_slice)?;
    let sub = row.text()?;
    let user = row.id(UserId::from_slice)?;
    let first_access = row.millis()?;
    let last_access = row.millis()?;
    let stay = Participation {
        tenant: t,
        session,
        app,
        sid,
        user,
        sub,
        first_access,
        last_access,
        cut: 0,
    };
    Ok(StayRow { stay, ended_at: row.opt_millis()? })
}
