//! SQLite: one writer thread that commits waiting change sets together, readers of their own.
//!
//! What is promised after a power loss rests on `synchronous=FULL` with a write-ahead log: each
//! group's commit is flushed before any of its callers is answered.

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

/// Where and how the embedded database is kept.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file.
    pub path: PathBuf,
    /// Milliseconds between two checkpoints of the write-ahead log.
    pub checkpoint_every_ms: u64,
}

impl SqliteOptions {
    /// The usual options for a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), checkpoint_every_ms: 1_000 }
    }
}

struct Shared {
    path: PathBuf,
    idle_readers: Mutex<Vec<Connection>>,
    healthy: AtomicBool,
    /// Pages in the write-ahead log when the checkpoint beside the writer last looked.
    log_pages: AtomicU64,
}

pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    /// As the writer's connection reported them when it was opened.
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
    // Without it every statement is parsed and planned anew at each use, because the planner would look
    // at the bound values. One plan for each statement is what the tests look at, too.
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
        // A log that starts over is written in place, which costs less than growing it anew.
        ("journal_size_limit", writer::WAL_BYTES_KEPT),
        // At the end of a transaction that moved pages, SQLite looks through all of the cache (it borrows the number of a
        // page that lies beyond the file): a large cache costs each commit a fifth of a millisecond.
        ("cache_size", "-16384"),
        // A large end touches some ten thousand pages in one transaction, more than the cache has: none is written twice.
        ("cache_spill", "OFF"),
        ("temp_store", "MEMORY"),
        ("trusted_schema", "OFF"),
    ] {
        connection.pragma_update(None, name, value).map_err(|error| failure(&error, "pragma"))?;
    }
    Ok(connection)
}

/// The settings that durability rests on, as the connection reports them: journal mode and
/// synchronous level (2 is FULL).
fn durability(connection: &Connection) -> rusqlite::Result<(String, i64)> {
    let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let level = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    Ok((mode, level))
}

impl Sqlite {
    /// Change sets that wait for the writer.
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
        // A connection that failed may hold a damaged view; it is closed instead of kept.
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
                // No column of ours is a float; reading one as NULL makes the row corrupt.
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

/// The schema as SQLite shows it after every migration; committed, so that a change is seen.
///
/// # Errors
/// [`StoreError`] when a migration fails.
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
