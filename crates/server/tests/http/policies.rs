//! Policies: who sets them, what holds, limits on sessions, step-up, passwords, WSO2's configuration endpoint.

use serde_json::{Value, json};
use sojourn_engine::sign_in::{Credentials, SignInError, Visit};
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::store::Engine;

const BASE: &str = "/api/sessions/v1/policies";
const ADMIN: (&str, &str) = ("admin", "admin12");
const CLEO: (&str, &str) = ("cleo", "cleo-123");

async fn prepared(engine: Engine) -> TestServer {
    let server = TestServer::on(engine, |_| {}).await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user(CLEO.0, CLEO.1, &["staff"]).await;
    server.app("shop", |_| {}).await;
    server
}

async fn send(
    server: &TestServer,
    method: &str,
    path: &str,
    body: &Value,
    who: (&str, &str),
) -> Answer {
    let method = method.parse().expect("a method");
    let request = server.http.request(method, format!("{}{path}", server.base));
    let request = request.basic_auth(who.0, Some(who.1)).header("content-type", "application/json");
    Answer::of(request.body(body.to_string()).send().await.expect("an answer")).await
}

async fn set(server: &TestServer, whose: &str, policy: &Value) {
    let answer = send(server, "PUT", &format!("{BASE}/{whose}"), policy, ADMIN).await;
    assert_eq!(answer.status, 200, "{whose} {policy} {answer:?}");
}

async fn active(server: &TestServer) -> usize {
    let path = "/api/sessions/v1/sessions?filter=username+eq+cleo";
    server.api("GET", path, ADMIN).await.json()["items"].as_array().expect("items").len()
}

#[tokio::test]
async fn overrides_stand_over_the_tenant_and_the_strictest_wins() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo").id;
        let staff = server.engine.role_named(&server.tenant, "staff").await.expect("staff").id;
        let shop = server.engine.application_by_client(server.tenant.id, "shop").await;
        let shop = shop.expect("read").expect("shop").id;
        let holds = async |app: bool| {
            let app = if app { format!("&application={shop}") } else { String::new() };
            let path = format!("{BASE}/effective?user={cleo}{app}");
            let answer = server.api("GET", &path, ADMIN).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["idle_timeout_ms"].as_i64().expect("a number")
        };
        assert_eq!(holds(false).await, 15 * 60_000);
        set(&server, "tenant", &json!({"idle_timeout_ms": 60_000})).await;
        assert_eq!(holds(false).await, 60_000);
        set(&server, &format!("roles/{staff}"), &json!({"idle_timeout_ms": 300_000})).await;
        assert_eq!(holds(false).await, 300_000);
        set(&server, &format!("users/{cleo}"), &json!({"idle_timeout_ms": 200_000})).await;
        assert_eq!(holds(false).await, 200_000);
        set(&server, &format!("applications/{shop}"), &json!({"idle_timeout_ms": 30_000})).await;
        assert_eq!((holds(false).await, holds(true).await), (200_000, 30_000));
        let browser = server.signed_in(CLEO.0, CLEO.1).await;
        let session = async || {
            let path = "/api/sessions/v1/sessions?filter=username+eq+cleo";
            server.api("GET", path, ADMIN).await.json()["items"][0].clone()
        };
        let time =
            |text: &Value| text.as_str().expect("a time").parse::<jiff::Timestamp>().expect("one");
        let left = |one: &Value| {
            time(&one["idle_deadline"]).as_millisecond()
                - time(&one["signed_in_at"]).as_millisecond()
        };
        assert_eq!(left(&session().await), 200_000);
        server.tokens(&browser, "shop", "openid").await;
        assert_eq!(
            left(&session().await),
            30_000,
            "the session keeps to the application's from now on"
        );
        let all = server.api("GET", BASE, ADMIN).await.json();
        assert_eq!(all["items"].as_array().map(Vec::len), Some(4));
        set(&server, &format!("users/{cleo}"), &json!({})).await;
        assert_eq!(holds(false).await, 300_000);
        for (path, body, status) in [
            ("tenant", json!({"idle_timeout_ms": 0}), 400),
            ("tenant", json!({"max_sessions": 0}), 400),
            ("tenant", json!({"at_limit": "explode"}), 400),
            ("tenant", json!({"colour": "red"}), 400),
            ("users/00000000-0000-4000-8000-000000000000", json!({}), 404),
            ("planets/x", json!({}), 404),
        ] {
            let path = format!("{BASE}/{path}");
            assert_eq!(
                send(&server, "PUT", &path, &body, ADMIN).await.status,
                status,
                "{path} {body}"
            );
        }
        let denied = send(&server, "PUT", &format!("{BASE}/tenant"), &json!({}), CLEO).await;
        assert_eq!(denied.status, 403);
        server.stop().await;
    }
}

#[tokio::test]
async fn at_the_limit_the_oldest_end_or_the_sign_in_is_refused() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        set(&server, "tenant", &json!({"max_sessions": 2, "at_limit": "end_oldest"})).await;
        let mut browsers = Vec::new();
        for _ in 0..3 {
            server.clock.advance(1000);
            browsers.push(server.signed_in(CLEO.0, CLEO.1).await);
        }
        assert_eq!(active(&server).await, 2);
        assert_eq!(browsers[0].get("/myaccount").await.status, 303, "the oldest is gone");
        let ended = server.ledger(1).await;
        let reason = format!("{:?}", ended[0].state);
        assert!(reason.contains("SessionLimit"), "{reason}");
        // Who is signed in already signs in again in the same session.
        let again = browsers[2].sign_in(CLEO.0, CLEO.1).await;
        assert_eq!((again.status, active(&server).await), (303, 2));
        set(&server, "tenant", &json!({"max_sessions": 2, "at_limit": "deny"})).await;
        let refused = server.browser().sign_in(CLEO.0, CLEO.1).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.body.contains("already have 2 sessions"));
        // A session that ran out doesn't count, ended yet or not.
        server.clock.advance(16 * 60_000);
        assert_eq!(server.browser().sign_in(CLEO.0, CLEO.1).await.status, 303);
        server.stop().await;
    }
}

#[tokio::test]
async fn no_race_leads_past_the_limit() {
    for engine in Engine::BOTH {
        for at_limit in ["deny", "end_oldest"] {
            let server = prepared(engine).await;
            set(&server, "tenant", &json!({"max_sessions": 3, "at_limit": at_limit})).await;
            let sign_in = |_| {
                let typed = Credentials::new(CLEO.0, CLEO.1);
                let visit = Visit { ip: "192.0.2.1".into(), ..Visit::default() };
                let (engine, tenant) = (&server.engine, &server.tenant);
                async move { engine.sign_in(tenant, &typed, &visit).await }
            };
            let all = futures_util::future::join_all((0..8).map(sign_in)).await;
            let in_time = all.iter().filter(|one| one.is_ok()).count();
            assert_eq!(active(&server).await, 3, "{engine:?} {at_limit}");
            assert!(in_time >= 3, "{in_time}");
            let refused = |one: &Result<_, SignInError>| match one {
                Ok(_) => true,
                Err(SignInError::TooManySessions { max: 3 }) => at_limit == "deny",
                // Others were quicker again and again.
                Err(SignInError::Failed(_)) => at_limit == "end_oldest",
                Err(_) => false,
            };
            assert!(all.iter().all(|one| refused(&one.as_ref().map(|_| ()).map_err(Clone::clone))));
            server.stop().await;
        }
    }
}

fn choices(page: &Answer) -> Vec<String> {
    let parts = page.body.split("name=\"end\" value=\"").skip(1);
    parts.map(|part| part.split('"').next().unwrap_or_default().to_owned()).collect()
}

async fn choose(browser: &Browser, page: &Answer, ends: &[&str]) -> Answer {
    let (csrf, choice) = (page.field("csrf"), page.field("choice"));
    let mut form = vec![("csrf", &*csrf), ("choice", &*choice)];
    form.extend(ends.iter().map(|id| ("end", *id)));
    browser.post("/login/sessions", &form).await
}

#[tokio::test]
async fn at_the_limit_the_person_chooses() {
    let server = prepared(Engine::Sqlite).await;
    set(&server, "tenant", &json!({"max_sessions": 2, "at_limit": "ask"})).await;
    let first = server.signed_in(CLEO.0, CLEO.1).await;
    server.clock.advance(1000);
    let second = server.signed_in(CLEO.0, CLEO.1).await;
    server.clock.advance(1000);
    let third = server.browser();
    let asked = third.authorize("shop", "openid", &[]).await;
    let page = third.get(asked.location()).await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form = [("csrf", &*csrf), ("ticket", &*ticket), ("username", CLEO.0), ("password", CLEO.1)];
    let page = third.post("/login", &form).await;
    let offered = choices(&page);
    assert_eq!((page.status, offered.len()), (200, 2), "{page:?}");
    let none = choose(&third, &page, &[]).await;
    assert!(none.body.contains("selected enough"), "{none:?}");
    assert_eq!(active(&server).await, 2);
    // Of no use in another browser, nor with another's session, nor later.
    let stranger = server.browser();
    stranger.get("/login").await;
    assert_eq!(choose(&stranger, &page, &[&offered[1]]).await.status, 403);
    let admin = server.signed_in(ADMIN.0, ADMIN.1).await;
    let list = server.api("GET", "/api/sessions/v1/sessions?filter=username+eq+admin", ADMIN).await;
    let foreign = list.json()["items"][0]["id"].as_str().expect("an id").to_owned();
    assert!(choose(&third, &page, &[&foreign]).await.body.contains("selected enough"));
    assert_eq!(admin.get("/myaccount").await.status, 200);
    let done = choose(&third, &page, &[&offered[1]]).await;
    assert_eq!(done.status, 303, "{done:?}");
    let code = third.get(done.location()).await;
    assert!(code.redirect_param("code").is_some(), "on to the application: {code:?}");
    assert_eq!(first.get("/myaccount").await.status, 303, "the chosen one has ended");
    assert_eq!(second.get("/myaccount").await.status, 200);
    // Sent twice, it is the same sign-in; it is none after signing in or out, since a choice proves nothing anew.
    let again = choose(&third, &page, &[&offered[1]]).await;
    assert_eq!((again.status, again.location()), (303, done.location()), "{again:?}");
    assert_eq!(active(&server).await, 2);
    let renewed = third.sign_in_at("/login", CLEO.0, CLEO.1, false).await;
    assert_eq!(renewed.status, 303, "{renewed:?}");
    assert_ne!(choose(&third, &page, &[&offered[1]]).await.status, 303);
    let csrf = third.get("/myaccount").await.field("csrf");
    third.post("/logout", &[("csrf", &csrf)]).await;
    let replayed = choose(&third, &page, &[&offered[0]]).await;
    assert_ne!(replayed.status, 303, "{replayed:?}");
    assert_eq!(third.get("/myaccount").await.status, 303, "nobody is signed in");
    server.clock.advance(6 * 60_000);
    let late = choose(&third, &page, &[&offered[0]]).await;
    assert!(late.location().starts_with("/login?ticket="), "{late:?}");
    server.stop().await;
}

/// Whether the sign-in page asks, and how long the session that begins is remembered.
async fn remembered(server: &TestServer, at: &str, asked: bool) -> (bool, bool) {
    let browser = server.browser();
    let page = browser.get(at).await;
    let question = page.body.contains("name=\"remember\"");
    let answer = browser.sign_in_at(at, CLEO.0, CLEO.1, asked).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let list = server.api("GET", "/api/sessions/v1/sessions?filter=username+eq+cleo", ADMIN).await;
    (question, list.json()["items"][0]["remember"].as_bool().expect("a session"))
}

#[tokio::test]
async fn staying_signed_in_is_asked_for_or_decided_by_policy() {
    let server = prepared(Engine::Sqlite).await;
    let shop = server.engine.application_by_client(server.tenant.id, "shop").await;
    let shop = format!("applications/{}", shop.expect("read").expect("shop").id);
    let in_shop = server.browser().authorize("shop", "openid", &[]).await.location().to_owned();
    for (tenant, application, at, asked, wanted) in [
        (json!({}), json!({}), "/login", false, (true, false)),
        (json!({}), json!({}), "/login", true, (true, true)),
        (json!({"remember_me": "always"}), json!({}), "/login", false, (false, true)),
        (json!({"remember_me": "never"}), json!({}), "/login", true, (false, false)),
        (
            json!({"remember_me": "never"}),
            json!({"remember_me": "ask"}),
            &in_shop,
            true,
            (true, true),
        ),
        (json!({}), json!({"remember_me": "never"}), &in_shop, true, (false, false)),
        (json!({}), json!({"remember_me": "never"}), "/login", true, (true, true)),
    ] {
        set(&server, "tenant", &tenant).await;
        set(&server, &shop, &application).await;
        server.clock.advance(1_000);
        assert_eq!(remembered(&server, at, asked).await, wanted, "{tenant} {application} {at}");
    }
    // A stricter policy of the person's own holds whatever the page asked.
    set(&server, &shop, &json!({})).await;
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo").id;
    set(&server, &format!("users/{cleo}"), &json!({"remember_me": "never"})).await;
    server.clock.advance(1_000);
    assert_eq!(remembered(&server, "/login", true).await, (true, false));
    server.stop().await;
    let always = TestServer::with(|settings| {
        settings.lifetimes.remember_me = sojourn_model::RememberMe::Always;
    })
    .await;
    assert!(!always.browser().get("/login").await.body.contains("name=\"remember\""));
}

#[tokio::test]
async fn an_application_demands_a_recent_authentication() {
    let server = prepared(Engine::Sqlite).await;
    let shop = server.engine.application_by_client(server.tenant.id, "shop").await;
    let shop = shop.expect("read").expect("shop").id;
    let whose = format!("applications/{shop}");
    set(&server, &whose, &json!({"max_authentication_age_ms": 60_000})).await;
    let browser = server.signed_in(CLEO.0, CLEO.1).await;
    server.clock.advance(59_000);
    assert!(browser.authorize("shop", "openid", &[]).await.redirect_param("code").is_some());
    server.clock.advance(2_000);
    let silent = browser.authorize("shop", "openid", &[("prompt", "none")]).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("login_required"));
    let asked = browser.authorize("shop", "openid", &[]).await;
    assert!(asked.location().contains("/login"), "{asked:?}");
    let done = browser.sign_in_at(asked.location(), CLEO.0, CLEO.1, false).await;
    assert!(browser.get(done.location()).await.redirect_param("code").is_some());
    server.stop().await;
}

#[tokio::test]
async fn a_changed_password_ends_what_the_policy_says() {
    for (policy, stays) in [("keep_current", true), ("all", false)] {
        let server = prepared(Engine::Sqlite).await;
        set(&server, "tenant", &json!({"on_password_change": policy})).await;
        let here = server.signed_in(CLEO.0, CLEO.1).await;
        let there = server.signed_in(CLEO.0, CLEO.1).await;
        let tokens = server.tokens(&there, "shop", "openid offline_access").await;
        let refresh = tokens["refresh_token"].as_str().expect("one").to_owned();
        let change = async |current: &str, new: &str, again: &str| {
            let page = here.get("/myaccount/password").await;
            let csrf = page.field("csrf");
            let form = [("csrf", &*csrf), ("current", current), ("new", new), ("again", again)];
            here.post("/myaccount/password", &form).await
        };
        assert_eq!(
            change("wrong-one", "a-new-word-for-one", "a-new-word-for-one").await.status,
            403
        );
        assert_eq!(change(CLEO.1, "short", "short").await.status, 400);
        assert_eq!(change(CLEO.1, "a-new-word-for-one", "a-new-word-for-two").await.status, 400);
        assert_eq!(change(CLEO.1, CLEO.1, CLEO.1).await.status, 400);
        let done = change(CLEO.1, "a-new-word-for-one", "a-new-word-for-one").await;
        let next = if stays { "/myaccount/security?done=password" } else { "/signed-out?of=" };
        assert!(done.status == 303 && done.location().starts_with(next), "{done:?}");
        assert_eq!(here.get("/myaccount").await.status == 200, stays);
        assert_eq!(there.get("/myaccount").await.status, 303);
        assert_eq!(server.refresh("shop", &refresh).await.status, 400, "offline access too");
        assert_eq!(server.browser().sign_in(CLEO.0, CLEO.1).await.status, 401);
        assert_eq!(server.browser().sign_in(CLEO.0, "a-new-word-for-one").await.status, 303);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_group_has_a_policy_is_found_and_ended() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let cleo = server.engine.user_named(&server.tenant, CLEO.0).await.expect("cleo");
        let by = sojourn_engine::Authority::system();
        let group =
            server.engine.add_group(&server.tenant, "couriers", None, &[cleo.id], &by).await;
        let group = group.expect("a group");
        set(
            &server,
            &format!("groups/{}", group.id),
            &json!({"max_sessions": 1, "at_limit": "deny"}),
        )
        .await;
        let first = server.signed_in(CLEO.0, CLEO.1).await;
        assert_eq!(server.browser().sign_in(CLEO.0, CLEO.1).await.status, 403, "one is enough");
        let admin = server.signed_in("admin", "admin12").await;
        let (found, path) =
            ("/api/sessions/v1/sessions?filter=group+eq+Couriers", "/api/sessions/v1/end");
        let found = server.api("GET", found, ("admin", "admin12")).await.json();
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found["items"][0]["user"]["username"], CLEO.0);
        let request =
            server.http.post(format!("{}{path}", server.base)).basic_auth("admin", Some("admin12"));
        let body = json!({"group": "couriers"}).to_string();
        let sent = request.header("content-type", "application/json").body(body).send().await;
        assert_eq!(sent.expect("an answer").status(), 200);
        assert_eq!(first.get("/myaccount").await.status, 303, "ended");
        assert_eq!(admin.get("/myaccount").await.status, 200, "not in the group");
        server.engine.remove_group(&server.tenant, group.id, None, &by).await.expect("removed");
        server.clock.advance(2_000);
        server.signed_in(CLEO.0, CLEO.1).await;
        server.signed_in(CLEO.0, CLEO.1).await;
        server.stop().await;
    }
}

#[tokio::test]
async fn a_new_password_is_held_to_the_rules() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |settings| {
            settings.password_rules.length_alone = Some(10);
            settings.password_rules.history = 2;
            settings.throttle.per_account = 1_000;
        })
        .await;
        server.user(CLEO.0, CLEO.1, &[]).await;
        let change = async |current: &str, new: &str| {
            let browser = server.signed_in(CLEO.0, current).await;
            let page = browser.get("/myaccount/password").await;
            let csrf = page.field("csrf");
            let form = [("csrf", &*csrf), ("current", current), ("new", new), ("again", new)];
            browser.post("/myaccount/password", &form).await
        };
        let words = [CLEO.1, "grey heron nine", "vier Igel im Regen", "le train de nuit 7"];
        for (new, why) in [
            ("new-word", "at least 10 characters"),
            ("password123", "too easy to guess"),
            ("cleocleocleo", "too easy to guess"),
            (CLEO.1, "used this password before"),
        ] {
            let answer = change(CLEO.1, new).await;
            assert_eq!(answer.status, 400, "{new}");
            assert!(answer.body.contains(why), "{new}: {}", answer.body);
            server.clock.advance(1_000);
        }
        for pair in words.windows(2) {
            assert_eq!(change(pair[0], pair[1]).await.status, 303, "{pair:?}");
            server.clock.advance(1_000);
        }
        // Of the earlier ones two are remembered, besides the present one.
        let refused = change(words[3], words[2]).await;
        assert!(refused.body.contains("used this password before"), "{refused:?}");
        assert_eq!(change(words[3], words[1]).await.status, 400);
        assert_eq!(change(words[3], "grey heron ten").await.status, 303);
        server.clock.advance(1_000);
        assert_eq!(change("grey heron ten", words[1]).await.status, 303, "forgotten by now");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_policy_ends_sessions_at_a_change_of_a_role() {
    for (policy, given, taken) in
        [("nothing", true, true), ("removed", true, false), ("any", false, false)]
    {
        let server = TestServer::with(|settings| settings.handlers.clear()).await;
        server.user("admin", "admin12", &["admin"]).await;
        let cleo = server.user(CLEO.0, CLEO.1, &[]).await;
        let by = sojourn_engine::Authority::system();
        let role = server.engine.add_role(&server.tenant, "staff", "", &by).await.expect("a role");
        set(&server, "tenant", &json!({"on_role_change": policy})).await;
        for (what, stays) in [
            (sojourn_engine::directory::RoleChange::Assign, given),
            (sojourn_engine::directory::RoleChange::Unassign, taken),
        ] {
            let browser = server.signed_in(CLEO.0, CLEO.1).await;
            server
                .engine
                .change_role(&server.tenant, &role, &cleo, what, &by)
                .await
                .expect("changed");
            assert_eq!(browser.get("/myaccount").await.status == 200, stays, "{policy} {what:?}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn wso2s_configuration_endpoint_sets_the_tenants_policy() {
    let server = prepared(Engine::Sqlite).await;
    let path = "/api/server/v1/configs";
    let get = async || server.api("GET", path, ADMIN).await.json();
    let fresh = json!({
        "idleSessionTimeoutPeriod": "15", "rememberMePeriod": "20160",
        "enableMaximumSessionTimeoutPeriod": false, "maximumSessionTimeoutPeriod": "43200",
        "preserveCurrentSessionAtPasswordUpdate": false,
    });
    assert_eq!(get().await, fresh);
    let operation =
        |path: &str, value: Value| json!({"operation": "REPLACE", "path": path, "value": value});
    let good = json!([
        operation("/idleSessionTimeoutPeriod", json!("1")),
        operation("/enableMaximumSessionTimeoutPeriod", json!(true)),
        operation("/maximumSessionTimeoutPeriod", json!("2")),
    ]);
    assert_eq!(send(&server, "PATCH", path, &good, ADMIN).await.status, 200);
    let now = get().await;
    assert_eq!(
        (&now["idleSessionTimeoutPeriod"], &now["maximumSessionTimeoutPeriod"]),
        (&json!("1"), &json!("2"))
    );
    for wrong in [json!(""), json!("0"), json!("-5"), json!("soon"), json!(null), json!([1])] {
        let both = json!([
            operation("/rememberMePeriod", json!("5")),
            operation("/idleSessionTimeoutPeriod", wrong.clone()),
        ]);
        let answer = send(&server, "PATCH", path, &both, ADMIN).await;
        assert_eq!(answer.status, 400, "{wrong}");
        let body = answer.json();
        assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
    }
    assert_eq!(get().await["rememberMePeriod"], "20160", "all operations or none");
    assert_eq!(send(&server, "PATCH", path, &good, CLEO).await.status, 403);
    let browser = server.signed_in(CLEO.0, CLEO.1).await;
    server.clock.advance(50_000);
    assert_eq!(browser.get("/myaccount").await.status, 200);
    server.clock.advance(50_000);
    assert_eq!(browser.get("/myaccount").await.status, 200);
    server.clock.advance(50_000);
    assert_eq!(browser.get("/myaccount").await.status, 303, "two minutes are over, used or not");
    server.stop().await;
}
