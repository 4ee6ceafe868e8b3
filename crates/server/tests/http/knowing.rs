//! Knowing: deliveries by state and application, giving up, circuits; the live stream; own sessions; addresses that
//! are forgotten.

use sojourn_engine::Authority;
use std::time::Duration;

use serde_json::{Value, json};
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const BASE: &str = "/api/sessions/v1";
const ADMIN: (&str, &str) = ("admin", "admin12");
const CLEO: (&str, &str) = ("cleo", "cleo123");

async fn prepared(engine: Engine) -> TestServer {
    let server = TestServer::on(engine, |_| {}).await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("cleo", "cleo123", &[]).await;
    server
}

async fn get(server: &TestServer, path: &str) -> Value {
    let answer = server.api("GET", &format!("{BASE}{path}"), ADMIN).await;
    assert_eq!(answer.status, 200, "{path} {answer:?}");
    answer.json()
}

async fn end_all(server: &TestServer) {
    assert_eq!(server.api("DELETE", "/api/users/v1/me/sessions", CLEO).await.status, 204);
}

fn states(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|one| one["state"].as_str().expect("a state")).collect()
}

#[tokio::test]
async fn deliveries_by_state_and_application_again_and_given_up() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = prepared(engine).await;
        let uri = inbox.uri();
        let shop = server.app("shop", |new| new.backchannel_logout_uri = Some(uri)).await;
        server.app("quiet", |_| {}).await;
        inbox.answer(&[400, 400, 400]);
        let browser = server.signed_in(CLEO.0, CLEO.1).await;
        server.tokens(&browser, "shop", "openid").await;
        server.tokens(&browser, "quiet", "openid").await;
        end_all(&server).await;
        for tries in 1..=3 {
            inbox.wait_for(tries).await;
            eventually("the attempt is written", || async {
                let page = get(&server, &format!("/deliveries?application={}", shop.id)).await;
                (page["items"][0]["attempts"].as_u64() == Some(tries as u64)).then_some(())
            })
            .await;
            server.clock.advance(600_000);
        }
        assert_eq!(states(&get(&server, "/deliveries?state=refused").await), ["refused"]);
        assert_eq!(states(&get(&server, "/deliveries?state=unreachable").await), ["unreachable"]);
        assert!(states(&get(&server, "/deliveries?state=dead").await).is_empty());
        let first = get(&server, "/deliveries?limit=1").await;
        let next = first["next"].as_str().expect("more").to_owned();
        let second = get(&server, &format!("/deliveries?limit=1&cursor={next}")).await;
        assert_ne!(first["items"][0]["sid"], second["items"][0]["sid"]);
        for wrong in [
            "state=x",
            "application=x",
            "limit=0",
            "cursor=x",
            &format!("cursor={next}&state=dead"),
        ] {
            let path = format!("{BASE}/deliveries?{wrong}");
            assert_eq!(server.api("GET", &path, ADMIN).await.status, 400, "{wrong}");
        }
        let refused = get(&server, "/deliveries?state=refused").await["items"][0].clone();
        let place = |act: &str| {
            let (session, sid) = (refused["session"].as_str(), refused["sid"].as_str());
            format!("{BASE}/deliveries/{}/{}/{act}", session.expect("one"), sid.expect("one"))
        };
        assert_eq!(
            server.api("POST", &place("give-up"), ADMIN).await.status,
            404,
            "it waits no more"
        );
        assert_eq!(server.api("POST", &place("resend"), CLEO).await.status, 403);
        inbox.answer(&[503; 40]);
        let again = server.api("POST", &place("resend"), ADMIN).await;
        assert_eq!((again.status, &again.json()["state"]), (200, &json!("pending")));
        inbox.wait_for(4).await;
        eventually("the attempt is written", || async {
            let page = get(&server, "/deliveries?state=pending").await;
            (page["items"][0]["attempts"] == 4).then_some(())
        })
        .await;
        let given_up = server.api("POST", &place("give-up"), ADMIN).await.json();
        assert_eq!(given_up["state"], "dead");
        assert!(given_up["last_error"].as_str().expect("why").starts_with("given up by user:"));
        server.stop().await;
    }
}

#[tokio::test]
async fn an_application_that_fails_for_long_is_left_alone_and_slows_nobody() {
    let (broken, well) = (Inbox::start().await, Inbox::start().await);
    let server = prepared(Engine::Sqlite).await;
    let (broken_uri, well_uri) = (broken.uri(), well.uri());
    let shop = server.app("shop", |new| new.backchannel_logout_uri = Some(broken_uri)).await;
    server.app("bank", |new| new.backchannel_logout_uri = Some(well_uri)).await;
    broken.answer(&[503; 200]);
    for _ in 0..12 {
        let browser = server.signed_in(CLEO.0, CLEO.1).await;
        server.tokens(&browser, "shop", "openid").await;
        server.tokens(&browser, "bank", "openid").await;
    }
    end_all(&server).await;
    well.wait_for(12).await;
    // The clock stands still: once its circuit is open, nothing more is sent to it.
    let health = eventually("the circuit opens", || async {
        let health = get(&server, "/deliveries/applications").await;
        let quiet = health["items"][0]["under_way"] == 0;
        (quiet && health["items"][0]["left_alone_until"].is_string()).then_some(health)
    })
    .await;
    assert_eq!(health["items"][0]["application"], json!(shop.id.to_string()));
    let sent = broken.tokens().len();
    assert!((5..=24).contains(&sent), "{sent}");
    let metrics = server.browser().get("/metrics").await.body;
    assert!(metrics.contains("sojourn_delivery_circuits_open 1"), "{metrics}");
    // What the other application took in may be written a moment after it answered.
    eventually("the broken one's deliveries wait, and no others", || async {
        (states(&get(&server, "/deliveries?state=pending").await).len() == 12).then_some(())
    })
    .await;
    broken.answer_well();
    eventually("it is well again, and hears of everything", || async {
        server.clock.advance(60_000);
        states(&get(&server, "/deliveries?state=pending").await).is_empty().then_some(())
    })
    .await;
    assert!(
        get(&server, "/deliveries/applications").await["items"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
    server.stop().await;
}

/// Reads a stream until it has told so many events.
async fn told(response: &mut reqwest::Response, count: usize) -> Vec<(String, Value)> {
    let mut text = String::new();
    loop {
        let mut events = Vec::new();
        for block in text.split("\n\n").filter(|block| block.contains("data: ")) {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(|rest| rest.trim().to_owned())
            };
            let data = field("data:").expect("data");
            events.push((
                field("event:").unwrap_or_default(),
                serde_json::from_str(&data).expect("JSON"),
            ));
        }
        if text.ends_with("\n\n") && events.len() >= count {
            return events;
        }
        let chunk = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await;
        let chunk = chunk.expect("in time").expect("a stream").expect("it goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[tokio::test]
async fn sign_ins_and_ends_are_told_live_and_to_who_comes_back() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let listen = async |path: &str, who: (&str, &str), last: Option<&str>| {
            let mut request = server.http.get(format!("{}{BASE}{path}", server.base));
            if let Some(last) = last {
                request = request.header("last-event-id", last);
            }
            let answer = request.basic_auth(who.0, Some(who.1)).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            answer
        };
        let mut all = listen("/events", ADMIN, None).await;
        let mut own = listen("/me/events", CLEO, None).await;
        let mut filtered = listen("/events?filter=username+eq+admin", ADMIN, None).await;
        let began = server.engine.now().0.to_string();
        server.clock.advance(10);
        server.signed_in(CLEO.0, CLEO.1).await;
        server.clock.advance(10);
        server.signed_in(ADMIN.0, ADMIN.1).await;
        server.clock.advance(10);
        end_all(&server).await;
        let names = |events: &[(String, Value)]| -> Vec<String> {
            let name = |(name, data): &(String, Value)| {
                format!("{name} {}", data["user"]["username"].as_str().expect("a name"))
            };
            events.iter().map(name).collect()
        };
        let everything = ["session.began cleo", "session.began admin", "session.ended cleo"];
        assert_eq!(names(&told(&mut all, 3).await), everything);
        assert_eq!(names(&told(&mut own, 2).await), ["session.began cleo", "session.ended cleo"]);
        assert_eq!(names(&told(&mut filtered, 1).await), ["session.began admin"]);
        let mut late = listen("/events", ADMIN, Some(&began)).await;
        assert_eq!(names(&told(&mut late, 3).await), everything, "what was missed");
        // Who isn't let in any more hears nothing more.
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        let off = sojourn_model::UserState::Disabled;
        let actor = sojourn_engine::Authority::operator();
        server.engine.set_user_state(&server.tenant, &cleo, off, &actor).await.expect("off");
        server.clock.advance(10_000);
        let rest = async { while let Ok(Some(_)) = own.chunk().await {} };
        tokio::time::timeout(Duration::from_secs(20), rest).await.expect("it ends");
        let back = sojourn_model::UserState::Active;
        server.engine.set_user_state(&server.tenant, &cleo, back, &actor).await.expect("on");
        let denied = server.api("GET", &format!("{BASE}/events"), CLEO).await;
        assert_eq!(denied.status, 403);
        server.stop().await;
    }
}

#[tokio::test]
async fn everyone_knows_why_they_were_signed_out() {
    let server = prepared(Engine::Sqlite).await;
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo").id;
    server.signed_in(CLEO.0, CLEO.1).await;
    server.signed_in(ADMIN.0, ADMIN.1).await;
    let ends =
        server.http.post(format!("{}{BASE}/end", server.base)).basic_auth(ADMIN.0, Some(ADMIN.1));
    let body = json!({"users": [cleo]}).to_string();
    let done =
        ends.header("content-type", "application/json").body(body).send().await.expect("sent");
    assert_eq!(done.status(), 200);
    let mine = async |query: &str| {
        let path = format!("{BASE}/me/sessions{query}");
        let answer = server.api("GET", &path, CLEO).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["items"].as_array().cloned().expect("items")
    };
    assert!(mine("").await.is_empty());
    let ended = mine("?filter=state+eq+ended").await;
    assert_eq!((ended.len(), &ended[0]["end"]["reason"]), (1, &json!("admin")));
    assert_eq!(ended[0]["end"]["effects"], json!(["session", "tokens", "offline", "notify"]));
    // Another's sessions are out of reach, however the filter is written.
    assert!(mine("?filter=username+eq+admin").await.is_empty());
    assert!(mine("?filter=username+eq+cleo+or+username+eq+admin").await.is_empty());
    let path = format!("{BASE}/me/sessions?filter=username+eq+x)+or+(username+eq+admin");
    assert_eq!(server.api("GET", &path, CLEO).await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn addresses_of_ended_sessions_are_forgotten_in_time() {
    for engine in Engine::BOTH {
        let server =
            TestServer::on(engine, |settings| settings.addresses_ms = Some(3_600_000)).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("cleo", "cleo123", &[]).await;
        // More than one portion of the cleaning.
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        let begin = |_| {
            let mut session = sojourn_testkit::store::session(cleo.id);
            session.ip = "127.0.0.1".into();
            session.idle_deadline = server.engine.now().plus(900_000);
            sojourn_model::Op::StartSession { session, epoch: cleo.epoch, limit: None }
        };
        let mut change = sojourn_model::ChangeSet::new(server.tenant.id);
        change.ops.extend((0..1_200).map(begin));
        server.store.apply(change).await.expect("sessions");
        end_all(&server).await;
        let ip = async || {
            get(&server, "/sessions?filter=state+eq+ended").await["items"][0]["ip"].clone()
        };
        server.engine.purge().await.expect("cleaned");
        assert_eq!(ip().await, "127.0.0.1");
        server.clock.advance(3_700_000);
        server.engine.purge().await.expect("cleaned");
        assert_eq!(ip().await, "");
        let found = get(&server, "/sessions?filter=ip+eq+127.0.0.1+and+state+eq+ended").await;
        assert!(found["items"].as_array().is_some_and(Vec::is_empty));
        server.stop().await;
    }
}

#[tokio::test]
async fn the_console_hears_of_acts_where_it_may_read_of_them() {
    let server = prepared(Engine::Sqlite).await;
    let (engine, tenant) = (&server.engine, &server.tenant);
    let system = Authority::system();
    let viewer = engine.add_role(tenant, "viewer", "internal_session_view", &system);
    viewer.await.expect("a role");
    server.user("vera", "vera1234", &["viewer"]).await;
    let listen = async |who: (&str, &str)| {
        let browser = server.signed_in(who.0, who.1).await;
        let secret = browser.cookie("__Host-sojourn").expect("signed in");
        let request = server.http.get(format!("{}/console/events", server.base));
        let request = request.header("cookie", format!("__Host-sojourn={secret}"));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        (browser, answer)
    };
    server.clock.advance(10);
    let (admin, mut all) = listen(ADMIN).await;
    let (_vera, mut sessions) = listen(("vera", "vera1234")).await;
    server.clock.advance(10);
    let cleo = engine.user_named(tenant, "cleo").await.expect("cleo");
    let csrf = admin.get("/console/users").await.field("csrf");
    let path = format!("/console/users/{}/acts/lock", cleo.id);
    assert_eq!(admin.post(&path, &[("csrf", &csrf)]).await.status, 303);
    server.clock.advance(10);
    server.signed_in(ADMIN.0, ADMIN.1).await;
    let acts: Vec<Value> = {
        let mut events = told(&mut all, 1).await;
        while !events.iter().any(|(name, _)| name == "act") {
            events.extend(told(&mut all, 1).await);
        }
        events.into_iter().filter(|(name, _)| name == "act").map(|(_, data)| data).collect()
    };
    assert_eq!(
        (&acts[0]["user"], &acts[0]["what"], &acts[0]["why"]),
        (&"admin".into(), &"locked an account".into(), &"cleo".into())
    );
    let heard = told(&mut sessions, 1).await;
    assert!(heard.iter().all(|(name, _)| name == "began"), "{heard:?}");
    server.stop().await;
}
