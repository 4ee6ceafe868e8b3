//! Tasks of event handlers and their backlogs.

use sojourn_model::{Event, HandlerTask, Millis, SessionId, Subject, TaskState, TenantId};

use crate::compile::params;
use crate::sql::task as sql;
use crate::{Reads, Row, StoreError};

/// The backlog of one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskBacklog {
    /// Id of the handler.
    pub handler: String,
    /// Number of pending tasks.
    pub pending: i64,
    /// Number of parked tasks, which failed too often.
    pub parked: i64,
    /// Time of the event of the oldest pending task.
    pub oldest: Option<Millis>,
}

/// A position in the log of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlace {
    /// Time of the event.
    pub at: Millis,
    /// Id of the event's subject.
    pub subject: Vec<u8>,
    /// Number of the event among those of its subject.
    pub n: i64,
}

impl TaskPlace {
    /// The position before all tasks, as the newest come first.
    pub const NEWEST: Self = Self { at: Millis(i64::MAX), subject: Vec::new(), n: 0 };
}

pub(crate) fn task(mut row: Row) -> Result<HandlerTask, StoreError> {
    let tenant = TenantId(row.int()?);
    let kind = row.int()?;
    Ok(HandlerTask {
        tenant,
        subject: row.id(|bytes| Subject::read(kind, bytes).ok_or(()))?,
        handler: row.text()?,
        n: row.int()?,
        state: row.parsed(TaskState::parse)?,
        attempts: row.int()?,
        created_at: row.millis()?,
        due_at: row.millis()?,
        last_attempt_at: row.opt_millis()?,
        last_status: row.opt_int()?,
        last_error: row.opt_text()?,
    })
}

impl Reads {
    /// Returns the event of a task.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn event(
        &self,
        t: TenantId,
        subject: Subject,
        n: i64,
    ) -> Result<Option<Event>, StoreError> {
        let row = self.row(&sql::EVENT_GET, params![t, subject.kind(), subject.id(), n]).await?;
        row.map(|mut row| {
            Ok(Event {
                n: row.int()?,
                name: row.text()?,
                at: row.millis()?,
                actor: row.text()?,
                session: row.opt_id(SessionId::from_slice)?,
                data: row.text()?,
            })
        })
        .transpose()
    }

    /// Returns the time at which the next task of a handler is due that doesn't wait for another task.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn next_task_due(
        &self,
        handler: &str,
        now: Millis,
    ) -> Result<Option<Millis>, StoreError> {
        match self.list(&sql::TASK_NEXT_DUE, params![handler, now]).await?.into_iter().next() {
            Some(mut row) => row.opt_millis(),
            None => Ok(None),
        }
    }

    /// Returns the backlog of each handler of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn task_backlogs(&self, t: TenantId) -> Result<Vec<TaskBacklog>, StoreError> {
        let mut all: Vec<TaskBacklog> = Vec::new();
        for mut row in self.list(&sql::TASKS_OPEN, params![t]).await? {
            let (handler, pending) = (row.text()?, row.int()?);
            all.push(TaskBacklog { handler, pending, parked: 0, oldest: row.opt_millis()? });
        }
        for mut row in self.list(&sql::TASKS_PARKED, params![t]).await? {
            let (handler, parked) = (row.text()?, row.int()?);
            match all.iter_mut().find(|backlog| backlog.handler == handler) {
                Some(backlog) => backlog.parked = parked,
                None => all.push(TaskBacklog { handler, pending: 0, parked, oldest: None }),
            }
        }
        Ok(all)
    }

    /// Returns the number of pending tasks in all tenants, and the time of the oldest one's event.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn task_lag(&self) -> Result<(i64, Millis), StoreError> {
        match self.list(&sql::TASKS_LAG, params![]).await?.into_iter().next() {
            Some(mut row) => Ok((row.int()?, row.millis()?)),
            None => Ok((0, Millis(0))),
        }
    }

    /// Returns a handler's tasks before a position, latest event first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tasks_below(
        &self,
        t: TenantId,
        handler: &str,
        place: &TaskPlace,
        limit: i64,
    ) -> Result<Vec<HandlerTask>, StoreError> {
        let params = params![t, handler, place.at, place.subject.clone(), place.n, limit];
        self.list(&sql::TASKS_BELOW, params).await?.into_iter().map(task).collect()
    }

    /// Returns a handler's parked tasks, which failed too often, latest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tasks_parked(
        &self,
        t: TenantId,
        handler: &str,
        limit: i64,
    ) -> Result<Vec<HandlerTask>, StoreError> {
        let params = params![t, handler, limit];
        self.list(&sql::TASKS_PARKED_BELOW, params).await?.into_iter().map(task).collect()
    }
}
