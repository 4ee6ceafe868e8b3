//! Embeds the engine, signs a user in, and ends every session of a browser: what `POST /api/sessions/v1/end` and
//! `sojourn sessions end` do, in Rust. `cargo run -p sojourn-server --example end_sessions`.

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::error::Error;
use std::sync::Arc;

use sojourn_crypto::{MasterKey, SystemRng};
use sojourn_engine::directory::NewUser;
use sojourn_engine::ending::{EndAnswer, EndRequest, EndTargets};
use sojourn_engine::sign_in::{Credentials, Visit};
use sojourn_engine::{Authority, Engine, EngineParts, Settings, ensure_master_key};
use sojourn_server::letters::Writer;
use sojourn_server::outgoing::{Outgoing, OutgoingOptions};
use sojourn_server::{HashPool, SystemClock};
use sojourn_store::{SqliteOptions, Store};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = std::env::temp_dir().join(format!("sojourn-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let store = Store::open_sqlite(&SqliteOptions::at(folder.join("sojourn.db")))?;
    // A real installation keeps its master key in a file, apart from the database.
    let master_keys = vec![MasterKey::generate(1, &SystemRng)];
    ensure_master_key(&store, &master_keys).await?;
    let engine = Engine::new(EngineParts {
        store,
        master_keys,
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        offload: Arc::new(HashPool::default()),
        fetcher: Arc::new(Outgoing::new(OutgoingOptions::default())),
        letters: Arc::new(Writer::default()),
        settings: Settings::default(),
    })?;
    let tenant = engine.bootstrap().await?;
    let operator = Authority::operator();

    let user = NewUser {
        username: "alex".into(),
        password: Some("a password of several words".into()),
        ..NewUser::default()
    };
    engine.add_user(&tenant, user, &operator).await?;
    let typed = Credentials::new("alex", "a password of several words");
    let visit = Visit { ip: "192.0.2.1".into(), user_agent: FIREFOX.into(), ..Visit::default() };
    let signed_in = engine.sign_in(&tenant, &typed, &visit).await?;
    println!("alex is signed in: session {}", signed_in.session.id);

    // Who asks is part of the request: sessions of users with more rights than theirs are spared.
    let targets = EndTargets::Query("browser eq Firefox".into());
    let mut request = EndRequest::new(targets, operator);
    let forecast = engine.preview(&tenant, &request).await?;
    println!("{} sessions would end", forecast.summary.sessions);
    request.expected_at_most = Some(forecast.summary.sessions);
    match engine.end(&tenant, &request).await? {
        EndAnswer::Ended { summary, .. } => println!("{} sessions ended", summary.sessions),
        EndAnswer::Job(job) => println!("the job {} ends them", job.id),
        EndAnswer::Again(answer) => println!("answered before: {answer}"),
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
