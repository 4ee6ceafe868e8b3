//! Ending by role, network, application and filter; jobs; receipts; keys of requests; one application, one grant.

use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_engine::sign_in::{Credentials, Visit};
use sojourn_model::SessionId;
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Answer, TestServer};
use sojourn_testkit::store::Engine;

const BASE: &str = "/api/sessions/v1";
const ADMIN: (&str, &str) = ("admin", "admin12");

async fn sign_in(server: &TestServer, name: &str, ip: &str) -> SessionId {
    let typed = Credentials::new(name, format!("{name}123"));
    let visit = Visit { ip: ip.into(), user_agent: "curl/8".into(), ..Visit::default() };
    server.engine.sign_in(&server.tenant, &typed, &visit).await.expect("signed in").session.id
}

async fn end_with(server: &TestServer, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.http.post(format!("{}{BASE}/end", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request =
        request.basic_auth(ADMIN.0, Some(ADMIN.1)).header("content-type", "application/json");
    Answer::of(request.body(body.to_string()).send().await.expect("an answer")).await
}

async fn end(server: &TestServer, body: &Value) -> Value {
    let answer = end_with(server, body, &[]).await;
    assert_eq!(answer.status, 200, "{body} {answer:?}");
    answer.json()
}

async fn active(server: &TestServer) -> usize {
    let page = server.api("GET", &format!("{BASE}/sessions?limit=500"), ADMIN).await.json();
    page["items"].as_array().expect("items").len()
}

async fn job_done(server: &TestServer, answer: &Answer) -> Value {
    assert_eq!(answer.status, 202, "{answer:?}");
    let path = answer.location().to_owned();
    eventually("the job ends", || async {
        let job = server.api("GET", &path, ADMIN).await.json();
        (job["state"] != "pending").then_some(job)
    })
    .await
}

#[tokio::test]
async fn by_role_network_application_and_filter() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        for (name, roles) in [("alex", vec!["staff"]), ("ben", vec!["staff"]), ("cleo", vec![])] {
            server.user(name, &format!("{name}123"), &roles).await;
        }
        server.app("shop", |_| {}).await;
        let everyone = async || {
            sign_in(&server, "alex", "192.0.2.1").await;
            sign_in(&server, "ben", "192.0.2.2").await;
            sign_in(&server, "cleo", "192.0.2.3").await;
            let browser = server.signed_in("cleo", "cleo123").await;
            server.tokens(&browser, "shop", "openid").await;
        };
        for (body, ended) in [
            (json!({"role": "staff"}), 2),
            (json!({"network": "192.0.2.0/24"}), 3),
            (json!({"network": "192.0.2.0/24", "role": "staff"}), 2),
            (json!({"application": "shop"}), 1),
            (json!({"filter": "username eq cleo or ip eq 192.0.2.1"}), 3),
            (json!({"filter": "ip eq 203.0.113.1"}), 0),
        ] {
            everyone().await;
            let before = active(&server).await;
            let mut dry = body.clone();
            dry["dry_run"] = true.into();
            let said = end(&server, &dry).await;
            assert_eq!(said["summary"]["sessions"], json!(ended), "{body} {said}");
            assert_eq!(
                (&said["exact"], said["expected_at_most"].as_u64()),
                (&json!(true), Some(ended))
            );
            assert_eq!(active(&server).await, before, "nothing was done");
            let mut real = body.clone();
            real["expected_at_most"] = said["expected_at_most"].clone();
            let done = end(&server, &real).await;
            assert_eq!(done["summary"], said["summary"], "{body}");
            assert_eq!(active(&server).await, before - usize::try_from(ended).expect("few"));
            end(&server, &json!({"filter": "username pr"})).await;
        }
        for (wrong, status) in [
            (json!({"filter": ""}), 400),
            (json!({"filter": "state eq ended"}), 400),
            (json!({"filter": "not (state eq active)"}), 400),
            (json!({"filter": "colour eq red"}), 400),
            (json!({"network": "everywhere"}), 400),
            (json!({"role": "nobody"}), 404),
            (json!({"role": "staff", "filter": "username eq x) or (username pr"}), 400),
            (json!({"role": "staff", "users": ["00000000-0000-4000-8000-000000000000"]}), 400),
            (json!({"grants": ["x"]}), 400),
            (json!({"filter": "username pr", "rate": 0}), 400),
        ] {
            assert_eq!(end_with(&server, &wrong, &[]).await.status, status, "{wrong}");
        }
        let audit = server.audit(500).await;
        assert!(
            audit.iter().any(|row| row.action == "session.end_preview"),
            "a dry run is audited"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn a_large_end_is_a_job_with_progress() {
    for engine in Engine::BOTH {
        let server =
            TestServer::on(engine, |settings| settings.throttle.per_address = 10_000).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("cleo", "cleo123", &[]).await;
        for n in 0..120 {
            let name = format!("user-{n}");
            server.user(&name, &format!("{name}123"), &["crowd"]).await;
            sign_in(&server, &name, "192.0.2.1").await;
        }
        sign_in(&server, "cleo", "192.0.2.1").await;
        let guarded = json!({"role": "crowd", "expected_at_most": 119});
        assert_eq!(end_with(&server, &guarded, &[]).await.status, 409);
        let answer =
            end_with(&server, &json!({"role": "crowd", "expected_at_most": 120}), &[]).await;
        let job = job_done(&server, &answer).await;
        assert_eq!(
            (&job["state"], &job["total"], &job["done"]),
            (&json!("done"), &json!(120), &json!(120))
        );
        assert_eq!(job["summary"]["sessions"], 120, "{job}");
        assert_eq!(active(&server).await, 1, "cleo is still there");
        for n in 0..110 {
            sign_in(&server, &format!("user-{n}"), "192.0.2.9").await;
        }
        let filter = json!({"filter": "network eq 192.0.2.9 and not (username eq \"user-5\")"});
        let answer = end_with(&server, &filter, &[]).await;
        let path = format!("{}/events", answer.location());
        let watched = server.api("GET", &path, ADMIN).await;
        assert_eq!(watched.header("content-type"), "text/event-stream");
        assert!(
            watched.body.contains("event: progress") && watched.body.contains("\"state\":\"done\"")
        );
        let job = job_done(&server, &answer).await;
        assert_eq!((&job["state"], &job["summary"]["sessions"]), (&json!("done"), &json!(109)));
        assert_eq!(active(&server).await, 2);
        let jobs = server.api("GET", &format!("{BASE}/jobs"), ADMIN).await.json();
        assert_eq!(jobs["items"].as_array().map(Vec::len), Some(2));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_job_keeps_to_its_rate_and_can_be_stopped() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("cleo", "cleo123", &[]).await;
    for _ in 0..9 {
        sign_in(&server, "cleo", "192.0.2.1").await;
    }
    let slow = json!({"filter": "username eq cleo", "rate": 2});
    let answer = end_with(&server, &slow, &[]).await;
    let path = answer.location().to_owned();
    let done = async |at_least: i64| {
        eventually("it moves", || async {
            let job = server.api("GET", &path, ADMIN).await.json();
            (job["done"].as_i64() >= Some(at_least)).then_some(job)
        })
        .await
    };
    // The clock stands still: two at once, and then no more before a second is over.
    let job = done(2).await;
    assert_eq!((&job["done"], &job["state"]), (&json!(2), &json!("pending")));
    server.clock.advance(999);
    assert!(!server.engine.run_job_step().await.expect("a look"), "a millisecond too early");
    server.clock.advance(1);
    assert_eq!(done(4).await["done"], 4);
    let cancelled = server.api("POST", &format!("{path}/cancel"), ADMIN).await.json();
    assert_eq!(cancelled["summary"]["sessions"], 4, "{cancelled}");
    assert_eq!((&cancelled["state"], &cancelled["total"]), (&json!("cancelled"), &json!(9)));
    server.clock.advance(10_000);
    assert!(!server.engine.run_job_step().await.expect("a look"), "nothing is left to do");
    assert_eq!(active(&server).await, 5);
    let again = server.api("POST", &format!("{path}/cancel"), ADMIN).await.json();
    assert_eq!(again["state"], "cancelled");
    for gone in ["x", "00000000000000000000000000000000"] {
        let path = format!("{BASE}/jobs/{gone}");
        assert_eq!(server.api("GET", &path, ADMIN).await.status, 404);
    }
    server.stop().await;
}

/// One user or session per second: each portion continues after the previous one.
#[tokio::test]
async fn a_job_goes_on_where_it_stopped() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let mut people = Vec::new();
        for name in ["alex", "ben", "cleo"] {
            people.push(server.user(name, &format!("{name}123"), &["staff"]).await.id);
        }
        let by = Authority::system();
        let group = server.engine.add_group(&server.tenant, "night", None, &people, &by).await;
        group.expect("a group");
        let slowly = async |body: &Value, portions: usize| {
            let answer = end_with(&server, body, &[]).await;
            assert_eq!(answer.status, 202, "{answer:?}");
            let path = answer.location().to_owned();
            for portion in 1..=portions {
                eventually("it moves", || async {
                    let job = server.api("GET", &path, ADMIN).await.json();
                    (job["done"].as_u64() >= Some(portion as u64)).then_some(())
                })
                .await;
                server.clock.advance(1000);
            }
            job_done(&server, &answer).await
        };
        let everybody = async || {
            let mut all = Vec::new();
            for name in ["alex", "ben", "cleo"] {
                all.push(sign_in(&server, name, "192.0.2.1").await.to_string());
            }
            all
        };
        for body in [
            json!({"users": people, "rate": 1}),
            json!({"group": "night", "rate": 1}),
            json!({"role": "staff", "rate": 1}),
            json!({"network": "192.0.2.0/24", "rate": 1}),
        ] {
            everybody().await;
            let before = active(&server).await;
            let job = slowly(&body, 3).await;
            assert_eq!(job["state"], "done", "{body} {job}");
            assert_eq!(job["summary"]["sessions"], 3, "{body} {job}");
            assert_eq!(active(&server).await, before - 3, "{body}");
        }
        // Sessions that stay: each is looked at once.
        everybody().await;
        let before = active(&server).await;
        let body = json!({"network": "192.0.2.0/24", "rate": 1, "effects": ["tokens"]});
        let job = slowly(&body, 3).await;
        assert_eq!((&job["state"], &job["done"]), (&json!("done"), &json!(3)), "{job}");
        assert_eq!(active(&server).await, before);
        // Users together with single sessions are one portion.
        let all = everybody().await;
        let body = json!({"users": [people[0]], "sessions": [all[1]], "rate": 1});
        let job = slowly(&body, 1).await;
        assert_eq!((&job["state"], &job["done"]), (&json!("done"), &json!(2)), "{job}");
        server.stop().await;
    }
}

#[tokio::test]
async fn the_same_key_is_answered_and_nothing_happens_twice() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let cleo = server.user("cleo", "cleo123", &[]).await.id;
        sign_in(&server, "cleo", "192.0.2.1").await;
        let body = json!({"users": [cleo]});
        let key = [("idempotency-key", "one")];
        let first = end_with(&server, &body, &key).await;
        assert_eq!(first.json()["summary"]["sessions"], 1);
        sign_in(&server, "cleo", "192.0.2.1").await;
        let second = end_with(&server, &body, &key).await;
        assert_eq!((second.status, second.json()), (200, first.json()));
        assert_eq!(active(&server).await, 1, "the new session was spared");
        let other = end_with(&server, &json!({"users": [cleo], "dry_run": false}), &key).await;
        assert_eq!(other.status, 400, "another request with the same key");
        let job = [("idempotency-key", "two"), ("prefer", "respond-async")];
        let first = end_with(&server, &body, &job).await;
        assert_eq!(first.header("preference-applied"), "respond-async");
        let done = job_done(&server, &first).await;
        assert_eq!(done["summary"]["sessions"], 1);
        let second = end_with(&server, &body, &job).await;
        assert_eq!((second.status, second.location()), (202, first.location()));
        assert_eq!(second.json()["state"], "done");
        let long = "x".repeat(256);
        assert_eq!(end_with(&server, &body, &[("idempotency-key", &long)]).await.status, 400);
        server.stop().await;
    }
}

#[tokio::test]
async fn who_waits_gets_each_applications_receipt() {
    let inbox = Inbox::start().await;
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let cleo = server.user("cleo", "cleo123", &[]).await.id;
    let uri = inbox.uri();
    server.app("shop", |new| new.backchannel_logout_uri = Some(uri)).await;
    server.app("quiet", |_| {}).await;
    let wait = [("prefer", "wait=30")];
    for body in [json!({"users": [cleo]}), json!({"filter": "username eq cleo"})] {
        server.clock.advance(1000);
        let browser = server.signed_in("cleo", "cleo123").await;
        server.tokens(&browser, "shop", "openid").await;
        server.tokens(&browser, "quiet", "openid").await;
        let answer = end_with(&server, &body, &wait).await;
        assert_eq!(answer.header("preference-applied"), "wait=30");
        let receipts = answer.json()["receipts"].as_array().cloned().expect("receipts");
        let mut states: Vec<&str> =
            receipts.iter().map(|one| one["state"].as_str().expect("a state")).collect();
        states.sort_unstable();
        assert_eq!(states, ["delivered", "unreachable"], "{body}");
    }
    // What takes longer than one waits is told as it stands.
    inbox.answer(&[503; 50]);
    server.clock.advance(1000);
    let browser = server.signed_in("cleo", "cleo123").await;
    server.tokens(&browser, "shop", "openid").await;
    let answer = end_with(&server, &json!({"users": [cleo]}), &[("prefer", "wait=0")]).await;
    assert_eq!(answer.json()["receipts"][0]["state"], "pending");
    server.stop().await;
}

#[tokio::test]
async fn one_application_of_a_session_and_one_grant() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("cleo", "cleo123", &[]).await;
        let uri = inbox.uri();
        let shop = server.app("shop", |new| new.backchannel_logout_uri = Some(uri)).await;
        server.app("bank", |_| {}).await;
        let browser = server.signed_in("cleo", "cleo123").await;
        let token = async |app: &str| {
            let tokens = server.tokens(&browser, app, "openid").await;
            tokens["access_token"].as_str().expect("a token").to_owned()
        };
        let (in_shop, in_bank) = (token("shop").await, token("bank").await);
        let page =
            server.api("GET", &format!("{BASE}/sessions?include=grants"), ADMIN).await.json();
        let one = &page["items"][0];
        let id = one["id"].as_str().expect("an id");
        assert_eq!(one["grants"].as_array().map(Vec::len), Some(2));
        let path = format!("{BASE}/sessions/{id}/applications/{}", shop.id);
        let answer = server.api("DELETE", &path, ADMIN).await;
        let summary = json!({"sessions": 0, "grants": 1, "consents": 0, "deliveries": 1});
        assert_eq!((answer.status, &answer.json()["summary"]), (200, &summary), "{answer:?}");
        inbox.wait_for(1).await;
        assert!(!server.active("shop", &in_shop).await && server.active("bank", &in_bank).await);
        let one = server.api("GET", &format!("{BASE}/sessions/{id}"), ADMIN).await.json();
        assert_eq!(one["state"], "active");
        let grant = one["grants"][0]["id"].as_str().expect("a grant").to_owned();
        let path = format!("{BASE}/grants/{grant}");
        assert_eq!(server.api("DELETE", &path, ("cleo", "cleo123")).await.status, 403);
        assert_eq!(server.api("DELETE", &path, ADMIN).await.json()["summary"]["grants"], 1);
        assert!(!server.active("bank", &in_bank).await);
        assert_eq!(server.api("DELETE", &format!("{BASE}/grants/x"), ADMIN).await.status, 404);
        let path = format!("{BASE}/sessions/{id}/applications/x");
        assert_eq!(server.api("DELETE", &path, ADMIN).await.status, 404);
        let path = format!("{BASE}/sessions/{id}");
        assert_eq!(server.api("DELETE", &path, ADMIN).await.json()["summary"]["sessions"], 1);
        assert_eq!(server.api("DELETE", &format!("{BASE}/sessions/x"), ADMIN).await.status, 404);
        server.stop().await;
    }
}
