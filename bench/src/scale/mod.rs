//! Questions to a store of sessions as it grows: the same ones at ten thousand sessions and at ten million, on both
//! databases, in this process. `cargo run --profile dist -p sojourn-bench -- scale [sqlite|postgresql] [sizes …]`;
//! `… -- scale postgresql plans [sizes …]` looks at how PostgreSQL finds the rows of every statement instead.

mod fill;
mod pages;
mod plans;
mod postgres;
mod questions;
mod rows;
mod sqlite;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sojourn_crypto::{MasterKey, PasswordPolicy};
use sojourn_engine::{Engine, EngineParts, Settings};
use sojourn_model::{Clock, Rng, Tenant};
use sojourn_server::letters::Writer;
use sojourn_server::outgoing::{Outgoing, OutgoingOptions};
use sojourn_server::{HashPool, SystemClock};
use sojourn_store::{PostgresOptions, SqliteOptions, Store};
use tokio::net::TcpListener;

use self::questions::Answer;

/// Sizes when none are named: those of continuous integration.
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];

struct SystemRandom;

impl Rng for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("randomness");
    }
}

/// The same master key at each opening: nothing here is secret.
struct Same;

impl Rng for Same {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// An installation in this process.
pub(super) struct Installation {
    pub(super) engine: Arc<Engine>,
    pub(super) tenant: Tenant,
}

impl Installation {
    async fn open(store: Store, base_url: &str) -> Self {
        let engine = Engine::new(EngineParts {
            store,
            master_keys: vec![MasterKey::generate(1, &Same)],
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRandom),
            offload: Arc::new(HashPool::default()),
            fetcher: Arc::new(Outgoing::new(OutgoingOptions::default())),
            letters: Arc::new(Writer::default()),
            settings: Settings {
                base_url: base_url.to_owned(),
                password: PasswordPolicy { memory_kib: 64, iterations: 1, lanes: 1 },
                ..Settings::default()
            },
        })
        .expect("an engine");
        let tenant = engine.bootstrap().await.expect("an installation");
        Self { engine: Arc::new(engine), tenant }
    }
}

/// Runs it; without databases named, on both.
pub(crate) async fn run(folder: &Path, args: &[String]) {
    let sizes: Vec<u64> = args.iter().filter_map(|arg| arg.replace('_', "").parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    for database in ["sqlite", "postgresql"] {
        if args.iter().any(|arg| arg.starts_with("sqlite") || arg.starts_with("postgres"))
            && !args.iter().any(|arg| arg == database)
        {
            continue;
        }
        let plans = args.iter().any(|arg| arg == "plans");
        if plans && database == "sqlite" {
            // A test of the store looks at its plans: they don't depend on how many rows there are.
            continue;
        }
        let mut columns: Vec<(u64, Vec<Answer>)> = Vec::new();
        for size in &sizes {
            let _ = std::fs::remove_dir_all(folder);
            std::fs::create_dir_all(folder).expect("a folder");
            let began = Instant::now();
            let now = SystemClock.now();
            let path = folder.join("sojourn.db");
            let url = match database {
                "sqlite" => String::new(),
                _ => sojourn_testkit::postgres::empty_database().await,
            };
            let open = async || match database {
                "sqlite" => Store::open_sqlite(&SqliteOptions::at(&path)).expect("opens"),
                _ => {
                    let options = PostgresOptions::new(url.clone(), 8);
                    Store::open_postgres(&options).await.expect("opens")
                }
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let base = format!("http://{}", listener.local_addr().expect("its address"));
            let first = Installation::open(open().await, &base).await;
            let plan = fill::prepare(&first, *size, now).await;
            first.engine.installation().close().await;
            drop(first);
            match database {
                "sqlite" => sqlite::fill(&path, &plan),
                _ => postgres::fill(&url, &plan).await,
            }
            eprintln!("{database}: {size} sessions after {:.0} s", began.elapsed().as_secs_f64());
            if plans {
                plans::look(&url).await;
                continue;
            }
            let pages = pages::load(Installation::open(open().await, &base).await, listener).await;
            let installation = Installation::open(open().await, &base).await;
            let mut answers = questions::ask(&installation, *size).await;
            answers.extend(pages);
            columns.push((*size, answers));
            installation.engine.installation().close().await;
            let _ = std::fs::remove_dir_all(folder);
        }
        print(database, &columns);
    }
}

fn print(database: &str, columns: &[(u64, Vec<Answer>)]) {
    println!("\n{database}, milliseconds at the median / 99th percentile\n");
    let head: Vec<String> = columns.iter().map(|(size, _)| format!(" {size} |")).collect();
    println!("| question |{} last / first |", head.concat());
    println!("|---|{}---|", "---|".repeat(columns.len()));
    let Some((_, first)) = columns.first() else { return };
    for (row, answer) in first.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, answers)| format!(" {:.2} / {:.2} |", answers[row].p50, answers[row].p99))
            .collect();
        let last = columns.last().map_or(0.0, |(_, answers)| answers[row].p50);
        println!("| {} |{} {:.1} |", answer.name, cells.concat(), last / answer.p50);
    }
    for (size, answers) in columns {
        if let Some(job) = answers.iter().find_map(|answer| answer.job.as_ref()) {
            println!("\n{size}: {job}");
        }
    }
}
