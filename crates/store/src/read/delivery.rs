//! Deliveries and jobs: lists, backlogs and due times.

use sojourn_model::{
    AppId, Delivery, DeliveryState, EndSummary, Job, JobId, JobKind, JobState, Millis, SessionId,
    Sid, TenantId, UserId,
};

use super::search::Place;
use crate::compile::params;
use crate::sql::delivery as sql;
use crate::{Reads, Row, StoreError};

/// The backlog of pending deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryBacklog {
    /// Number of pending deliveries.
    pub pending: i64,
    /// Time since which the oldest one is due.
    pub oldest_due: Option<Millis>,
}

pub(crate) fn delivery(mut row: Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        tenant: TenantId(row.int()?),
        sid: row.id(Sid::from_slice)?,
        session: row.id(SessionId::from_slice)?,
        app: row.id(AppId::from_slice)?,
        user: row.id(UserId::from_slice)?,
        sub: row.text()?,
        issuer: row.text()?,
        uri: row.text()?,
        state: row.parsed(DeliveryState::parse)?,
        attempts: row.int()?,
        refusals: row.int()?,
        answer_lost: row.flag()?,
        due_at: row.millis()?,
        created_at: row.millis()?,
        expires_at: row.millis()?,
        last_attempt_at: row.opt_millis()?,
        last_status: row.opt_int()?,
        last_error: row.opt_text()?,
        last_jti: row.opt_text()?,
    })
}

pub(crate) fn job(mut row: Row) -> Result<Job, StoreError> {
    Ok(Job {
        tenant: TenantId(row.int()?),
        id: row.id(JobId::from_slice)?,
        kind: row.parsed(JobKind::parse)?,
        payload: row.text()?,
        total: row.int()?,
        done: row.int()?,
        state: row.parsed(JobState::parse)?,
        error: row.opt_text()?,
        actor: row.text()?,
        created_at: row.millis()?,
        finished_at: row.opt_millis()?,
        progress: row.text()?,
        ended: EndSummary {
            sessions: row.int()?.unsigned_abs(),
            grants: row.int()?.unsigned_abs(),
            consents: row.int()?.unsigned_abs(),
            deliveries: row.int()?.unsigned_abs(),
        },
    })
}

impl Reads {
    /// Returns the deliveries of a session.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_of_session(
        &self,
        t: TenantId,
        session: SessionId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.list(&sql::DELIVERIES_OF_SESSION, params![t, session]).await?;
        rows.into_iter().map(delivery).collect()
    }

    /// Returns the tenant's deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries(&self, t: TenantId, limit: i64) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.list(&sql::DELIVERIES_NEWEST, params![t, limit]).await?;
        rows.into_iter().map(delivery).collect()
    }

    /// Returns the tenant's deliveries that were created before a position, newest first; with `failed`, only those
    /// that were refused or given up.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_below(
        &self,
        t: TenantId,
        failed: bool,
        place: Place,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let statement = if failed { &sql::DELIVERIES_FAILED_BELOW } else { &sql::DELIVERIES_BELOW };
        let rows = self.list(statement, params![t, place.at, place.id, limit]).await?;
        rows.into_iter().map(delivery).collect()
    }

    /// Returns the backlog of pending deliveries in all tenants.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn delivery_backlog(&self) -> Result<DeliveryBacklog, StoreError> {
        let row = self.list(&sql::DELIVERY_STATES, params![]).await?.into_iter().next();
        let Some(mut row) = row else { return Ok(DeliveryBacklog::default()) };
        let pending = row.int()?;
        let oldest = row.millis()?;
        Ok(DeliveryBacklog { pending, oldest_due: (pending > 0).then_some(oldest) })
    }

    /// Returns the numbers of a tenant's pending deliveries and of those that were given up.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_open(&self, t: TenantId) -> Result<(i64, i64), StoreError> {
        let waiting = self.number(&sql::DELIVERIES_WAITING_OF, params![t]).await?;
        Ok((waiting, self.number(&sql::DELIVERIES_DEAD_OF, params![t]).await?))
    }

    /// Returns, by application, the number of pending deliveries that were attempted in vain, and the time of the oldest.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_that_wait(
        &self,
        t: TenantId,
    ) -> Result<Vec<(AppId, u64, Millis)>, StoreError> {
        let rows = self.list(&sql::DELIVERIES_THAT_WAIT, params![t]).await?;
        let read = |mut row: Row| {
            let (app, count) = (row.id(AppId::from_slice)?, row.int()?.unsigned_abs());
            Ok((app, count, row.millis()?))
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns, by application, the number of deliveries since a time that were refused, and one of the statuses.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_refused_since(
        &self,
        t: TenantId,
        since: Millis,
    ) -> Result<Vec<(AppId, u64, Option<i64>)>, StoreError> {
        let rows = self.list(&sql::DELIVERIES_REFUSED_SINCE, params![t, since]).await?;
        let read = |mut row: Row| {
            let (app, count) = (row.id(AppId::from_slice)?, row.int()?.unsigned_abs());
            Ok((app, count, row.opt_int()?))
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns the time at which the next delivery can be claimed, because it is due or its lease has ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn next_delivery_due(&self) -> Result<Option<Millis>, StoreError> {
        match self.row(&sql::DELIVERY_NEXT_DUE, params![]).await? {
            Some(mut row) => row.opt_millis(),
            None => Ok(None),
        }
    }

    /// Returns a job by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn job(&self, t: TenantId, id: JobId) -> Result<Option<Job>, StoreError> {
        self.row(&sql::JOB_BY_ID, params![t, id]).await?.map(job).transpose()
    }

    /// Returns the tenant's jobs, latest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn jobs(&self, t: TenantId, limit: i64) -> Result<Vec<Job>, StoreError> {
        let rows = self.list(&sql::JOBS_LATEST, params![t, limit]).await?;
        rows.into_iter().map(job).collect()
    }

    /// Returns the tenant's pending jobs.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn pending_jobs(&self, t: TenantId, limit: i64) -> Result<Vec<Job>, StoreError> {
        let rows = self.list(&sql::JOBS_PENDING, params![t, limit]).await?;
        rows.into_iter().map(job).collect()
    }
}
