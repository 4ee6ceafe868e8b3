//! Storage: schema, statements, SQLite and PostgreSQL behind one seam.
//!
//! Reads are methods of [`Reads`], each with the tenant as an argument. Writes are change sets,
//! applied whole or not at all by a [`Store`], which reads as well. This crate knows no protocol and decides nothing; it keeps.

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

/// What may be read of a database, and no way to write. Cheap to clone.
#[derive(Clone)]
pub struct Reads {
    backend: Arc<Backend>,
    pauses: pauses::Pauses,
    observed: Arc<measured::Observed>,
}

/// A database with everything that Sojourn keeps. Cheap to clone.
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
    /// Opens an embedded database, making and migrating it as needed.
    ///
    /// # Errors
    /// [`StoreError`] when the file can't be used or needs a newer program.
    pub fn open_sqlite(options: &SqliteOptions) -> Result<Self, StoreError> {
        let sqlite = sqlite::Sqlite::open(options)?;
        Ok(Self::of(Backend::Sqlite(sqlite)))
    }

    /// Connects to PostgreSQL, making and migrating the schema as needed.
    ///
    /// # Errors
    /// [`StoreError`] when it can't be reached or needs a newer program.
    pub async fn open_postgres(options: &PostgresOptions) -> Result<Self, StoreError> {
        let postgres = postgres::Postgres::open(options).await?;
        Ok(Self::of(Backend::Postgres(postgres)))
    }

    fn of(backend: Backend) -> Self {
        let backend = Arc::new(backend);
        let (pauses, observed) = (pauses::Pauses::default(), Arc::default());
        Self { reads: Reads { backend, pauses, observed } }
    }

    /// The same database, with a pause at every boundary between two statements.
    #[cfg(feature = "pauses")]
    #[must_use]
    pub fn paused(&self, pause: pauses::Pause) -> Self {
        let pauses = pauses::Pauses { pause: Some(pause) };
        Self { reads: Reads { pauses, ..self.reads.clone() } }
    }

    /// Applies a change set: all of it is durable when this answers [`Outcome::Applied`], and none
    /// of it has happened otherwise.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::Unknown`] it may have happened.
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

    /// What may be read of it.
    #[must_use]
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }
}

impl Reads {
    /// Runs a point read: a statement that an index answers in microseconds.
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

    /// Runs a list: a range of an index, kept off the async threads where reading blocks.
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

    /// Whether the database answers and can be written: a row is written that says nothing new.
    ///
    /// # Errors
    /// [`StoreError`] says what is wrong.
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

    /// The database's clock in milliseconds since 1970; none where the database has no clock but this machine's.
    ///
    /// # Errors
    /// [`StoreError`] when the database doesn't answer.
    pub async fn clock(&self) -> Result<Option<i64>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(_) => Ok(None),
            Backend::Postgres(postgres) => postgres.clock().await.map(Some),
        }
    }

    /// Gives the planner statistics of tables that have rows and none yet, and returns their names. A freshly filled or
    /// restored PostgreSQL would guess until autovacuum comes by; SQLite's plans need none.
    ///
    /// # Errors
    /// [`StoreError`] when the database doesn't answer.
    pub async fn learn_statistics(&self) -> Result<Vec<String>, StoreError> {
        match &*self.backend {
            Backend::Sqlite(_) => Ok(Vec::new()),
            Backend::Postgres(postgres) => postgres.analyze_unknown().await,
        }
    }

    /// Tells how long each call takes from now on. Only the first who asks is told.
    pub fn observe(&self, observer: impl Fn(Call, std::time::Duration) + Send + Sync + 'static) {
        self.observed.tell(observer);
    }

    /// The connections to the database.
    #[must_use]
    pub fn pool(&self) -> Pool {
        match &*self.backend {
            Backend::Sqlite(sqlite) => Pool { waiting: sqlite.waiting(), ..Pool::default() },
            Backend::Postgres(postgres) => postgres.pool(),
        }
    }

    /// `sqlite` or `postgresql`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &*self.backend {
            Backend::Sqlite(_) => "sqlite",
            Backend::Postgres(_) => "postgresql",
        }
    }

    /// Whether the database is a file of this process, with no other node at work on it.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(&*self.backend, Backend::Sqlite(_))
    }

    /// What durability rests on with SQLite, as the file reports it: journal mode and synchronous level (2
    /// is FULL). `None` with another database.
    #[must_use]
    pub fn durability(&self) -> Option<(String, i64)> {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.durability(),
            Backend::Postgres(_) => None,
        }
    }

    /// Finishes what is under way and closes. Later calls are refused.
    pub async fn close(&self) {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close(),
        }
    }

    /// Prepares every statement and runs nothing.
    ///
    /// # Errors
    /// [`StoreError::Statement`] names the first that the database refuses.
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
