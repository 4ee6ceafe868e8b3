//! The promise, against the clock: two nodes, every kind of end, pauses at every statement. A minute on each database;
//! `SOJOURN_HISTORY_SECONDS` makes it longer (`make history`: an hour).

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "how long it runs is the caller's, who is told what was done"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sojourn_engine::Authority;
use sojourn_engine::directory::{NewTenant, NewUser};
use sojourn_testkit::history::nodes::Nodes;
use sojourn_testkit::history::{Plan, Report, run};
use sojourn_testkit::store::Engine;

fn tell(name: &str, report: &Report) {
    let (violations, failures) = (report.violations.len(), report.failures.len());
    println!("{name}: {:?}; {} refused after their end", report.done, report.refused);
    let given_up = report.given_up;
    println!(
        "{name}: {violations} worked after their end, {failures} failed, {given_up} waited longer than their limit"
    );
}

fn judge(name: &str, report: &Report) {
    assert!(report.violations.is_empty(), "{name}: {:#?}", report.violations);
    assert!(report.failures.is_empty(), "{name}: {:#?}", report.failures);
    // With pauses at every statement some wait for others longer than they may. More than one in two hundred would be another fault.
    let all: u64 = report.done.values().sum();
    assert!(report.given_up * 200 <= all, "{name}: {} of {all} gave up", report.given_up);
    // A run in which nothing works, or nothing ends, shows nothing.
    for what in ["sign-in", "code", "redemption", "refresh"] {
        assert!(report.count(what) > 50, "{name}: {what} {:?}", report.done);
    }
    for what in ["session: one", "session: by user", "session: all but one", "revocation"] {
        assert!(report.count(what) > 3, "{name}: {what} {:?}", report.done);
    }
    assert!(report.refused > 100, "{name}: {}", report.refused);
}

/// Both at once: they wait more than they work.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_the_answer_to_an_end_nothing_of_it_works_on_any_node() {
    let seconds = std::env::var("SOJOURN_HISTORY_SECONDS");
    let seconds = seconds.ok().and_then(|text| text.parse().ok()).unwrap_or(110);
    let seed = u64::from(std::process::id());
    println!("seed {seed}, {seconds} s");
    let plan = |database| Plan { database, lasts: Duration::from_secs(seconds), seed };
    let sqlite = tokio::spawn(run(plan(Engine::Sqlite)));
    let postgres = run(plan(Engine::Postgres)).await;
    let sqlite = sqlite.await.expect("ran");
    tell("PostgreSQL", &postgres);
    tell("SQLite", &sqlite);
    judge("PostgreSQL", &postgres);
    judge("SQLite", &sqlite);
}

/// What is switched off is refused at once: on the node that answered also by what it keeps in memory, whoever looked
/// meanwhile; on another node by what is read with the grant.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_switched_off_is_refused_at_once() {
    for database in Engine::BOTH {
        let nodes = Arc::new(Nodes::start(database, 7).await);
        let tenant = &nodes.tenant;
        let app = nodes.registered("bound").clone();
        let session = nodes.sign_in(0, 0).await.expect("signed in").session;
        let over = Arc::new(AtomicBool::new(false));
        let lookers: Vec<_> = (0..4)
            .map(|_| {
                let (nodes, over, id) = (Arc::clone(&nodes), Arc::clone(&over), app.id);
                tokio::spawn(async move {
                    while !over.load(Ordering::Relaxed) {
                        let _ = nodes.engine(0).application(nodes.tenant.id, id).await;
                        let _ = nodes.engine(0).tenant("beta").await;
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let caller = Authority::operator();
        let owner = NewUser {
            username: "owner".into(),
            password: Some("a long enough password".into()),
            ..NewUser::default()
        };
        let beta = NewTenant { name: "beta".into(), owner };
        let beta = nodes.engine(0).add_tenant(beta, &Authority::system()).await.expect("a tenant");
        for round in 0..25 {
            let code =
                nodes.code(0, &session, "bound", true).await.expect("works").expect("a code");
            let tokens = nodes.redeem(1, "bound", &code).await.expect("tokens");
            let waiting =
                nodes.code(1, &session, "bound", true).await.expect("works").expect("a code");
            assert!(nodes.is_active(1, &tokens.access_token).await.expect("works"));
            let set = async |enabled: bool| {
                let change = serde_json::json!({ "enabled": enabled });
                let change = change.as_object().expect("an object");
                let what = (change, true);
                let changed = nodes.engine(0).change_application(tenant, app.id, what, &caller);
                changed.await.expect("changed");
                let now = nodes.engine(0).application(tenant.id, app.id).await.expect("read");
                assert_eq!(now.expect("there").enabled, enabled, "{database:?} {round}");
            };
            set(false).await;
            for node in [0, 1] {
                let active = nodes.is_active(node, &tokens.access_token).await.expect("works");
                assert!(!active, "{database:?} {round} node {node}");
                let refresh = tokens.refresh_token.as_deref();
                let refused = nodes.is_refused(node, "bound", None, refresh).await.expect("works");
                assert!(refused, "{database:?} {round} node {node}: refresh token");
                let refused = nodes.is_refused(node, "bound", Some(&waiting), None).await;
                assert!(refused.expect("works"), "{database:?} {round} node {node}: code");
            }
            // The other node has the application in memory as it was: nobody enters it there all the same.
            let late = nodes.code(1, &session, "bound", false).await;
            assert!(!matches!(late, Ok(Some(_))), "{database:?} {round}: {late:?}");
            set(true).await;
            for enabled in [false, true] {
                nodes
                    .engine(0)
                    .set_tenant_enabled(&beta, enabled, &Authority::system())
                    .await
                    .expect("set");
                let found = nodes.engine(0).tenant("beta").await;
                assert_eq!(found.is_ok(), enabled, "{database:?} {round}");
            }
        }
        over.store(true, Ordering::Relaxed);
        for looker in lookers {
            looker.await.expect("no panic");
        }
    }
}
