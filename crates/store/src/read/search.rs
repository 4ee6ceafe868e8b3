//! Sessions by ranges of an order, and batch reads of what belongs to a few of them.

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

/// A position in an order of sessions: a time, and an id or the beginning of one at that time. Every id that begins
/// with it follows the position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Time in the order of the range.
    pub at: Millis,
    /// A session id, or the beginning of one.
    pub id: Vec<u8>,
}

impl Place {
    /// The position before all sessions.
    pub const FIRST: Self = Self { at: Millis(i64::MIN), id: Vec::new() };
    /// The position after all sessions.
    pub const LAST: Self = Self { at: Millis(i64::MAX), id: Vec::new() };

    /// Returns the position immediately after this one.
    #[must_use]
    pub fn after(mut self) -> Self {
        self.id.push(0);
        self
    }
}

/// A set of sessions with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionRange {
    /// Sessions that haven't ended, by time of sign-in.
    Living,
    /// All sessions, by time of sign-in.
    All,
    /// All sessions, by last access as stored.
    Accessed,
    /// Sessions that have ended, by time of their end.
    Ended,
    /// Sessions from an address, given as the result of [`sojourn_model::network::address_key`], by time of sign-in.
    Address(Vec<u8>),
    /// Sessions with a living participation in an application, by time of sign-in. A session that entered it twice may
    /// occur twice in a row.
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

/// Returns the parameters of a batch statement: the tenant and the ids, with the last id repeated to fill the batch.
/// `None` if there are no ids.
pub(super) fn batch<Id: Copy + Into<Value>>(t: TenantId, ids: &[Id]) -> Option<Vec<Value>> {
    let last = *ids.last()?;
    let filled = ids.iter().copied().chain(std::iter::repeat(last)).take(sql::BATCH);
    Some(std::iter::once(t.into()).chain(filled.map(Into::into)).collect())
}

fn sessions(rows: Vec<Row>) -> Result<Vec<Session>, StoreError> {
    rows.into_iter().map(session).collect()
}

/// Counts of living sessions and open work in all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenWork {
    /// Number of sessions that haven't ended.
    pub sessions: i64,
    /// Number of mails in the queue.
    pub mails: i64,
    /// Number of pending jobs.
    pub jobs: i64,
}

impl Reads {
    /// Returns sessions of a range before a position in descending order, down to the time `stop`.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns sessions of a range from a position in ascending order, up to the time `stop`.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns at most `limit` sessions from addresses between two, with their times of sign-in, in no particular
    /// order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns the number of sessions that began between two times and haven't ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns the counts of living sessions and open work in all tenants. It counts rows of an index, which is too
    /// slow for every request.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn open_work(&self) -> Result<OpenWork, StoreError> {
        let Some(mut row) = self.list(&sql::OPEN_WORK, Vec::new()).await?.into_iter().next() else {
            return Ok(OpenWork::default());
        };
        Ok(OpenWork { sessions: row.int()?, mails: row.int()?, jobs: row.int()? })
    }

    /// Returns how many sessions began in each interval of `step` milliseconds from a time on: the number of the
    /// interval and the count.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn sign_ins_by_time(
        &self,
        t: TenantId,
        since: Millis,
        step: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let rows = self.list(&sql::SIGN_INS_BY_TIME, params![t, since, step]).await?;
        rows.into_iter().map(|mut row| Ok((row.int()?, row.int()?))).collect()
    }

    /// Like [`Self::sign_ins_by_time`] for a named counter; the intervals are exact to the minute.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Like [`Self::sign_ins_by_time`] for the ends of sessions.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn ends_by_time(
        &self,
        t: TenantId,
        since: Millis,
        step: i64,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let rows = self.list(&sql::ENDS_BY_TIME, params![t, since, step]).await?;
        rows.into_iter().map(|mut row| Ok((row.int()?, row.int()?))).collect()
    }

    /// Returns the reasons of the latest ends since a time with their counts, of at most `limit` sessions.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns the session that an application knows by a `sid`.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn session_of_sid(
        &self,
        t: TenantId,
        sid: Sid,
    ) -> Result<Option<SessionId>, StoreError> {
        let row = self.row(&sql::SESSION_OF_SID, params![t, sid]).await?;
        row.map(|mut row| row.id(SessionId::from_slice)).transpose()
    }

    /// Returns these sessions in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns the living sessions of users, or their latest ended ones, in no particular order: at most `limit` for
    /// each 25 users.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns the participations of sessions, living and ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns these users in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns the roles of users, including roles that are being removed.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns at most `limit` users with a display name that begins with a text, in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns at most `limit` users with a display name, compared without regard to case, in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns sessions of all tenants that aren't in the index of addresses yet, with their addresses.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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
