//! What belongs to no tenant: the list of tenants, the open work of all of them, and the database itself.

use sojourn_model::{Millis, Tenant, TenantId};
use sojourn_store::{Call, DeliveryBacklog, OpenWork, Pool, StoreError};

use crate::engine::Engine;

/// Reads across tenants, and the database as a whole.
#[derive(Clone, Copy)]
pub struct Installation<'a> {
    database: &'a sojourn_store::Reads,
}

impl Engine {
    /// Returns what belongs to no tenant.
    #[must_use]
    pub fn installation(&self) -> Installation<'_> {
        Installation { database: &self.store }
    }
}

impl Installation<'_> {
    /// Checks that the database can be read and written, by writing a row without changing its content.
    ///
    /// # Errors
    /// [`StoreError`] describes why the database can't be read or written.
    pub async fn check(self) -> Result<(), StoreError> {
        self.database.check().await
    }

    /// Completes pending writes and closes the database. Later calls fail.
    pub async fn close(self) {
        self.database.close().await;
    }

    /// Returns the backlog of pending deliveries in all tenants.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn delivery_backlog(self) -> Result<DeliveryBacklog, StoreError> {
        self.database.delivery_backlog().await
    }

    /// Returns the kind of the database: `sqlite` or `postgresql`.
    pub fn kind(self) -> &'static str {
        self.database.kind()
    }

    /// Collects planner statistics for tables that have rows but no statistics, and returns their names. Without it, a
    /// newly filled or restored PostgreSQL guesses until autovacuum runs; SQLite's plans don't need statistics.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database doesn't respond in time; another [`StoreError`] if the query fails.
    pub async fn learn_statistics(self) -> Result<Vec<String>, StoreError> {
        self.database.learn_statistics().await
    }

    /// Returns the time at which the next delivery can be claimed, because it is due or its lease has ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn next_delivery_due(self) -> Result<Option<Millis>, StoreError> {
        self.database.next_delivery_due().await
    }

    /// Returns the time at which the next task of a handler is due that doesn't wait for another task.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn next_task_due(
        self,
        handler: &str,
        now: Millis,
    ) -> Result<Option<Millis>, StoreError> {
        self.database.next_task_due(handler, now).await
    }

    /// Registers an observer of the duration of each call. Only the first registered observer is called.
    pub fn observe(self, observer: impl Fn(Call, std::time::Duration) + Send + Sync + 'static) {
        self.database.observe(observer);
    }

    /// Returns the counts of living sessions and open work in all tenants. It counts rows of an index, which is too
    /// slow for every request.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn open_work(self) -> Result<OpenWork, StoreError> {
        self.database.open_work().await
    }

    /// Returns the state of the connection pool.
    pub fn pool(self) -> Pool {
        self.database.pool()
    }

    /// Returns the number of pending tasks in all tenants, and the time of the oldest one's event.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn task_lag(self) -> Result<(i64, Millis), StoreError> {
        self.database.task_lag().await
    }

    /// Returns a tenant by its number.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tenant(self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.database.tenant(id).await
    }

    /// Returns a tenant by its name in paths.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tenant_by_name(self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.database.tenant_by_name(name).await
    }

    /// Returns all tenants, enabled or not.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tenants(self) -> Result<Vec<Tenant>, StoreError> {
        self.database.tenants().await
    }
}
