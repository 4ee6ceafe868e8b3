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
        let tampered = format!("{}x", &next[..next.len() - 1]);
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
            json!({"users": [alex], "effects": {"session": false, "tokens": false, "notify": false}}),
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
