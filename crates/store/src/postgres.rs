//! PostgreSQL: any number of nodes share one database.
//!
//! The statements of a change set are pipelined, and `COMMIT` is sent only after every row count is checked: two round
//! trips. At READ COMMITTED the row locks in the statements provide what SQLite's single writer provides implicitly.

mod statistics;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::{
    ClientWrapper, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use futures_util::future::{join, join_all, join3};
use sojourn_model::{Applied, Outcome};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::compile::Steps;
use crate::dialect::{Statement, for_postgres};
use crate::error::StoreError;
use crate::gather::{self, Answer};
use crate::migrate::{self, SchemaState};
use crate::pauses::Pauses;
use crate::value::{Row, Value};

/// Key of the advisory lock that serializes the migrations of all nodes.
const MIGRATION_LOCK: i64 = 0x536f_6a6f_7572_6e01;

/// Address, pool size and timeouts of the database.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Connection string: `postgresql://…` or `host=… user=…`.
    pub url: String,
    /// Maximum number of connections.
    pub connections: usize,
    /// Timeouts of the operations.
    pub times: PostgresTimes,
}

impl PostgresOptions {
    /// Creates options with the default timeouts.
    #[must_use]
    pub fn new(url: impl Into<String>, connections: usize) -> Self {
        Self { url: url.into(), connections, times: PostgresTimes::default() }
    }
}

/// Timeouts of database operations, so that nothing waits for the database indefinitely.
#[derive(Debug, Clone, Copy)]
pub struct PostgresTimes {
    /// Time until a connection of the pool is free.
    pub wait: Duration,
    /// Time to establish a connection.
    pub connect: Duration,
    /// Time for one statement that reads, including its response.
    pub read: Duration,
    /// Time for a change set, including locks and responses.
    pub write: Duration,
    /// Time for the response to a commit. After that, its status is queried on another connection.
    pub commit: Duration,
    /// Time after which a peer that acknowledges nothing counts as gone.
    pub silence: Duration,
}

impl Default for PostgresTimes {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            wait: seconds(2),
            connect: seconds(1),
            read: seconds(5),
            write: seconds(20),
            commit: seconds(5),
            silence: seconds(5),
        }
    }
}

pub(crate) struct Postgres {
    pool: Pool,
    times: PostgresTimes,
    /// Connections that point reads share: each read sends its statement while others wait for their responses, so that
    /// under load one system call carries many. `None` until it is needed, and after a failure.
    shared: [Mutex<Option<Arc<ClientWrapper>>>; SHARED],
    turn: AtomicUsize,
    /// Held while a shared connection is opened: after an outage one reader opens it while the others wait.
    opening: tokio::sync::Mutex<()>,
}

/// Number of connections that point reads share. The database runs one statement at a time on each.
const SHARED: usize = 2;

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Blob(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::TEXT | Type::VARCHAR | Type::BYTEA)
    }

    to_sql_checked!();
}

fn failure(error: &tokio_postgres::Error, statement: &'static str) -> StoreError {
    match error.code() {
        Some(code) if *code == SqlState::DISK_FULL => StoreError::DiskFull,
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::ReadOnly,
        Some(code) => StoreError::Statement {
            statement,
            message: error
                .as_db_error()
                .map_or_else(|| code.code().to_owned(), |db| db.message().to_owned()),
        },
        None => StoreError::Unavailable(error.to_string()),
    }
}

fn cell(row: &tokio_postgres::Row, column: usize, ty: &Type) -> Option<Value> {
    Some(match *ty {
        Type::INT8 => row.try_get::<_, Option<i64>>(column).ok()?.into(),
        Type::INT4 => row.try_get::<_, Option<i32>>(column).ok()?.map(i64::from).into(),
        Type::TEXT | Type::VARCHAR => row.try_get::<_, Option<String>>(column).ok()?.into(),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column).ok()?.into(),
        _ => return None,
    })
}

fn to_rows(
    statement: &'static Statement,
    rows: &[tokio_postgres::Row],
) -> Result<Vec<Row>, StoreError> {
    rows.iter()
        .map(|row| {
            let values = row
                .columns()
                .iter()
                .enumerate()
                .map(|(index, column)| {
                    cell(row, index, column.type_())
                        .ok_or(StoreError::Corrupt { statement: statement.name, column: index + 1 })
                })
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Row::new(statement.name, values))
        })
        .collect()
}

fn references(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Postgres {
    /// Returns the state of the pool, without the connections that point reads share.
    pub(crate) fn pool(&self) -> crate::Pool {
        let status = self.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        crate::Pool { in_use, idle: status.available, waiting: status.waiting }
    }

    pub(crate) async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let mut config: tokio_postgres::Config = options.url.parse().map_err(|error| {
            StoreError::Unavailable(format!("the database address is not understood: {error}"))
        })?;
        // Every statement has its index, and small tables grow: sequential scans are disabled, so that there is one
        // plan for both.
        if config.get_options().is_none() {
            config.options(server_settings(&options.times));
        }
        let times = options.times;
        config.connect_timeout(times.connect);
        config.tcp_user_timeout(times.silence);
        config.keepalives_idle(Duration::from_secs(2));
        config.keepalives_interval(Duration::from_secs(1));
        config.keepalives_retries(3);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if config.get_ssl_mode() == tokio_postgres::config::SslMode::Disable {
            Manager::from_config(config, tokio_postgres::NoTls, recycling)
        } else {
            use rustls_platform_verifier::BuilderVerifierExt as _;
            let tls = rustls::ClientConfig::builder()
                .with_platform_verifier()
                .map_err(|error| StoreError::Unavailable(error.to_string()))?
                .with_no_client_auth();
            let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
            Manager::from_config(config, tls, recycling)
        };
        let pool = Pool::builder(manager)
            .max_size(options.connections.saturating_sub(SHARED).max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(times.wait))
            // Connecting, and the setup before the first statement.
            .create_timeout(Some(times.connect * 2))
            .recycle_timeout(Some(times.connect))
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let postgres = Self {
            pool,
            times,
            shared: Default::default(),
            turn: AtomicUsize::new(0),
            opening: tokio::sync::Mutex::default(),
        };
        postgres.migrate().await?;
        Ok(postgres)
    }

    async fn client(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let wrong = |error: tokio_postgres::Error| failure(&error, "migration");
        let transaction = client.transaction().await.map_err(wrong)?;
        // Another node may be running the migrations, and a table may be large.
        transaction.batch_execute(NO_LIMITS).await.map_err(wrong)?;
        transaction
            .execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK])
            .await
            .map_err(wrong)?;
        let exists = transaction
            .query_one("SELECT to_regclass('meta') IS NOT NULL", &[])
            .await
            .and_then(|row| row.try_get::<_, bool>(0))
            .map_err(wrong)?;
        let mut state = SchemaState { version: 0, needs: 0 };
        if exists {
            for row in transaction
                .query("SELECT name, value FROM meta WHERE name LIKE 'schema\\_%'", &[])
                .await
                .map_err(wrong)?
            {
                let name: String = row.try_get(0).map_err(wrong)?;
                let value: String = row.try_get(1).map_err(wrong)?;
                let value = value
                    .parse()
                    .map_err(|_| StoreError::Corrupt { statement: "meta", column: 2 })?;
                match name.as_str() {
                    "schema_version" => state.version = value,
                    "schema_needs" => state.needs = value,
                    _ => {}
                }
            }
        }
        for migration in migrate::missing(state)? {
            transaction.batch_execute(&for_postgres(migration.sql)).await.map_err(wrong)?;
            for (name, value) in
                [("schema_version", migration.version), ("schema_needs", migration.needs)]
            {
                transaction
                    .execute(
                        "INSERT INTO meta (name, value) VALUES ($1, $2) \
                         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                        &[&name, &value.to_string()],
                    )
                    .await
                    .map_err(wrong)?;
            }
        }
        transaction.commit().await.map_err(wrong)
    }

    pub(crate) async fn apply(&self, steps: Steps, pauses: Pauses) -> Result<Outcome, StoreError> {
        let (pool, times) = (self.pool.clone(), self.times);
        // A separate task, because a caller that is dropped must not leave a transaction open.
        tokio::spawn(async move { apply_on(&pool, &times, steps, pauses).await })
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    pub(crate) async fn read(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client().await?;
        let read = async {
            let prepared = client.prepare_cached(statement.postgres()).await?;
            client.query(&prepared, &references(params)).await
        };
        let read = tokio::time::timeout(self.times.read, read).await;
        match read {
            Ok(Ok(rows)) => to_rows(statement, &rows),
            Ok(Err(error)) => Err(failure(&error, statement.name)),
            Err(_) => {
                // The response may still arrive, so the connection is not reused.
                drop(Object::take(client));
                Err(too_long(statement.name))
            }
        }
    }

    /// Runs a point read on a connection that is shared with other reads.
    pub(crate) async fn read_point(
        &self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % SHARED;
        let Some(slot) = self.shared.get(turn) else { return self.read(statement, params).await };
        let held = |slot: &Mutex<Option<Arc<ClientWrapper>>>| {
            let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
            held.take_if(|client| client.is_closed());
            held.clone()
        };
        let client = match held(slot) {
            Some(client) => client,
            None => {
                let _opening = self.opening.lock().await;
                match held(slot) {
                    Some(client) => client,
                    None => {
                        // Removed from the pool, so that it is never given to a caller that needs an exclusive
                        // connection.
                        let fresh = Arc::new(Object::take(self.client().await?));
                        let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
                        *held = Some(Arc::clone(&fresh));
                        fresh
                    }
                }
            }
        };
        let read = async {
            let prepared = client.prepare_cached(statement.postgres()).await?;
            client.query(&prepared, &references(params)).await
        };
        match tokio::time::timeout(self.times.read, read).await {
            Ok(Ok(rows)) => to_rows(statement, &rows),
            Ok(Err(error)) => Err(failure(&error, statement.name)),
            Err(_) => {
                // Other reads that wait on it time out as well; no new read starts on it.
                let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
                if held.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &client)) {
                    *held = None;
                }
                Err(too_long(statement.name))
            }
        }
    }

    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        self.read(&crate::sql::operation::META_GET, &[Value::from("schema_version")]).await?;
        Ok(())
    }

    pub(crate) async fn prepare(&self, statement: &'static Statement) -> Result<(), StoreError> {
        let client = self.client().await?;
        client
            .prepare(statement.postgres())
            .await
            .map(drop)
            .map_err(|error| failure(&error, statement.name))
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// Returns the settings of the server connection: one plan for each statement, and timeouts by which the server gives
/// up a statement shortly after its caller.
fn server_settings(times: &PostgresTimes) -> String {
    let write = times.write.as_millis();
    format!(
        "-c enable_seqscan=off -c statement_timeout={write} -c lock_timeout={write} \
         -c idle_in_transaction_session_timeout={write}"
    )
}

/// Disables the timeouts of a transaction, for migrations and statistics.
const NO_LIMITS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0";

fn too_long(what: &str) -> StoreError {
    StoreError::Unavailable(format!("the database took too long for {what}"))
}

/// Applies a change set within its timeout. After that the connection is closed, and the database rolls back.
async fn apply_on(
    pool: &Pool,
    times: &PostgresTimes,
    steps: Steps,
    pauses: Pauses,
) -> Result<Outcome, StoreError> {
    let client = pool.get().await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let run = tokio::time::timeout(times.write, run_on(&client, &steps, &pauses)).await;
    let Ok(ran) = run else {
        drop(Object::take(client));
        return Err(too_long("a change"));
    };
    match ran {
        Ok((number, Outcome::Applied(applied))) => {
            let commit = tokio::time::timeout(times.commit, client.batch_execute("COMMIT"));
            let lost = match commit.await {
                Ok(Ok(())) => return Ok(Outcome::Applied(applied)),
                Ok(Err(error)) if error.code().is_some() => {
                    drop(Object::take(client));
                    return Err(failure(&error, "COMMIT"));
                }
                Ok(Err(_)) | Err(_) => client,
            };
            drop(Object::take(lost));
            let resolved = tokio::time::timeout(times.commit, resolve(pool, &number, applied));
            resolved.await.unwrap_or(Err(StoreError::Unknown))
        }
        Ok((_, outcome)) => {
            roll_back(client, times).await;
            Ok(outcome)
        }
        Err(error) => {
            roll_back(client, times).await;
            Err(error)
        }
    }
}

/// Sends all statements of a change set and checks their results; the transaction stays open. Also returns the id of
/// the transaction.
async fn run_on(
    client: &Object,
    steps: &Steps,
    pauses: &Pauses,
) -> Result<(String, Outcome), StoreError> {
    let mut prepared = Vec::with_capacity(steps.list.len());
    for step in &steps.list {
        prepared.push(
            client
                .prepare_cached(step.statement.postgres())
                .await
                .map_err(|error| failure(&error, step.statement.name))?,
        );
    }
    let transaction_id = client
        .prepare_cached("SELECT CAST(pg_current_xact_id() AS TEXT)")
        .await
        .map_err(|error| failure(&error, "transaction id"))?;
    let begin = client.batch_execute("BEGIN");
    let number = client.query_one(&transaction_id, &[]);
    let statements = steps.list.iter().zip(&prepared);
    let statements = statements.map(|(step, prepared)| run_step(client, step, prepared));
    let (begun, number, ran) = if pauses.are_wanted() {
        let (begun, number) = join(begin, number).await;
        let mut ran = Vec::with_capacity(steps.list.len());
        for (statement, step) in statements.zip(&steps.list) {
            pauses.before(step.statement.name).await;
            ran.push(statement.await);
        }
        (begun, number, ran)
    } else {
        join3(begin, number, join_all(statements)).await
    };
    let number = begun
        .and(number)
        .and_then(|row| row.try_get::<_, String>(0))
        .map_err(|error| failure(&error, "BEGIN"))?;
    Ok((number, check(steps, ran)?))
}

async fn run_step(
    client: &Object,
    step: &crate::compile::Step,
    prepared: &tokio_postgres::Statement,
) -> Result<(u64, Vec<tokio_postgres::Row>), tokio_postgres::Error> {
    let params = references(&step.params);
    if step.statement.returns_rows() {
        let rows = client.query(prepared, &params).await?;
        Ok((rows.len() as u64, rows))
    } else {
        Ok((client.execute(prepared, &params).await?, Vec::new()))
    }
}

type Ran = Vec<Result<(u64, Vec<tokio_postgres::Row>), tokio_postgres::Error>>;

fn check(steps: &Steps, ran: Ran) -> Result<Outcome, StoreError> {
    let mut applied = Applied::default();
    for (step, result) in steps.list.iter().zip(ran) {
        let (count, rows) = match result {
            Ok(answer) => answer,
            Err(error) => {
                return match error.code() {
                    Some(code) if *code == SqlState::UNIQUE_VIOLATION => Ok(Outcome::Duplicate),
                    // Two change sets blocked each other: the caller reads again and decides again.
                    Some(code)
                        if *code == SqlState::T_R_DEADLOCK_DETECTED
                            || *code == SqlState::LOCK_NOT_AVAILABLE
                            || *code == SqlState::T_R_SERIALIZATION_FAILURE =>
                    {
                        Ok(Outcome::Conflict)
                    }
                    _ => Err(failure(&error, step.statement.name)),
                };
            }
        };
        if let Some(outcome) = gather::unexpected(step, count) {
            return Ok(outcome);
        }
        let rows = to_rows(step.statement, &rows)?;
        gather::add(&mut applied, step, Answer { count, rows })?;
    }
    Ok(Outcome::Applied(applied))
}

async fn roll_back(client: Object, times: &PostgresTimes) {
    let rolled = tokio::time::timeout(times.commit, client.batch_execute("ROLLBACK")).await;
    if !matches!(rolled, Ok(Ok(()))) {
        // The state of the connection is unknown, so it is not reused.
        drop(Object::take(client));
    }
}

/// Queries the status of a transaction after the response to its commit was lost; the database keeps it.
async fn resolve(pool: &Pool, number: &str, applied: Applied) -> Result<Outcome, StoreError> {
    let Ok(client) = pool.get().await else { return Err(StoreError::Unknown) };
    let status = client
        .query_one("SELECT pg_xact_status(CAST(CAST($1 AS TEXT) AS xid8))", &[&number])
        .await
        .and_then(|row| row.try_get::<_, Option<String>>(0));
    match status.as_ref().map(Option::as_deref) {
        Ok(Some("committed")) => Ok(Outcome::Applied(applied)),
        Ok(Some("aborted")) => Err(StoreError::Unavailable("the connection was lost".into())),
        _ => Err(StoreError::Unknown),
    }
}
