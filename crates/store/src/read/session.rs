//! Sessions, their stays in applications, and the ledger of those that ended.

use sojourn_model::ids::MalformedId;
use sojourn_model::{
    AppId, Effects, EndId, Millis, Participation, Proofs, Session, SessionId, SessionState, Sid,
    TenantId, UserId,
};

use crate::compile::params;
use crate::sql::session as sql;
use crate::{Reads, Row, StoreError};

/// A session past a deadline, for the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpiry {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// Whether its absolute lifetime is over; otherwise nobody used it.
    pub lifetime: bool,
}

/// A stay, living or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayRow {
    /// The stay.
    pub stay: Participation,
    /// When it ended, if it has.
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
        // Reason, actor, id and effects of an end that hasn't been.
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
    /// The living session that a cookie's secret opens: by the present secret, or by the one before
    /// within its grace.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// The living session that a cookie's secret opens, with its living stay in an application.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// A session, living or ended.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn session(&self, t: TenantId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.row(&sql::SESSION_BY_ID, params![t, id]).await?.map(session).transpose()
    }

    /// A user's live sessions, newest sign-in first. `slack_ms` as for [`Session::is_live`].
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// A user's ended sessions, latest end first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn ledger_of_user(
        &self,
        t: TenantId,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        sessions(self.list(&sql::LEDGER_OF_USER, params![t, user, limit]).await?)
    }

    /// Sessions past a deadline, of all tenants, the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// The living stay of a session in an application.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// All stays of a session, living and over, in the order of their beginning.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn stays(&self, t: TenantId, session: SessionId) -> Result<Vec<StayRow>, StoreError> {
        let rows = self.rows(&sql::PARTICIPATIONS_OF_SESSION, params![t, session]).await?;
        rows.into_iter().map(|row| stay_in(t, session, row)).collect()
    }
}

/// A stay from a row that goes on after the session's id.
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
