//! Ending sessions: the call, an introspection that must say so, and the logout token at its application.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::client::{Connection, Target, bare, post};
use crate::load::{CONNECTIONS, Cost, percentile};
use crate::log::LogMeter;
use crate::measure::cpu_ns;
use crate::operations::{basic, code_flow};
use crate::seed;

pub(crate) type Told = Arc<AtomicU64>;

/// Ends with all connections at once.
const TOGETHER: u64 = 4_480;
/// Ends one after the other.
const ALONE: u64 = 500;

/// What ends cost, and how soon tokens were dead.
pub(crate) struct Ends {
    pub(crate) together: Cost,
    pub(crate) alone: Cost,
    /// Bytes of SQLite's log for each end: together, one after the other.
    pub(crate) log: Option<(f64, f64)>,
    /// Milliseconds of the introspection after each end, one after the other; sorted.
    pub(crate) inactive: Vec<f64>,
}

/// A session with a token of its own.
struct Stay {
    session: u64,
    token: String,
}

/// Two warm connections: one for ends, one for introspections.
struct Caller {
    ends: Connection,
    asks: Connection,
    bearer: String,
    answered: Vec<f64>,
    inactive: Vec<f64>,
}

impl Ends {
    pub(crate) fn count(&self) -> u64 {
        TOGETHER + ALONE
    }

    /// Ends sessions. After the last byte of each answer the token must be inactive, else the run is void.
    pub(crate) async fn measure(
        target: &Target,
        pid: u32,
        database: &Database,
        told: &Told,
    ) -> Result<Self, String> {
        let mut callers = Vec::new();
        for _ in 0..CONNECTIONS {
            callers.push(Caller::new(target).await);
        }
        let mut newest = seed::USERS;
        let (callers, shares) = prepared(callers, TOGETHER / CONNECTIONS, &mut newest).await;
        let ((together, log), callers) = phase(callers, shares, pid, database, told).await?;
        let mut one: Vec<Caller> = callers.into_iter().take(1).collect();
        for caller in &mut one {
            caller.inactive.clear();
        }
        let (one, shares) = prepared(one, ALONE, &mut newest).await;
        let ((alone, log_alone), mut one) = phase(one, shares, pid, database, told).await?;
        let mut inactive = one.pop().map(|caller| caller.inactive).unwrap_or_default();
        inactive.sort_by(f64::total_cmp);
        Ok(Self { together, alone, log: log.zip(log_alone), inactive })
    }
}

/// Gives each caller `each` sessions with a token. They are prepared in parallel, so that no connection is idle long enough for
/// the server to close it.
async fn prepared(
    callers: Vec<Caller>,
    each: u64,
    newest: &mut u64,
) -> (Vec<Caller>, Vec<Vec<Stay>>) {
    let running: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            *newest -= each;
            let sessions = *newest..*newest + each;
            tokio::spawn(async move {
                let mut stays = Vec::new();
                for session in sessions {
                    stays.push(caller.stay(session).await);
                }
                (caller, stays)
            })
        })
        .collect();
    let mut all = (Vec::new(), Vec::new());
    for running in running {
        let (caller, stays) = running.await.expect("a caller is ready");
        all.0.push(caller);
        all.1.push(stays);
    }
    all
}

async fn phase(
    callers: Vec<Caller>,
    shares: Vec<Vec<Stay>>,
    pid: u32,
    database: &Database,
    told: &Told,
) -> Result<((Cost, Option<f64>), Vec<Caller>), String> {
    let count: u64 = shares.iter().map(|stays| stays.len() as u64).sum();
    let before = told.load(Ordering::Relaxed);
    let meter = match database {
        Database::Sqlite(path) => Some(LogMeter::start(path)),
        Database::Postgres(_) => None,
    };
    let cpu = cpu_ns(pid);
    let began = Instant::now();
    let running: Vec<_> = callers
        .into_iter()
        .zip(shares)
        .map(|(caller, stays)| tokio::spawn(caller.end_all(stays)))
        .collect();
    let mut back = Vec::new();
    for running in running {
        back.push(running.await.expect("a caller ends")?);
    }
    let seconds = began.elapsed().as_secs_f64();
    while told.load(Ordering::Relaxed) - before < count || waiting(database).await > 0 {
        if began.elapsed() > Duration::from_secs(120) {
            return Err("not every application was told".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cpu_ms = (cpu_ns(pid) - cpu) as f64 / 1e6 / count as f64;
    let mut answered: Vec<f64> =
        back.iter_mut().flat_map(|caller| std::mem::take(&mut caller.answered)).collect();
    answered.sort_by(f64::total_cmp);
    let cost = Cost {
        per_second: count as f64 / seconds,
        cpu_ms,
        p50_ms: percentile(&answered, 0.5),
        p99_ms: percentile(&answered, 0.99),
    };
    let log = meter.map(|meter| meter.bytes() as f64 / count as f64);
    Ok(((cost, log), back))
}

/// Where the server keeps its data.
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

/// Deliveries whose receipt isn't written yet, read past the server.
async fn waiting(database: &Database) -> i64 {
    let sql = "SELECT count(*) FROM delivery WHERE state = 'pending'";
    match database {
        Database::Sqlite(path) => {
            let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
            let connection = rusqlite::Connection::open_with_flags(path, flags).expect("opens");
            connection.query_row(sql, [], |row| row.get(0)).expect("a count")
        }
        Database::Postgres(url) => {
            let client = crate::postgres::connect(url).await;
            client.query_one(sql, &[]).await.expect("a count").get(0)
        }
    }
}

impl Caller {
    async fn new(target: &Target) -> Self {
        let mut ends = Connection::open(target).await;
        let form = [("grant_type", "client_credentials")];
        let machine = ends.send(&post("/oauth2/token", &basic("machine"), &form)).await.json();
        let machine = machine["access_token"].as_str().expect("a token").to_owned();
        Self {
            ends,
            asks: Connection::open(target).await,
            bearer: format!("authorization: Bearer {machine}\r\n"),
            answered: Vec::new(),
            inactive: Vec::new(),
        }
    }

    async fn stay(&mut self, session: u64) -> Stay {
        let answer = code_flow(&mut self.asks, "rs256", session).await;
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        Stay { session, token }
    }

    async fn end_all(mut self, stays: Vec<Stay>) -> Result<Self, String> {
        for stay in stays {
            let user = uuid_text(&seed::bytes::<16>("user", stay.session));
            let id = sojourn_model::ids::hex(&seed::bytes::<32>("session", stay.session));
            let path = format!("/api/users/v1/{user}/sessions/{id}");
            let began = Instant::now();
            let answer = self.ends.send(&bare("DELETE", &path, &self.bearer)).await;
            self.answered.push(began.elapsed().as_secs_f64() * 1e3);
            if answer.status != 204 {
                return Err(format!("an end was answered {}", answer.status));
            }
            let began = Instant::now();
            let form = [("token", &*stay.token)];
            let answer = self.asks.send(&post("/oauth2/introspect", &basic("rs256"), &form)).await;
            self.inactive.push(began.elapsed().as_secs_f64() * 1e3);
            if answer.body != b"{\"active\":false}" {
                return Err("a token lived on after its end was answered".into());
            }
        }
        Ok(self)
    }
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let hex = sojourn_model::ids::hex(bytes);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}
