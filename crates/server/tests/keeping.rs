//! What holds for years: what grows is removed, however much of it there is.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use futures_util::future::join_all;
use sojourn_engine::sign_in::{Credentials, Visit};
use sojourn_engine::tokens::BindingProof;
use sojourn_engine::{Authority, EndPlan};
use sojourn_model::{Actor, EndReason, EndTarget};
use sojourn_testkit::history::nodes::Nodes;
use sojourn_testkit::store::Engine;

/// More than one portion of the cleaning.
const MANY: usize = 1_200;

async fn a_visit(nodes: &Nodes, n: usize) {
    let engine = nodes.calm(0);
    let typed = Credentials::new(format!("person-{}", n % 8), "password");
    let visit = Visit {
        ip: format!("198.51.{}.{}", n / 250, n % 250),
        browser: Some(sojourn_testkit::store::bytes()),
        ..Visit::default()
    };
    let signed_in = loop {
        // Those of one person stand in each other's way.
        if let Ok(signed_in) = engine.sign_in(&nodes.tenant, &typed, &visit).await {
            break signed_in;
        }
    };
    let session = signed_in.session;
    let code = nodes.calm_code(&session, "bound").await;
    let tokens = nodes.redeem(0, "bound", &code).await.expect("tokens");
    let (app, proof) = (nodes.registered("bound"), BindingProof::default());
    engine.revoke(&nodes.tenant, app, &tokens.access_token, &proof).await.expect("revoked");
    let target = EndTarget::Session(session.user, session.id);
    let plan = EndPlan::new(target, EndReason::Admin, Actor::System);
    engine.end_sessions(&nodes.tenant, plan, &Authority::system()).await.expect("ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_grows_is_removed_once_nobody_needs_it() {
    for database in Engine::BOTH {
        let nodes = Nodes::start(database, 11).await;
        nodes.without_pauses();
        for some in (0..MANY).collect::<Vec<_>>().chunks(40) {
            join_all(some.iter().map(|n| a_visit(&nodes, *n))).await;
        }
        let tables = [
            "session",
            "participation",
            "oauth_grant",
            "event",
            "revoked_token",
            "throttle",
            "known_browser",
            "audit",
            "delivery",
        ];
        for table in tables {
            let count = nodes.test.count(table).await;
            assert!(count >= MANY as i64, "{database:?}: {table} has {count}");
        }
        let engine = nodes.calm(0);
        // Told, or given up: a delivery that waits is never removed.
        nodes.clock.advance(25 * 3_600_000);
        loop {
            let claimed = engine.claim_deliveries(Vec::new()).await.expect("claimed");
            if claimed.is_empty() {
                break;
            }
            let mut settled = Vec::new();
            for delivery in claimed {
                let attempt = engine.attempt_delivery(&delivery, &sojourn_testkit::history::Nobody);
                settled.extend(attempt.await.expect("attempted"));
            }
            engine.settle_deliveries(settled).await.expect("written");
        }
        engine.purge().await.expect("cleaned");
        assert_eq!(nodes.test.count("revoked_token").await, 0, "{database:?}");
        assert_eq!(nodes.test.count("throttle").await, 0, "{database:?}");
        assert_eq!(nodes.test.count("oauth_grant").await, 0, "{database:?}");
        assert!(nodes.test.count("session").await >= MANY as i64, "the ledger is kept");
        assert!(nodes.test.count("event").await >= MANY as i64, "events are kept");
        nodes.clock.advance(91 * 24 * 3_600_000);
        let overdue = engine.purge_overdue().await.expect("read");
        let late = |kind: &str| overdue.iter().any(|(name, ms)| *name == kind && *ms > 0);
        assert!(late("session") && late("event") && !late("audit"), "{overdue:?}");
        engine.purge().await.expect("cleaned");
        for table in ["session", "participation", "event", "delivery"] {
            assert_eq!(nodes.test.count(table).await, 0, "{database:?}: {table}");
        }
        assert!(nodes.test.count("audit").await >= MANY as i64, "the audit log is kept longer");
        assert!(nodes.test.count("known_browser").await >= MANY as i64, "so are browsers");
        nodes.clock.advance(640 * 24 * 3_600_000);
        engine.purge().await.expect("cleaned");
        assert_eq!(nodes.test.count("audit").await, 0, "{database:?}");
        assert_eq!(nodes.test.count("known_browser").await, 0, "{database:?}");
        let overdue = engine.purge_overdue().await.expect("read");
        assert!(overdue.iter().all(|(_, ms)| *ms == 0), "{database:?}: {overdue:?}");
    }
}

/// A clock that was a year ahead for a while leaves nothing that waits for that year.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_went_back_leaves_nothing_waiting() {
    const YEAR: i64 = 365 * 24 * 3_600_000;
    for database in Engine::BOTH {
        let nodes = Nodes::start(database, 13).await;
        nodes.without_pauses();
        let engine = nodes.calm(0);
        let tenant = &nodes.tenant;
        nodes.clock.advance(YEAR);
        engine.sweep().await.expect("swept");
        // Signed in, ended and claimed in the false year; a lease is held, and an attempt has failed.
        let ahead = nodes.sign_in(0, 1).await.expect("signed in").session;
        engine.touch(tenant.id, ahead.id, None);
        let mut plans = Vec::new();
        for person in [2, 3] {
            let session = nodes.sign_in(0, person).await.expect("signed in").session;
            nodes.calm_code(&session, "bound").await;
            let target = EndTarget::Session(session.user, session.id);
            plans.push(EndPlan::new(target, EndReason::Admin, Actor::System));
        }
        for plan in plans {
            engine.end_sessions(tenant, plan, &Authority::system()).await.expect("ended");
            assert_eq!(engine.claim_deliveries(Vec::new()).await.expect("claimed").len(), 1);
        }
        nodes.clock.advance(-YEAR);
        let claimed = engine.claim_deliveries(Vec::new()).await.expect("claimed");
        assert!(claimed.is_empty(), "{database:?}: nothing is due yet: {claimed:?}");
        engine.sweep().await.expect("swept");
        let claimed = engine.claim_deliveries(Vec::new()).await.expect("claimed");
        assert_eq!(claimed.len(), 2, "{database:?}: both are due again");
        let living = async |id| {
            let found = engine.reads(tenant.id).session(id).await.expect("read").expect("there");
            found.state == sojourn_model::SessionState::Living
        };
        assert!(living(ahead.id).await, "{database:?}");
        // It expires as if nothing had been.
        nodes.clock.advance(15 * 60_000 + 6_000);
        engine.sweep().await.expect("swept");
        assert!(!living(ahead.id).await, "{database:?}: it doesn't live for a year");
    }
}
