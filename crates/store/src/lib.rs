//! Storage: schema and statements, on SQLite or PostgreSQL behind one interface.
//!
//! Reads are methods of [`Reads`], which take the tenant as an argument. Writes are change sets, which a [`Store`]
//! applies atomically. This crate knows no protocols and makes no decisions; it only stores.

mod compile;
pub mod dialect;
mod error;
mod gather;
mod measured;
mod migrate;
pub mod pauses;
mod postgres;
mod read;
pub mod sql;
mod sqlite;
mod value;

use std::sync::Arc;

pub use error::StoreError;
pub use measured::{Call, Pool};
pub use migrate::{MIGRATIONS, SCHEMA_VERSION};
pub use postgres::{PostgresOptions, PostgresTimes};
pub use read::{
    AuditEntry, ClientStanding, CodeStanding, ConsentRow, DeliveryBacklog, EndPreview, GrantExpiry,
    KnownBrowser, NamedStay, Oldest, OpenWork, Place, SessionExpiry, SessionRange, SessionStanding,
    SharedStanding, Standing, StayRow, TaskBacklog, TaskPlace, UserOrder,
};
use sojourn_model::{ChangeSet, Outcome};
pub use sqlite::{SqliteOptions, schema_dump};
pub use value::{Row, Value};

use crate::dialect::Statement;

enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// Read-only access to a database. Cheap to clone.
#[derive(Clone)]
pub struct Reads {
    backend: Arc<Backend>,
    pauses: pauses::Pauses,
    observed: Arc<measured::Observed>,
}

/// The database of Sojourn, for reads and writes. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    reads: Reads,
}

impl std::ops::Deref for Store {
    type Target = Reads;

    fn deref(&self) -> &Reads {
        &self.reads
    }
}

impl Store {
    /// Opens an embedded SQLite database, and creates and migrates it as needed.
    ///
    /// # Errors
    /// [`StoreError::NeedsNewerProgram`] if the schema requires a newer version; another [`StoreError`] if the file
    /// can't be used.
    pub fn open_sqlite(options: &SqliteOptions) -> Result<Self, StoreError> {
        let sqlite = sqlite::Sqlite::open(options)?;
        Ok(Self::of(Backend::Sqlite(sqlite)))
    }

    /// Connects to PostgreSQL, and creates and migrates the schema as needed.
    ///
    /// # Errors
    /// [`StoreError::NeedsNewerProgram`] if the schema requires a newer version; another [`StoreError`] if the database
    /// can't be reached or migrated.
    pub async fn open_postgres(options: &PostgresOptions) -> Result<Self, StoreError> {
        let postgres = postgres::Postgres::open(options).await?;
        Ok(Self::of(Backend::Postgres(postgres)))
    }

    fn of(backend: Backend) -> Self {
        let backend = Arc::new(backend);
        let (pauses, observed) = (pauses::Pauses::default(), Arc::default());
        Self { reads: Reads { backend, pauses, observed } }
    }

    /// Returns the same database with a pause at every boundary between two statements.
    #[cfg(feature = "pauses")]
    #[must_use]
    pub fn paused(&self, pause: pauses::Pause) -> Self {
        let pauses = pauses::Pauses { pause: Some(pause) };
        Self { reads: Reads { pauses, ..self.reads.clone() } }
    }

    /// Applies a change set. If this returns [`Outcome::Applied`], all of it is durable; otherwise none of it is
    /// applied.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if the change set may or may not have been applied; after any other [`StoreError`] it
    /// has not.
    pub async fn apply(&self, change: ChangeSet) -> Result<Outcome, StoreError> {
        let steps = compile::compile(change);
        self.pauses.before("BEGIN").await;
        let began = self.observed.began();
        let outcome = match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.apply(steps).await,
            Backend::Postgres(postgres) => postgres.apply(steps, self.pauses.clone()).await,
        };
        self.observed.ended(Call::Commit, began);
        self.pauses.before("COMMIT").await;
        outcome
    }

    /// Returns read-only access to the database.
    #[must_use]
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }
}

impl Reads {
    /// Runs a point read: a statement that takes microseconds with an index.
    async fn rows(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.pauses.before(statement.name).await;
        let began = self.observed.began();
        let rows = match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.read(statement, &params),
            Backend::Postgres(postgres) => postgres.read_point(statement, &params).await,
        };
        self.observed.ended(Call::Read, began);
        rows
    }

    async fn row(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, params).await?.into_iter().next())
    }

    /// Runs a list: a range of an index. It runs outside the async threads if reading blocks.
    async fn list(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.pauses.before(statement.name).await;
        let began = self.observed.began();
        let rows = match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.list(statement, params).await,
            Backend::Postgres(postgres) => postgres.read(statement, &params).await,
        };
        self.observed.ended(Call::List, began);
        rows
    }

    /// Checks that the database can be read and written, by writing a row without changing its content.
    ///
    /// # Errors
    /// [`StoreError`] describes why the database can't be read or written.
    pub async fn check(&self) -> Result<(), StoreError> {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.check()?,
            Backend::Postgres(postgres) => postgres.check().await?,
        }
        let mut probe = compile::Steps::default();
        probe.must(&sql::operation::PROBE, Vec::new());
        let written = match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.apply(probe).await?,
            Backend::Postgres(postgres) => postgres.apply(probe, self.pauses.clone()).await?,
        };
        match written {
            Outcome::Applied(_) => Ok(()),
            other => Err(StoreError::Unavailable(format!("nothing can be written: {other:?}"))),
        }
    }

    /// Returns the database's clock in milliseconds since 1970; `None` if the database uses this host's clock (SQLite).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database doesn't respond in time; another [`StoreError`] if the query fails.
    pub async fn clock(&self) -> Result<Option<i64>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(postgres) => postgres.clock().await.map(Some),
        }
    }

    /// Collects planner statistics for tables that have rows but no statistics, and returns their names. Without it, a
    /// newly filled or restored PostgreSQL guesses until autovacuum runs; SQLite's plans don't need statistics.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database doesn't respond in time; another [`StoreError`] if the query fails.
    pub async fn learn_statistics(&self) -> Result<Vec<String>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(_) => Ok(Vec::new()),
            Backend::Postgres(postgres) => postgres.analyze_unknown().await,
        }
    }

    /// Registers an observer of the duration of each call. Only the first registered observer is called.
    pub fn observe(&self, observer: impl Fn(Call, std::time::Duration) + Send + Sync + 'static) {
        self.observed.tell(observer);
    }

    /// Returns the state of the connection pool.
    #[must_use]
    pub fn pool(&self) -> Pool {
        match &*self.backend {
            Backend::Sqlite(sqlite) => Pool { waiting: sqlite.waiting(), ..Pool::default() },
            Backend::Postgres(postgres) => postgres.pool(),
        }
    }

    /// Returns the kind of the database: `sqlite` or `postgresql`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &*self.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Postgres(_) => "postgresql",
        }
    }

    /// Returns whether the database is a file of this process that no other node uses.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(&*self.backend, Backend::Sqlite(_))
    }

    /// Returns the SQLite settings that durability depends on, as the file reports them: journal mode and synchronous
    /// level (2 is FULL). `None` for PostgreSQL.
    #[must_use]
    pub fn durability(&self) -> Option<(String, i64)> {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.durability(),
            Backend::Postgres(_) => None,
        }
    }

    /// Completes pending writes and closes the database. Later calls fail.
    pub async fn close(&self) {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close(),
        }
    }

    /// Prepares every statement without running any, and returns their number.
    ///
    /// # Errors
    /// [`StoreError::Statement`] names the first statement that the database rejects.
    pub async fn prepare_all(&self) -> Result<usize, StoreError> {
        let mut prepared = 0;
        for statement in sql::all() {
            match &*self.backend {
                Backend::Sqlite(sqlite) => sqlite.prepare(statement)?,
                Backend::Postgres(postgres) => postgres.prepare(statement).await?,
            }
            prepared += 1;
        }
        Ok(prepared)
    }
}
