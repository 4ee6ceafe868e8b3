//! `/api/sessions/v1`: finding, looking, ending.

use serde_json::{Value, json};
use sojourn_testkit::server::{Answer, TestServer};
use sojourn_testkit::store::Engine;

const BASE: &str = "/api/sessions/v1";
const ADMIN: (&str, &str) = ("admin", "admin12");

async fn prepared(engine: Engine) -> TestServer {
    let server = TestServer::on(engine, |_| {}).await;
    server.user("alex", "alex123", &[]).await;
    server.user("admin", "admin12", &["admin"]).await;
    server.app("app", |_| {}).await;
    server
}

async fn end(server: &TestServer, body: &Value, who: (&str, &str)) -> Answer {
    let request =
        server.http.post(format!("{}{BASE}/end", server.base)).basic_auth(who.0, Some(who.1));
    let request = request.header("content-type", "application/json").body(body.to_string());
    Answer::of(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn cursors_lead_both_ways_and_belong_to_one_question_of_one_caller() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let mut browsers = Vec::new();
        for _ in 0..5 {
            server.clock.advance(1000);
            browsers.push(server.signed_in("alex", "alex123").await);
        }
        let page = async |query: &str| {
            let answer = server.api("GET", &format!("{BASE}/sessions?{query}"), ADMIN).await;
            assert_eq!(answer.status, 200, "{query} {answer:?}");
            answer.json()
        };
        let ids = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().expect("items");
            items.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
        };
        let all = ids(&page("limit=50").await);
        assert_eq!(all.len(), 5);
        let first = page("limit=2").await;
        assert!(first["prior"].is_null());
        let next = first["next"].as_str().expect("more").to_owned();
        let second = page(&format!("limit=2&cursor={next}")).await;
        assert_eq!([ids(&first), ids(&second)].concat(), all[..4]);
        let prior = second["prior"].as_str().expect("back").to_owned();
        assert_eq!(ids(&page(&format!("limit=2&cursor={prior}")).await), all[..2]);
        // Another character in the middle: all bits of it count, and it is never the same one.
        let (head, tail) = next.split_at(next.len() / 2);
        let other = if tail.starts_with('x') { 'y' } else { 'x' };
        let tampered = format!("{head}{other}{}", &tail[1..]);
        for query in [
            format!("cursor={tampered}"),
            format!("cursor={next}&filter=loginId+eq+alex"),
            "cursor=x".to_owned(),
            "limit=0".to_owned(),
            "filter=x".to_owned(),
        ] {
            let answer = server.api("GET", &format!("{BASE}/sessions?{query}"), ADMIN).await;
            assert_eq!(answer.status, 400, "{query}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
        let path = format!("{BASE}/sessions?cursor={next}");
        assert_eq!(server.api("GET", &path, ("alex", "alex123")).await.status, 403);
        let one = server.api("GET", &format!("{BASE}/sessions/{}", all[0]), ADMIN).await.json();
        assert_eq!((&one["state"], &one["user"]["username"]), (&json!("active"), &json!("alex")));
        server.stop().await;
    }
}

#[tokio::test]
async fn ends_are_previewed_guarded_and_done() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let alex = server.engine.user_named(&server.tenant, "alex").await.expect("alex").id;
        let first = server.signed_in("alex", "alex123").await;
        let second = server.signed_in("alex", "alex123").await;
        let mut access = Vec::new();
        for browser in [&first, &second] {
            let tokens = server.tokens(browser, "app", "openid").await;
            access.push(tokens["access_token"].as_str().expect("a token").to_owned());
        }
        for wrong in [
            json!({}),
            json!({"users": []}),
            json!({"sessions": ["x"]}),
            json!({"users": [alex], "everything": true}),
            json!({"users": [alex], "except": "x"}),
            json!({"users": [alex], "effects": {"session": false, "tokens": false, "consents": false, "notify": false}}),
            json!({"users": [alex], "effects": []}),
        ] {
            let answer = end(&server, &wrong, ADMIN).await;
            assert_eq!(answer.status, 400, "{wrong} {answer:?}");
        }
        let other = server.second_tenant("acme").await;
        let stranger = server.user_in(&other, "sam", "sam1234", &[]).await.id;
        for unknown in [json!(stranger), json!("00000000-0000-4000-8000-000000000000")] {
            assert_eq!(end(&server, &json!({"users": [unknown]}), ADMIN).await.status, 404);
        }
        let crowd = json!({"sessions": vec!["0".repeat(64); 101]});
        assert_eq!(end(&server, &crowd, ADMIN).await.status, 400);
        assert_eq!(end(&server, &json!({"users": [alex]}), ("alex", "alex123")).await.status, 403);
        let dry = end(&server, &json!({"users": [alex], "dry_run": true}), ADMIN).await.json();
        assert_eq!((&dry["summary"]["sessions"], &dry["expected_at_most"]), (&json!(2), &json!(2)));
        assert!(server.active("app", &access[0]).await, "nothing was done");
        let guarded = json!({"users": [alex], "expected_at_most": 1});
        assert_eq!(end(&server, &guarded, ADMIN).await.status, 409);
        let list = server.api("GET", &format!("{BASE}/sessions"), ADMIN).await.json();
        let newest = list["items"][0]["id"].as_str().expect("an id").to_owned();
        let spared = json!({"users": [alex], "except": newest, "expected_at_most": 1});
        let done = end(&server, &spared, ADMIN).await.json();
        assert_eq!(done["summary"]["sessions"], 1, "{done}");
        let alive =
            [server.active("app", &access[0]).await, server.active("app", &access[1]).await];
        assert_eq!(alive.iter().filter(|one| **one).count(), 1, "the other one is spared");
        let by_session = json!({"sessions": [newest]});
        assert_eq!(end(&server, &by_session, ADMIN).await.json()["summary"]["sessions"], 1);
        assert_eq!(
            end(&server, &by_session, ADMIN).await.json()["summary"]["sessions"],
            0,
            "again"
        );
        let one = server.api("GET", &format!("{BASE}/sessions/{newest}"), ADMIN).await.json();
        assert_eq!((&one["state"], &one["end"]["reason"]), (&json!("ended"), &json!("admin")));
        assert_eq!(one["deliveries"][0]["state"], "unreachable");
        server.stop().await;
    }
}

/// A list is exactly what is wanted; in an object, what is left out is true. Nothing that is wrong goes unnamed.
#[tokio::test]
async fn effects_are_a_list_or_an_object_and_errors_name_the_member() {
    let server = prepared(Engine::Sqlite).await;
    let app = server.engine.application_by_client(server.tenant.id, "app").await;
    let app = app.expect("read").expect("the application").id;
    for (body, effects) in [
        (json!({}), json!(["session", "tokens", "offline", "notify"])),
        (json!({"effects": {}}), json!(["session", "tokens", "offline", "consents", "notify"])),
        (
            json!({"effects": {"consents": false}}),
            json!(["session", "tokens", "offline", "notify"]),
        ),
        (json!({"effects": ["tokens", "offline"]}), json!(["tokens", "offline"])),
        (json!({"effects": ["notify"], "applications": ["app"]}), json!(["notify"])),
        (json!({"effects": ["notify"], "applications": [app]}), json!(["notify"])),
    ] {
        for dry_run in [true, false] {
            let mut body = body.clone();
            body["users"] = json!(["alex"]);
            body["dry_run"] = json!(dry_run);
            let answer = end(&server, &body, ADMIN).await;
            assert_eq!(answer.status, 200, "{body}: {answer:?}");
            assert_eq!(answer.json()["effects"], effects, "{body}");
        }
    }
    for (body, words) in [
        (
            json!({"effects": {"session": "x"}}),
            "effects.session: invalid type: string \"x\", expected a boolean",
        ),
        (
            json!({"effects": ["sessions"]}),
            "effects: 'sessions' is not one of session, tokens, offline",
        ),
        (json!({"effects": [true]}), "effects[0]: invalid type: boolean"),
        (json!({"effects": "session"}), "expected a list of session, tokens, offline"),
        (json!({"effects": {"everything": true}}), "'everything' is not one of session"),
        (json!({"users": ["nobody"]}), "users: there is no user 'nobody'"),
        (json!({"applications": ["none"]}), "applications: there is no application 'none'"),
        (json!({"sessions": ["x"], "users": []}), "sessions: 'x' is not a session id"),
        (json!({"grants": ["x"], "users": []}), "grants: 'x' is not a grant id"),
        (json!({"rate": -1}), "rate: invalid value: integer `-1`"),
    ] {
        let mut asked = body.clone();
        if asked.get("users").is_none() {
            asked["users"] = json!(["alex"]);
        }
        let answer = end(&server, &asked, ADMIN).await;
        assert_eq!(answer.status, 400, "{asked}: {answer:?}");
        let told = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(told.contains(words) && !told.contains(" line "), "{asked}: {told}");
    }
}

/// Whoever ends a session by hand takes what was issued in it, for access while its person is away too. A sign-out in the
/// browser, of our own page or of an application, spares that.
#[tokio::test]
async fn an_end_by_hand_takes_offline_tokens_and_a_sign_out_spares_them() {
    let server = prepared(Engine::Sqlite).await;
    let alex = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
    let ways =
        ["mine", "mine by id", "administrator", "service", "page", "logout", "sign-out", "expiry"];
    for way in ways {
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, "app", "openid offline_access").await;
        let text = |name: &str| tokens[name].as_str().expect("a token").to_owned();
        let session = server.engine.sessions_of_user(&server.tenant, alex.id).await.expect("read");
        let session = session.first().expect("one").session.id;
        let own = ("alex", "alex123");
        match way {
            "mine" => drop(server.api("DELETE", "/api/users/v1/me/sessions", own).await),
            "mine by id" => {
                let path = format!("/api/users/v1/me/sessions/{session}");
                server.api("DELETE", &path, own).await;
            }
            "administrator" => {
                let path = format!("/api/users/v1/{}/sessions/{session}", alex.id);
                server.api("DELETE", &path, ADMIN).await;
            }
            "service" => {
                drop(end(&server, &json!({"sessions": [session.to_string()]}), ADMIN).await)
            }
            "page" => {
                let csrf = browser.get("/myaccount").await.field("csrf");
                let path = format!("/myaccount/sessions/{session}/end");
                browser.post(&path, &[("csrf", &csrf)]).await;
            }
            "logout" => {
                drop(browser.get(&format!("/oidc/logout?id_token_hint={}", text("id_token"))).await)
            }
            "sign-out" => {
                let csrf = browser.get("/myaccount").await.field("csrf");
                browser.post("/logout", &[("csrf", &csrf)]).await;
            }
            _ => {
                server.clock.advance(16 * 60_000);
                server.engine.sweep().await.expect("swept");
            }
        }
        let living = server.engine.sessions_of_user(&server.tenant, alex.id).await.expect("read");
        assert!(living.is_empty(), "{way}");
        let spared = matches!(way, "logout" | "sign-out" | "expiry");
        assert_eq!(
            server.refresh("app", &text("refresh_token")).await.status == 200,
            spared,
            "{way}"
        );
    }
}
