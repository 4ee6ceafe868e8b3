//! SQLite: one writer thread that commits waiting change sets together, and separate connections for readers.
//!
//! Durability after a power loss depends on `synchronous=FULL` with a write-ahead log: each group's commit is flushed
//! before any of its callers gets its result.

mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use sojourn_model::Outcome;

use crate::compile::Steps;
use crate::dialect::Statement;
use crate::error::StoreError;
use crate::migrate::{self, SchemaState};
use crate::value::{Row, Value};

/// Location and settings of the embedded database.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Path of the database file.
    pub path: PathBuf,
    /// Interval between two checkpoints of the write-ahead log, in milliseconds.
    pub checkpoint_every_ms: u64,
}

impl SqliteOptions {
    /// Returns the default options for a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), checkpoint_every_ms: 1_000 }
    }
}

struct Shared {
    path: PathBuf,
    idle_readers: Mutex<Vec<Connection>>,
    healthy: AtomicBool,
    /// Number of pages in the write-ahead log, as of the last run of the checkpoint thread.
    log_pages: AtomicU64,
}

pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    /// Journal mode and synchronous level that the writer's connection reported when it was opened.
    durability: (String, i64),
    writer: writer::Writer,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

fn failure(error: &rusqlite::Error, statement: &'static str) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::DatabaseBusy) => {
            StoreError::Unavailable(error.to_string())
        }
        _ => StoreError::Statement { statement, message: error.to_string() },
    }
}

fn connect(path: &Path, readable_only: bool) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | if readable_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
        };
    let connection = Connection::open_with_flags(path, flags).map_err(|error| {
        match error.sqlite_error_code() {
            Some(ErrorCode::CannotOpen) => {
                StoreError::Unavailable(format!("can't open {}: {error}", path.display()))
            }
            _ => failure(&error, "open"),
        }
    })?;
    connection.set_prepared_statement_cache_capacity(256);
    // Without it every statement is parsed and planned again at each use, because the planner would examine the bound
    // values. One plan for each statement is also what the tests check.
    connection
        .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|error| failure(&error, "planner stability"))?;
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .map_err(|error| failure(&error, "busy_timeout"))?;
    Ok(connection)
}

fn connect_writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, false)?;
    for (name, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("wal_autocheckpoint", "0"),
        // A log that restarts is overwritten in place, which is cheaper than growing the file again.
        ("journal_size_limit", writer::WAL_BYTES_KEPT),
        // At the end of a transaction that moved pages, SQLite scans the whole cache (it borrows a page number beyond
        // the end of the file): a large cache costs each commit a fifth of a millisecond.
        ("cache_size", "-16384"),
        // A large end modifies some ten thousand pages in one transaction, more than the cache holds: without spilling,
        // no page is written twice.
        ("cache_spill", "OFF"),
        ("temp_store", "MEMORY"),
        ("trusted_schema", "OFF"),
    ] {
        connection.pragma_update(None, name, value).map_err(|error| failure(&error, "pragma"))?;
    }
    Ok(connection)
}

/// Returns the settings that durability depends on, as the connection reports them: journal mode and synchronous level
/// (2 is FULL).
fn durability(connection: &Connection) -> rusqlite::Result<(String, i64)> {
    let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let level = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    Ok((mode, level))
}

impl Sqlite {
    /// Returns the number of change sets that wait for the writer.
    pub(crate) fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    pub(crate) fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        let mut connection = connect_writer(&options.path)?;
        migrate(&mut connection)?;
        let (mode, level) = durability(&connection).map_err(|error| failure(&error, "pragma"))?;
        if mode != "wal" || level != 2 {
            return Err(StoreError::Unavailable(format!(
                "the file system doesn't allow a write-ahead log (journal {mode}, synchronous {level})"
            )));
        }
        let shared = Arc::new(Shared {
            path: options.path.clone(),
            idle_readers: Mutex::new(Vec::new()),
            healthy: AtomicBool::new(true),
            log_pages: AtomicU64::new(0),
        });
        let writer =
            writer::Writer::start(connection, Arc::clone(&shared), options.checkpoint_every_ms)?;
        Ok(Self { shared, durability: (mode, level), writer })
    }

    pub(crate) async fn apply(&self, steps: Steps) -> Result<Outcome, StoreError> {
        self.writer.apply(steps).await
    }

    pub(crate) fn read(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        self.shared.read(statement, params)
    }

    pub(crate) async fn list(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.read(statement, &params))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if !self.shared.healthy.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable(
                "the file is being reopened after an error".into(),
            ));
        }
        self.shared.read(&crate::sql::operation::META_GET, &[Value::from("schema_version")])?;
        Ok(())
    }

    pub(crate) fn durability(&self) -> Option<(String, i64)> {
        Some(self.durability.clone())
    }

    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }

    pub(crate) fn prepare(&self, statement: &'static Statement) -> Result<(), StoreError> {
        self.shared.with_reader(|connection| {
            connection
                .prepare(statement.sqlite())
                .map(drop)
                .map_err(|error| failure(&error, statement.name))
        })
    }
}

impl Shared {
    fn with_reader<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path, true)?;
                connection
                    .pragma_update(None, "cache_size", "-1024")
                    .map_err(|error| failure(&error, "pragma"))?;
                connection
            }
        };
        let result = work(&connection);
        // A connection that failed may have an inconsistent view of the file, so it is closed instead of reused.
        if !matches!(result, Err(StoreError::Unavailable(_))) {
            self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        result
    }

    fn read(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        self.with_reader(|connection| query(connection, statement, params))
    }
}

fn query(
    connection: &Connection,
    statement: &'static Statement,
    params: &[Value],
) -> Result<Vec<Row>, StoreError> {
    query_raw(connection, statement, params).map_err(|error| failure(&error, statement.name))
}

fn query_raw(
    connection: &Connection,
    statement: &'static Statement,
    params: &[Value],
) -> rusqlite::Result<Vec<Row>> {
    let mut prepared = connection.prepare_cached(statement.sqlite())?;
    let columns = prepared.column_count();
    let mut rows = prepared.query(rusqlite::params_from_iter(params))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            values.push(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(value) => Value::Int(value),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
                // The schema has no float columns; a float is read as NULL, so that the row counts as corrupt.
                ValueRef::Real(_) => Value::Null,
            });
        }
        out.push(Row::new(statement.name, values));
    }
    Ok(out)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let wrong = |error: rusqlite::Error| failure(&error, "migration");
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(wrong)?;
    let exists: bool = transaction
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'",
            [],
            |row| row.get::<_, i64>(0).map(|count| count > 0),
        )
        .map_err(wrong)?;
    let read = |name: &str| -> Result<i64, StoreError> {
        let text: String = transaction
            .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
            .map_err(wrong)?;
        text.parse().map_err(|_| StoreError::Corrupt { statement: "meta", column: 1 })
    };
    let state = if exists {
        SchemaState { version: read("schema_version")?, needs: read("schema_needs")? }
    } else {
        SchemaState { version: 0, needs: 0 }
    };
    for migration in migrate::missing(state)? {
        transaction.execute_batch(migration.sql).map_err(wrong)?;
        for (name, value) in
            [("schema_version", migration.version), ("schema_needs", migration.needs)]
        {
            transaction
                .execute(
                    "INSERT INTO meta (name, value) VALUES (?1, ?2) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (name, value.to_string()),
                )
                .map_err(wrong)?;
        }
    }
    transaction.commit().map_err(wrong)
}

/// Returns the schema as SQLite shows it after all migrations. It is committed to the repository, so that changes are
/// visible.
///
/// # Errors
/// [`StoreError`] if a migration fails.
pub fn schema_dump() -> Result<String, StoreError> {
    let wrong = |error: rusqlite::Error| failure(&error, "schema dump");
    let mut connection = Connection::open_in_memory().map_err(wrong)?;
    migrate(&mut connection)?;
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY tbl_name, type DESC, name")
        .map_err(wrong)?;
    let parts: Vec<String> = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect)
        .map_err(wrong)?;
    Ok(parts.into_iter().map(|part| part + ";\n").collect())
}
