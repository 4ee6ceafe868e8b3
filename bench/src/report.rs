//! One whole run, and its table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post as route_post;

use crate::SERVER_CORE;
use crate::client::{Connection, Target, bare, post};
use crate::ends::{Database, Ends, Told};
use crate::load::{CONNECTIONS, Cost, measure, percentile};

use crate::measure::{DATABASE, cpu_ns, load_average, memory_kib, unit};
use crate::operations::Kind;
use crate::passkey::GIVE_PASSWORD;
use crate::seed;
use crate::server::{INBOX_PORT, PORT, Server, TLS_PORT, write_config};

/// Name, operation, what it may cost in units, what it is meant to cost.
const TABLE: &[(&str, Kind, f64, f64)] = &[
    ("code flow, RS256", Kind::CodeFlow("rs256"), 1.9, 1.6),
    ("code flow, ES256", Kind::CodeFlow("es256"), 1.0, 0.7),
    ("refresh with rotation, RS256", Kind::Refresh, 1.6, 1.4),
    ("introspection", Kind::Introspect, 0.18, 0.15),
    ("userinfo", Kind::Userinfo, 0.18, 0.15),
    ("client credentials", Kind::ClientCredentials, 0.25, 0.25),
    ("page and passkey", Kind::Passkey, 1.5, 1.5),
    ("SAML sign-on, RS256", Kind::Saml("https://sp.test/rs256"), 1.9, 1.5),
    ("SAML sign-on, ES256", Kind::Saml("https://sp.test/es256"), 0.9, 0.9),
];
const END_MUST: f64 = 4.0;

async fn inbox() -> Told {
    let told = Told::default();
    let router = Router::new()
        .route(
            "/bclogout",
            route_post(|State(told): State<Told>| async move {
                told.fetch_add(1, Ordering::Relaxed);
            }),
        )
        .with_state(Arc::clone(&told));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", INBOX_PORT)).await.expect("a port");
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
    told
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

struct Units(Vec<f64>);

impl Units {
    fn take(&mut self) {
        self.0.push(unit());
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    fn spread(&self) -> f64 {
        let most = self.0.iter().copied().fold(f64::MIN, f64::max);
        let least = self.0.iter().copied().fold(f64::MAX, f64::min);
        most / least - 1.0
    }
}

pub(crate) async fn run(folder: &Path, only: Option<&str>) -> Result<(), String> {
    let wanted = |name: &str| only.is_none_or(|part| name.contains(part));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).expect("a folder");
    write_config(folder);
    let plain = Target::plain(PORT);
    println!("load average at the start: {}", load_average());
    let first = Server::start(folder, "plain.toml", &plain).await;
    println!("first start, keys made: {:.0} ms", first.ready_ms);
    first.stop();
    eprintln!("filling the database …");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64;
    seed::fill(&folder.join("data/sojourn.db"), now);
    let database = rusqlite::Connection::open(folder.join("data/sojourn.db")).expect("opens");
    database.execute(GIVE_PASSWORD, []).expect("passwords");
    drop(database);

    let told = inbox().await;
    let mut units = Units(Vec::new());
    units.take();
    let mut starts = Vec::new();
    for _ in 0..4 {
        let server = Server::start(folder, "plain.toml", &plain).await;
        starts.push(server.ready_ms);
        server.stop();
    }
    starts.sort_by(f64::total_cmp);
    let server = Server::start(folder, "plain.toml", &plain).await;
    println!(
        "ready on {} users and {} grants: {:.1} ms (median of {}; must 50)",
        seed::USERS,
        seed::GRANTS,
        percentile(&starts, 0.5),
        starts.len()
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = memory_kib(server.pid(), "VmRSS");
    println!("memory 10 s after ready: {:.1} MiB (must 25)", mib(idle));

    let mut rows = Vec::new();
    let mut next = 0;
    for (name, kind, must, goal) in TABLE.iter().filter(|row| wanted(row.0)) {
        eprintln!("{name} …");
        let cost = measure(&plain, server.pid(), *kind, next, Duration::from_secs(6)).await;
        next += 100;
        units.take();
        rows.push((*name, cost, *must, *goal));
    }
    eprintln!("ends …");
    let database = Database::Sqlite(folder.join("data/sojourn.db"));
    let ends = Ends::measure(&plain, server.pid(), &database, &told).await?;
    units.take();
    sign_ins(&plain).await;
    println!(
        "memory after 200 sign-ins and the load: {:.1} MiB, peak {:.1} MiB",
        mib(memory_kib(server.pid(), "VmRSS")),
        mib(memory_kib(server.pid(), "VmHWM"))
    );
    server.stop();

    crate::server::make_certificate(folder);
    let tls = Target::tls(TLS_PORT, &folder.join("data/tls/ca.pem"));
    let server = Server::start(folder, "tls.toml", &tls).await;
    let mut tls_rows = Vec::new();
    for (name, kind, _, _) in TABLE.iter().filter(|row| wanted(row.0)) {
        eprintln!("{name}, TLS …");
        let cost = measure(&tls, server.pid(), *kind, next, Duration::from_secs(3)).await;
        next += 100;
        tls_rows.push(cost);
    }
    let handshakes = handshakes(&tls, server.pid()).await;
    server.stop();
    units.take();
    print_table(&units, &rows, &tls_rows, &ends);
    println!(
        "a TLS handshake: {:.4} CPU-ms; one that resumes an earlier session: {:.4}",
        handshakes.0, handshakes.1
    );
    steady(&units)
}

fn steady(units: &Units) -> Result<(), String> {
    if units.spread() > 0.15 {
        return Err(format!("the unit moved by {:.0} % within the run", units.spread() * 100.0));
    }
    Ok(())
}

/// Processor time of a handshake with one request, in milliseconds: a whole one, and one that resumes. The request's share
/// is taken off.
async fn handshakes(target: &Target, pid: u32) -> (f64, f64) {
    const TIMES: u32 = 1_000;
    let ask = bare("GET", "/health/live", "");
    let spent = async |target: &Target, kept: bool| {
        let mut connection = Connection::open(target).await;
        connection.send(&ask).await;
        let before = cpu_ns(pid);
        for _ in 0..TIMES {
            if !kept {
                connection = Connection::open(target).await;
            }
            connection.send(&ask).await;
        }
        (cpu_ns(pid) - before) as f64 / f64::from(TIMES) / 1e6
    };
    let request = spent(target, true).await;
    (spent(&target.forgetful(), false).await - request, spent(target, false).await - request)
}

/// The same operations over PostgreSQL, which keeps what it says: its processor time is counted in.
pub(crate) async fn run_postgres(folder: &Path, only: Option<&str>) -> Result<(), String> {
    let wanted = |name: &str| only.is_none_or(|part| name.contains(part));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).expect("a folder");
    let cluster =
        sojourn_testkit::postgres::start("-c fsync=on", &format!("taskset -c {SERVER_CORE}"));
    DATABASE.set(cluster.process()).expect("the first one");
    let url = cluster.url();
    crate::server::write_postgres_config(folder, &url);
    crate::server::make_master_key(folder);
    crate::server::make_certificate(folder);
    let plain = Target::plain(PORT);
    println!("load average at the start: {}", load_average());
    Server::start(folder, "plain.toml", &plain).await.stop();
    crate::postgres::fill(&url).await;
    let client = crate::postgres::connect(&url).await;
    client.execute(GIVE_PASSWORD, &[]).await.expect("passwords");
    drop(client);
    let told = inbox().await;
    let mut units = Units(Vec::new());
    units.take();
    let server = Server::start(folder, "plain.toml", &plain).await;
    let (mut rows, mut next) = (Vec::new(), 0);
    for (name, kind, must, goal) in TABLE.iter().filter(|row| wanted(row.0)) {
        eprintln!("{name} …");
        let cost = measure(&plain, server.pid(), *kind, next, Duration::from_secs(6)).await;
        next += 100;
        units.take();
        rows.push((*name, cost, *must, *goal));
    }
    eprintln!("ends …");
    let database = Database::Postgres(url);
    let ends = Ends::measure(&plain, server.pid(), &database, &told).await?;
    server.stop();
    let tls = Target::tls(TLS_PORT, &folder.join("data/tls/ca.pem"));
    let server = Server::start(folder, "tls.toml", &tls).await;
    let mut tls_rows = Vec::new();
    for (name, kind, _, _) in TABLE.iter().filter(|row| wanted(row.0)) {
        eprintln!("{name}, TLS …");
        let cost = measure(&tls, server.pid(), *kind, next, Duration::from_secs(3)).await;
        next += 100;
        tls_rows.push(cost);
    }
    server.stop();
    units.take();
    print_table(&units, &rows, &tls_rows, &ends);
    steady(&units)
}

async fn sign_ins(target: &Target) {
    let origin = format!("http://localhost:{PORT}");
    for _ in 0..200 {
        let mut connection = Connection::open(target).await;
        let page = connection.send(&bare("GET", "/login", "")).await;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        let field = |name: &str| {
            let start = format!("name=\"{name}\" value=\"");
            let rest = text.split_once(&start).map(|(_, rest)| rest).unwrap_or_default();
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let cookie = page.header("set-cookie").unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default();
        let headers = format!("cookie: {cookie}\r\norigin: {origin}\r\n");
        let (csrf, ticket) = (field("csrf"), field("ticket"));
        let form =
            [("csrf", &*csrf), ("ticket", &*ticket), ("username", "alex"), ("password", "alex123")];
        let answer = connection.send(&post("/login", &headers, &form)).await;
        assert_eq!(answer.status, 303, "{}", answer.head);
    }
}

fn print_table(units: &Units, rows: &[(&str, Cost, f64, f64)], tls: &[Cost], ends: &Ends) {
    let unit = units.mean();
    let shown: Vec<String> = units.0.iter().map(|unit| format!("{unit:.4}")).collect();
    println!(
        "unit (one RS256 signature): {unit:.4} CPU-ms, spread {:.1} % of {}",
        units.spread() * 100.0,
        shown.join(" ")
    );
    println!();
    println!(
        "| operation | units | must (goal) | | CPU-ms | ops/s | p50 ms | p99 ms | TLS: CPU-ms | ops/s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for ((name, cost, must, goal), tls) in rows.iter().zip(tls) {
        let units = cost.cpu_ms / unit;
        let verdict = verdict(units, *must, *goal);
        println!(
            "| {name} | {units:.3} | {must} ({goal}) | {verdict} | {:.4} | {:.0} | {:.2} | {:.2} | {:.4} | {:.0} |",
            cost.cpu_ms, cost.per_second, cost.p50_ms, cost.p99_ms, tls.cpu_ms, tls.per_second
        );
    }
    let units = ends.together.cpu_ms / unit;
    println!(
        "| end, with introspection and delivery | {units:.3} | {END_MUST} | {} | {:.4} | {:.0} | {:.2} | {:.2} | | |",
        if units <= END_MUST { "must" } else { "MISSED" },
        ends.together.cpu_ms,
        ends.together.per_second,
        ends.together.p50_ms,
        ends.together.p99_ms
    );
    println!(
        "| the same, one after the other | {:.3} | | | {:.4} | | {:.2} | {:.2} | | |",
        ends.alone.cpu_ms / unit,
        ends.alone.cpu_ms,
        ends.alone.p50_ms,
        ends.alone.p99_ms
    );
    println!();
    println!(
        "{} ends: each token was inactive right after the answer; one after the other, that \
         introspection took {:.3} ms in the median (must 1), {:.3} at p99",
        ends.count(),
        percentile(&ends.inactive, 0.5),
        percentile(&ends.inactive, 0.99)
    );
    if let Some((together, alone)) = ends.log {
        println!(
            "an end writes {:.1} kB of log at {CONNECTIONS} connections, {:.1} kB alone",
            together / 1e3,
            alone / 1e3
        );
    }
}

fn verdict(units: f64, must: f64, goal: f64) -> &'static str {
    if units <= goal {
        "goal"
    } else if units <= must {
        "must"
    } else {
        "MISSED"
    }
}
