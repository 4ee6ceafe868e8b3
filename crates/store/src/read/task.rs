//! Tasks of handlers.

use sojourn_model::{Event, HandlerTask, Millis, SessionId, Subject, TaskState, TenantId};

use crate::compile::params;
use crate::sql::task as sql;
use crate::{Reads, Row, StoreError};

/// What waits for one handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskBacklog {
    /// The handler's id.
    pub handler: String,
    /// Tasks to be done.
    pub pending: i64,
    /// Tasks that failed too often.
    pub parked: i64,
    /// When the event of the oldest one happened that waits.
    pub oldest: Option<Millis>,
}

/// A place in a handler's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlace {
    /// When the event happened.
    pub at: Millis,
    /// The subject's id.
    pub subject: Vec<u8>,
    /// The event's number.
    pub n: i64,
}

impl TaskPlace {
    /// Before every task.
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
    /// The event of a task.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// When the next task of a handler is due that nothing holds up.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// What waits for each handler of a tenant.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// How many tasks wait in all tenants, and since when the oldest.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn task_lag(&self) -> Result<(i64, Millis), StoreError> {
        match self.list(&sql::TASKS_LAG, params![]).await?.into_iter().next() {
            Some(mut row) => Ok((row.int()?, row.millis()?)),
            None => Ok((0, Millis(0))),
        }
    }

    /// A handler's tasks, latest event first, below a place.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// A handler's tasks that failed too often, latest first.
    ///
    /// # Errors
    /// [`StoreError`]
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
