//! Clocks that differ, stand still or go back.

use std::collections::HashMap;
use std::sync::Arc;

use sojourn_engine::session::{Feed, SessionFilter, Vocabulary};
use sojourn_engine::{Authority, Engine as UseCases, Rights, Tail};
use sojourn_model::SessionId;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

/// Everything that listeners were told, and how often.
#[derive(Default)]
struct Told {
    own: HashMap<(SessionId, String), usize>,
    all: HashMap<(SessionId, String), usize>,
    acts: HashMap<[u8; 16], usize>,
}

struct Listeners {
    own: Feed,
    all: Feed,
    acts: Tail,
    told: Told,
}

impl Listeners {
    async fn new(server: &TestServer, name: &str) -> Self {
        let user = server.engine.user_named(&server.tenant, name).await.expect("a user");
        let (now, rights) = (server.engine.now(), Rights::of_scopes("internal_*"));
        let filter = SessionFilter::parse(None, Vocabulary::Full).expect("a filter");
        let feed = |only| Feed::since(now, only, filter.clone(), rights.clone());
        let told = Told::default();
        Self { own: feed(Some(user.id)), all: feed(None), acts: Tail::since(now), told }
    }

    async fn look(&mut self, server: &TestServer) {
        let engine: &Arc<UseCases> = &server.engine;
        for (feed, told) in
            [(&mut self.own, &mut self.told.own), (&mut self.all, &mut self.told.all)]
        {
            for item in engine.look(&server.tenant, feed).await.expect("a look") {
                *told.entry((item.view.session.id, format!("{:?}", item.what))).or_default() += 1;
            }
        }
        for act in engine.look_at_acts(&server.tenant, &mut self.acts).await.expect("a look") {
            *self.told.acts.entry(act.id).or_default() += 1;
        }
    }
}

#[tokio::test]
async fn a_stream_tells_each_thing_once_however_the_clock_moves() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |settings| {
            settings.lifetimes.idle_ms = 30 * 24 * 3_600_000;
            settings.lifetimes.absolute_ms = None;
        })
        .await;
        server.user("cleo", "cleo-123", &[]).await;
        let mut listeners = Listeners::new(&server, "cleo").await;
        // An hour ahead in steps, back at once, and an hour ahead again.
        let steps = [vec![90_000; 40], vec![-3_600_000], vec![90_000; 45], vec![-20_000, 7_000]];
        let (mut began, mut ended) = (0, 0);
        for step in steps.concat() {
            match step < 0 {
                true => server.clock.go_back(-step),
                false => server.clock.advance(step),
            }
            // Two in a step: the second is no repetition of the first.
            for _ in 0..2 {
                let browser = server.browser();
                assert_eq!(browser.sign_in("cleo", "cleo-123").await.status, 303);
                began += 1;
                listeners.look(&server).await;
            }
            let user = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
            let live = server.engine.sessions_of_user(&server.tenant, user.id).await.expect("read");
            let one = live.first().expect("a session").session.id;
            let actor = sojourn_model::Actor::Operator;
            let target = sojourn_model::EndTarget::Session(user.id, one);
            let plan = sojourn_engine::EndPlan::new(target, sojourn_model::EndReason::Admin, actor);
            server
                .engine
                .end_sessions(&server.tenant, plan, &Authority::system())
                .await
                .expect("ended");
            ended += 1;
            for _ in 0..3 {
                listeners.look(&server).await;
            }
        }
        let expected = began + ended;
        for (whose, told) in [("own", &listeners.told.own), ("all", &listeners.told.all)] {
            assert!(told.values().all(|times| *times == 1), "{engine:?}: {whose} repeated");
            assert_eq!(told.len(), expected, "{engine:?}: {whose}");
        }
        assert!(listeners.told.acts.values().all(|times| *times == 1), "{engine:?}");
        server.stop().await;
    }
}

/// A page that another node made, whose clock is a little ahead.
#[tokio::test]
async fn a_page_of_a_node_that_is_ahead_is_good() {
    let server = TestServer::start().await;
    server.user("cleo", "cleo-123", &[]).await;
    server.app("shop", |_| {}).await;
    server.app("guest", |app| app.settings.first_party = false).await;
    for (back, good) in [(20, true), (29_000, true), (31_000, false)] {
        // The answer to a question is taken; from further ahead the question comes again.
        let browser = server.signed_in("cleo", "cleo-123").await;
        let asked = browser.authorize("guest", "openid", &[("prompt", "consent")]).await;
        let page = browser.get(asked.location()).await;
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        server.clock.go_back(back);
        let form = [("csrf", &*csrf), ("ticket", &*ticket), ("answer", "yes")];
        let answer = browser.post("/consent", &form).await;
        let code = browser.get(answer.location()).await.redirect_param("code");
        assert_eq!(code.is_some(), good, "{back} ms: {answer:?}");
        server.clock.advance(back);
        // A sign-in goes on in any case.
        let browser = server.browser();
        let asked = browser.authorize("shop", "openid", &[]).await;
        let page = browser.get(asked.location()).await;
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        server.clock.go_back(back);
        let form = [
            ("csrf", &*csrf),
            ("ticket", &*ticket),
            ("username", "cleo"),
            ("password", "cleo-123"),
        ];
        let answer = browser.post("/login", &form).await;
        assert_eq!(answer.status, 303, "{back} ms: {answer:?}");
        server.clock.advance(back);
    }
    server.stop().await;
}

/// Readiness says how far this node's clock is from the database's.
#[tokio::test]
async fn readiness_shows_the_skew() {
    let server = TestServer::on(Engine::Postgres, |_| {}).await;
    server.clock.go_to_now();
    server.clock.advance(90_000);
    let ready = server.browser().get("/health/ready").await.json();
    let ahead = ready["clock_ahead_of_database_ms"].as_i64().expect("a number");
    assert!((60_000..120_000).contains(&ahead), "{ready}");
    server.stop().await;
    let server = TestServer::start().await;
    let ready = server.browser().get("/health/ready").await.json();
    assert_eq!(ready, serde_json::json!({ "status": "ready" }), "SQLite has this machine's clock");
    server.stop().await;
}
