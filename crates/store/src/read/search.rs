//! Sessions by ranges of an order, and what belongs to a few of them, read at once.

use sojourn_model::directory::text_key;
use sojourn_model::{
    AppId, EndReason, Millis, Role, Session, SessionId, Sid, TenantId, User, UserId,
};

use super::directory::{after_prefix, role_in, user};
use super::session::{StayRow, session, stay_in};
use crate::compile::params;
use crate::dialect::Statement;
use crate::sql::search as sql;
use crate::{Reads, Row, StoreError, Value};

/// A place in an order of sessions: a time, and where within it. An id, or the beginning of one: every id that
/// begins so stands from here on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The time.
    pub at: Millis,
    /// An id, or its beginning.
    pub id: Vec<u8>,
}

impl Place {
    /// Before everything.
    pub const FIRST: Self = Self { at: Millis(i64::MIN), id: Vec::new() };
    /// After everything.
    pub const LAST: Self = Self { at: Millis(i64::MAX), id: Vec::new() };

    /// The place right after this one.
    #[must_use]
    pub fn after(mut self) -> Self {
        self.id.push(0);
        self
    }
}

/// An order of sessions, and which of them stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionRange {
    /// Those that haven't ended, by sign-in.
    Living,
    /// All, by sign-in.
    All,
    /// All, by last access as far as it is written.
    Accessed,
    /// Those that have ended, by their end.
    Ended,
    /// Those that came from an address, as [`sojourn_model::network::address_key`] gives it, by sign-in.
    Address(Vec<u8>),
    /// Those that live in an application, by sign-in. One that entered twice may come twice in a row.
    Application(AppId),
}

impl SessionRange {
    fn statements(&self) -> (&'static Statement, &'static Statement) {
        match self {
            Self::Living => (&sql::LIVING_BELOW, &sql::LIVING_FROM),
            Self::All => (&sql::ALL_BELOW, &sql::ALL_FROM),
            Self::Accessed => (&sql::ACCESSED_BELOW, &sql::ACCESSED_FROM),
            Self::Ended => (&sql::ENDED_BELOW, &sql::ENDED_FROM),
            Self::Address(_) => (&sql::ADDRESS_BELOW, &sql::ADDRESS_FROM),
            Self::Application(_) => (&sql::IN_APPLICATION_BELOW, &sql::IN_APPLICATION_FROM),
        }
    }

    fn params(&self, t: TenantId, place: Place, stop: Millis, limit: i64) -> Vec<Value> {
        let mut params = params![t, place.at, place.id, stop, limit];
        match self {
            Self::Address(key) => params.push(key.clone().into()),
            Self::Application(app) => params.push((*app).into()),
            _ => {}
        }
        params
    }
}

/// A batch of ids with the tenant before them; nothing when there is none.
pub(super) fn batch<Id: Copy + Into<Value>>(t: TenantId, ids: &[Id]) -> Option<Vec<Value>> {
    let last = *ids.last()?;
    let filled = ids.iter().copied().chain(std::iter::repeat(last)).take(sql::BATCH);
    Some(std::iter::once(t.into()).chain(filled.map(Into::into)).collect())
}

fn sessions(rows: Vec<Row>) -> Result<Vec<Session>, StoreError> {
    rows.into_iter().map(session).collect()
}

/// What is alive or to be done, of all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenWork {
    /// Sessions that haven't ended.
    pub sessions: i64,
    /// Mails that haven't been sent.
    pub mails: i64,
    /// Jobs that are under way.
    pub jobs: i64,
}

impl Reads {
    /// Sessions of a range that stand below a place, the greatest first, down to the time `stop`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sessions_below(
        &self,
        t: TenantId,
        range: &SessionRange,
        place: Place,
        stop: Millis,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        let (below, _) = range.statements();
        sessions(self.list(below, range.params(t, place, stop, limit)).await?)
    }

    /// Sessions of a range from a place on, the least first, up to the time `stop`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sessions_from(
        &self,
        t: TenantId,
        range: &SessionRange,
        place: Place,
        stop: Millis,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        let (_, from) = range.statements();
        sessions(self.list(from, range.params(t, place, stop, limit)).await?)
    }

    /// Sessions that came from addresses between two, in no order, with the times of their sign-ins; a bounded
    /// number of them.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sessions_of_network(
        &self,
        t: TenantId,
        first: Vec<u8>,
        last: Vec<u8>,
        limit: i64,
    ) -> Result<Vec<(Millis, SessionId)>, StoreError> {
        let rows = self.list(&sql::NETWORK, params![t, first, last, limit]).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.millis()?, row.id(SessionId::from_slice)?)))
            .collect()
    }

    /// How many sessions haven't ended, of those that signed in between two times.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn living_count(
        &self,
        t: TenantId,
        from: Millis,
        to: Millis,
    ) -> Result<u64, StoreError> {
        let row = self.list(&sql::LIVING_COUNT, params![t, from, to]).await?.into_iter().next();
        let count = row.map(|mut row| row.int()).transpose()?.unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// What is alive or to be done in all tenants together. Counts rows of an index: not for every request.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn open_work(&self) -> Result<OpenWork, StoreError> {
        let Some(mut row) = self.list(&sql::OPEN_WORK, Vec::new()).await?.into_iter().next() else {
            return Ok(OpenWork::default());
        };
        Ok(OpenWork { sessions: row.int()?, mails: row.int()?, jobs: row.int()? })
    }

    /// How many sessions began in each stretch of `step` milliseconds from a time on: the stretch's number, and how many.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sign_ins_by_time(
        &self,
        t: TenantId,
        since: Millis,
        step: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let rows = self.list(&sql::SIGN_INS_BY_TIME, params![t, since, step]).await?;
        rows.into_iter().map(|mut row| Ok((row.int()?, row.int()?))).collect()
    }

    /// The same for what is tallied; a stretch is exact to the minute.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn tally_by_time(
        &self,
        t: TenantId,
        name: &str,
        since: Millis,
        step: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let sql = &crate::sql::operation::TALLY_BY_TIME;
        let rows = self.list(sql, params![t, name, since, step, since.0 / 60_000]).await?;
        rows.into_iter().map(|mut row| Ok((row.int()?, row.int()?))).collect()
    }

    /// The same for ends.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn ends_by_time(
        &self,
        t: TenantId,
        since: Millis,
        step: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let rows = self.list(&sql::ENDS_BY_TIME, params![t, since, step]).await?;
        rows.into_iter().map(|mut row| Ok((row.int()?, row.int()?))).collect()
    }

    /// Why the latest sessions ended: each reason with how many, of at most a number of sessions.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn ends_by_reason(
        &self,
        t: TenantId,
        since: Millis,
        limit: i64,
    ) -> Result<Vec<(EndReason, i64)>, StoreError> {
        let rows = self.list(&sql::ENDS_BY_REASON, params![t, since, limit]).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.parsed(|text| text.parse().ok())?, row.int()?)))
            .collect()
    }

    /// The session that an application knows by a `sid`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn session_of_sid(
        &self,
        t: TenantId,
        sid: Sid,
    ) -> Result<Option<SessionId>, StoreError> {
        let row = self.row(&sql::SESSION_OF_SID, params![t, sid]).await?;
        row.map(|mut row| row.id(SessionId::from_slice)).transpose()
    }

    /// These sessions, in no order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sessions_among(
        &self,
        t: TenantId,
        ids: &[SessionId],
    ) -> Result<Vec<Session>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(sql::BATCH) {
            let Some(params) = batch(t, some) else { continue };
            found.extend(sessions(self.rows(&sql::SESSIONS_AMONG, params).await?)?);
        }
        Ok(found)
    }

    /// The living sessions of users, or their latest ended ones, in no order; of each 25 users a bounded
    /// number.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn sessions_of_users(
        &self,
        t: TenantId,
        users: &[UserId],
        ended: bool,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        let statement = if ended { &sql::ENDED_OF_USERS } else { &sql::LIVING_OF_USERS };
        let mut found = Vec::new();
        for some in users.chunks(sql::BATCH) {
            let Some(mut params) = batch(t, some) else { continue };
            params.push(limit.into());
            found.extend(sessions(self.list(statement, params).await?)?);
        }
        Ok(found)
    }

    /// The stays of sessions, living and over.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn stays_among(
        &self,
        t: TenantId,
        ids: &[SessionId],
    ) -> Result<Vec<StayRow>, StoreError> {
        let mut found = Vec::new();
        for some in ids.chunks(sql::BATCH) {
            let Some(params) = batch(t, some) else { continue };
            for mut row in self.rows(&sql::STAYS_AMONG, params).await? {
                let session = row.id(SessionId::from_slice)?;
                found.push(stay_in(t, session, row)?);
            }
        }
        Ok(found)
    }

    /// These users, in no order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn users_among(&self, t: TenantId, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(sql::BATCH) {
            let Some(params) = batch(t, some) else { continue };
            for row in self.rows(&sql::USERS_AMONG, params).await? {
                found.push(user(row)?);
            }
        }
        Ok(found)
    }

    /// The roles of users, those being removed included.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn roles_among(
        &self,
        t: TenantId,
        ids: &[UserId],
    ) -> Result<Vec<(UserId, Role)>, StoreError> {
        let mut found = Vec::new();
        for some in ids.chunks(sql::BATCH) {
            let Some(params) = batch(t, some) else { continue };
            for mut row in self.rows(&sql::ROLES_AMONG, params).await? {
                found.push((row.id(UserId::from_slice)?, role_in(&mut row)?));
            }
        }
        Ok(found)
    }

    /// Users whose shown names begin with a text, a bounded number of them in no order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn users_by_shown_name(
        &self,
        t: TenantId,
        prefix: &str,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let key = text_key(prefix);
        let after = after_prefix(&key);
        let params = params![t, prefix, after_prefix(prefix), key, after, limit];
        let rows = self.list(&sql::ACCOUNT_BY_SHOWN_NAME, params).await?;
        rows.into_iter().map(user).collect()
    }

    /// Users of whom a name is shown, without regard to case; a bounded number of them in no order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn users_of_shown_name(
        &self,
        t: TenantId,
        name: &str,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let rows =
            self.list(&sql::ACCOUNT_OF_SHOWN_NAME, params![t, name, text_key(name), limit]).await?;
        rows.into_iter().map(user).collect()
    }

    /// Sessions whose address isn't in the index yet, of all tenants, with their addresses.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn unkeyed_sessions(
        &self,
        limit: i64,
    ) -> Result<Vec<(TenantId, SessionId, String)>, StoreError> {
        let rows = self.list(&sql::SESSIONS_UNKEYED, params![limit]).await?;
        rows.into_iter()
            .map(|mut row| Ok((TenantId(row.int()?), row.id(SessionId::from_slice)?, row.text()?)))
            .collect()
    }
}
