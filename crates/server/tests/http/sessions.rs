//! WSO2's session API: JSON, statuses, error bodies, rights.

use serde_json::json;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const ME: &str = "/t/carbon.super/api/users/v1/me/sessions";

async fn prepared(engine: Engine) -> TestServer {
    let server = TestServer::on(engine, |_| {}).await;
    server.user("alex", "alex123", &[]).await;
    server.user("admin", "admin12", &["admin"]).await;
    server.app("dispatch", |_| {}).await;
    server.app("manager", |_| {}).await;
    server
}

#[tokio::test]
async fn one_s_own_sessions_as_the_article_shows_them() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let alex = ("alex", "alex123");
        assert_eq!(server.api("GET", ME, alex).await.json(), json!({}), "none");
        let browser = server.signed_in("alex", "alex123").await;
        assert_eq!(server.api("GET", ME, alex).await.json(), json!({}), "in no application");
        server.tokens(&browser, "dispatch", "openid").await;
        server.tokens(&browser, "manager", "openid").await;
        let answer = server.api("GET", ME, alex).await;
        assert_eq!(answer.header("content-type"), "application/json");
        let listed = answer.json();
        assert_eq!(listed.as_object().map(serde_json::Map::len), Some(2));
        let session = &listed["sessions"][0];
        assert_eq!(session["userId"], listed["userId"]);
        let now = sojourn_model::Clock::now(&*server.clock).0.to_string();
        assert_eq!(session["loginTime"], now);
        assert_eq!(session["ip"], "127.0.0.1");
        assert!(session["userAgent"].as_str().is_some_and(|ua| ua.contains("Chrome")));
        assert_eq!(session["id"].as_str().map(str::len), Some(64));
        let apps = session["applications"].as_array().expect("applications");
        assert_eq!(apps.len(), 2);
        assert_eq!(apps[0]["subject"], "alex");
        assert_eq!((&apps[0]["appName"], &apps[0]["appId"]), (&json!("dispatch"), &json!("3")));
        assert_eq!(apps[0].as_object().map(serde_json::Map::len), Some(4));

        let id = session["id"].as_str().expect("an id");
        let unknown = "0".repeat(64);
        for (path, why) in
            [(format!("{ME}/{unknown}"), "unknown"), (format!("{ME}/nonsense"), "malformed")]
        {
            assert_eq!(server.api("DELETE", &path, alex).await.status, 204, "{why}");
        }
        // Someone else's id: 204 as well, and nothing happens.
        let path = format!("{ME}/{id}");
        assert_eq!(server.api("DELETE", &path, ("admin", "admin12")).await.status, 204);
        assert_ne!(server.api("GET", ME, alex).await.json(), json!({}));
        assert_eq!(server.api("DELETE", &path, alex).await.status, 204);
        assert_eq!(server.api("GET", ME, alex).await.json(), json!({}));
        server.stop().await;
    }
}

/// Sessions of several people, a second apart, oldest first: their ids.
async fn crowd(server: &TestServer, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        server.clock.advance(1000);
        let name = ["alex", "admin"][n % 2];
        let browser = server.signed_in(name, if n % 2 == 0 { "alex123" } else { "admin12" }).await;
        let client = ["dispatch", "manager"][n / 2 % 2];
        let tokens = server.tokens(&browser, client, "openid").await;
        let _ = tokens;
        let newest = server.api("GET", &format!("{ALL}?limit=1"), ADMIN).await.json();
        ids.push(newest["Resources"][0]["id"].as_str().expect("an id").to_owned());
    }
    ids
}

const ALL: &str = "/api/users/v1/sessions";
const ADMIN: (&str, &str) = ("admin", "admin12");

fn listed(answer: &serde_json::Value) -> Vec<String> {
    let all = answer["Resources"].as_array().or_else(|| answer["sessions"].as_array());
    let ids = all.into_iter().flatten().filter_map(|one| one["id"].as_str());
    ids.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_search_filters_and_says_what_is_wrong() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let ids = crowd(&server, 8).await;
        let search = async |filter: &str| {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("filter", filter)
                .finish();
            server.api("GET", &format!("{ALL}?{query}"), ADMIN).await
        };
        let mut newest_first = ids.clone();
        newest_first.reverse();
        let at = |n: usize| newest_first[7 - n].clone();
        let third = server.api("GET", &format!("{ALL}?filter=sessionId+eq+{}", at(3)), ADMIN).await;
        let time = third.json()["Resources"][0]["loginTime"].as_str().expect("a time").to_owned();
        for (filter, want) in [
            ("loginId eq alex".to_owned(), vec![at(6), at(4), at(2), at(0)]),
            ("LoginId SW \"AL\"".into(), vec![at(6), at(4), at(2), at(0)]),
            ("loginId eq alex and appName eq manager".into(), vec![at(6), at(2)]),
            ("appName co ANAG and not (loginId ew min)".into(), vec![at(6), at(2)]),
            (format!("sessionId eq {} or sessionId eq {}", at(1), at(5)), vec![at(5), at(1)]),
            (format!("loginTime ge {time} and loginTime le {time}"), vec![at(3)]),
            ("ipAddress eq 127.0.0.1 and userAgent co chrome".into(), newest_first.clone()),
            ("ipAddress eq 10.0.0.1".into(), vec![]),
            ("loginId eq nobody".into(), vec![]),
            ("appName eq \"no such\"".into(), vec![]),
        ] {
            let answer = search(&filter).await;
            assert_eq!(answer.status, 200, "{filter} {answer:?}");
            assert_eq!(listed(&answer.json()), want, "{engine:?} {filter}");
        }
        for filter in
            ["", "loginId", "loginId like x", "userId eq x", "loginTime ge soon", "loginId ge x"]
        {
            let answer = search(&format!("({filter})")).await;
            let body = answer.json();
            assert_eq!(
                (answer.status, body["code"].as_str()),
                (400, Some("USM-10011")),
                "{filter}"
            );
            let description = body["description"].as_str().unwrap_or_default();
            assert!(description.starts_with("Data validation has failed, "), "{description}");
        }
        assert_eq!(server.api("GET", &format!("{ALL}?limit=x"), ADMIN).await.status, 400);
        server.stop().await;
    }
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_sessions_come_and_go() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let ids = crowd(&server, 9).await;
        let first = server.api("GET", &format!("{ALL}?limit=3"), ADMIN).await.json();
        assert!(first.get("previous").is_none(), "{first}");
        let mut seen = listed(&first);
        // Meanwhile one comes, and one goes that was shown and one that wasn't.
        crowd(&server, 1).await;
        let alex = server.engine.user_named(&server.tenant, "alex").await.expect("alex").id;
        for id in [&ids[8], &ids[2]] {
            let path = format!("/api/users/v1/{alex}/sessions/{id}");
            assert_eq!(server.api("DELETE", &path, ADMIN).await.status, 204);
        }
        let mut link = first["next"].as_str().map(str::to_owned);
        let mut previous = None;
        while let Some(next) = link {
            let page = server.api("GET", &next, ADMIN).await.json();
            previous = page["previous"].as_str().map(str::to_owned).or(previous);
            seen.extend(listed(&page));
            link = page["next"].as_str().map(str::to_owned);
        }
        let mut want: Vec<String> = ids.iter().rev().cloned().collect();
        want.retain(|id| *id != ids[2]);
        assert_eq!(seen, want, "{engine:?}");
        // And back again, to the one that came.
        let mut back = Vec::new();
        while let Some(link) = previous.take() {
            let page = server.api("GET", &link, ADMIN).await.json();
            back.splice(0..0, listed(&page));
            previous = page["previous"].as_str().map(str::to_owned);
        }
        assert_eq!(back.len(), 6, "{engine:?}: all that are newer than the last page, none twice");
        server.stop().await;
    }
}

#[tokio::test]
async fn lists_of_one_user_are_cut_filtered_and_sorted() {
    let server = prepared(Engine::Sqlite).await;
    let ids = crowd(&server, 6).await;
    let own = [ids[4].clone(), ids[2].clone(), ids[0].clone()];
    for (query, want) in [
        ("", own.to_vec()),
        ("limit=2", own[..2].to_vec()),
        ("limit=2&offset=1", own[1..].to_vec()),
        ("offset=9", vec![]),
        ("sort=%2BloginTime", own.iter().rev().cloned().collect()),
        ("sort=-lastAccessTime&limit=1", own[..1].to_vec()),
        ("filter=appName+eq+manager", vec![ids[2].clone()]),
    ] {
        let answer = server.api("GET", &format!("{ME}?{query}"), ("alex", "alex123")).await;
        assert_eq!(listed(&answer.json()), want, "{query}");
    }
    for query in ["limit=-1", "offset=x", "sort=name", "filter=x", "limit=1&limit=2"] {
        let answer = server.api("GET", &format!("{ME}?{query}"), ("alex", "alex123")).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (400, Some("USM-10011")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn administrators_see_and_end_by_right() {
    for engine in Engine::BOTH {
        let server = prepared(engine).await;
        let alex = server.engine.user_named(&server.tenant, "alex").await.expect("alex").id;
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, "dispatch", "openid").await;
        let access = tokens["access_token"].as_str().expect("a token");
        let base = format!("/api/users/v1/{alex}/sessions");
        let admin = ("admin", "admin12");
        let listed = server.api("GET", &base, admin).await.json();
        let id = listed["sessions"][0]["id"].as_str().expect("an id").to_owned();
        let one = server.api("GET", &format!("{base}/{id}"), admin).await;
        assert_eq!(one.json(), listed["sessions"][0]);
        let absent = server.api("GET", &format!("{base}/{}", "0".repeat(64)), admin).await;
        assert_eq!((absent.status, absent.body.as_str()), (404, ""));
        let nobody = "/api/users/v1/00000000-0000-4000-8000-000000000000/sessions";
        for (method, path) in
            [("GET", nobody), ("DELETE", nobody), ("GET", "/api/users/v1/x/sessions")]
        {
            let answer = server.api(method, path, admin).await;
            assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("UMG-10001")));
        }
        let newest = server.api("GET", "/api/users/v1/sessions", admin).await.json();
        assert_eq!(newest["Resources"].as_array().map(Vec::len), Some(1));
        for path in [&*base, "/api/users/v1/sessions"] {
            let answer = server.api("GET", path, ("alex", "alex123")).await;
            assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("UE-10002")));
        }
        assert_eq!(server.api("DELETE", &format!("{base}/{id}"), admin).await.status, 204);
        assert!(!server.active("dispatch", access).await);
        let again = server.signed_in("alex", "alex123").await;
        server.tokens(&again, "dispatch", "openid").await;
        assert_eq!(server.api("DELETE", &base, admin).await.status, 204);
        assert_eq!(server.api("GET", &base, admin).await.json(), json!({}));
        let audit = server.audit(9).await;
        assert!(audit.iter().filter(|row| row.action == "session.end").count() == 2);
        server.stop().await;
    }
}

#[tokio::test]
async fn nobody_reaches_someone_with_more_rights() {
    let server = prepared(Engine::Sqlite).await;
    let rights = "internal_session_view internal_session_delete";
    let actor = sojourn_engine::Authority::system();
    server.engine.add_role(&server.tenant, "helpdesk", rights, &actor).await.expect("a role");
    server.user("helper", "helper1", &["helpdesk"]).await;
    let admin = server.engine.user_named(&server.tenant, "admin").await.expect("admin").id;
    let browser = server.signed_in("admin", "admin12").await;
    server.tokens(&browser, "dispatch", "openid").await;
    let path = format!("/api/users/v1/{admin}/sessions");
    for method in ["GET", "DELETE"] {
        let answer = server.api(method, &path, ("helper", "helper1")).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, ""), "{method}");
    }
    let newest = server.api("GET", "/api/users/v1/sessions", ("helper", "helper1")).await.json();
    assert_eq!(newest, json!({"Resources": []}));
    assert_ne!(server.api("GET", &path, ("admin", "admin12")).await.json(), json!({}));
}

#[tokio::test]
async fn who_is_let_in() {
    let server = prepared(Engine::Sqlite).await;
    let plain = server.browser().get(ME).await;
    assert_eq!((plain.status, plain.json()["code"].as_str()), (401, Some("UE-10001")));
    let schemes: Vec<&str> = plain
        .headers
        .get_all("www-authenticate")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    assert_eq!(schemes, ["Bearer realm=\"sojourn\"", "Basic realm=\"sojourn\""]);
    assert_eq!(server.api("GET", ME, ("alex", "wrong")).await.status, 401);
    assert_eq!(server.api("GET", ME, ("alex@carbon.super", "alex123")).await.status, 200);
    // The session cookie opens no API.
    let browser = server.signed_in("alex", "alex123").await;
    assert_eq!(browser.get(ME).await.status, 401);
    // A browser's own dialogue never pops up, and another site's page gets nothing.
    let url = format!("{}{ME}", server.base);
    let fetched = server.http.get(&url).header("sec-fetch-mode", "cors").send().await;
    let fetched = fetched.expect("an answer");
    assert_eq!(fetched.headers().get_all("www-authenticate").iter().count(), 1);
    let foreign = server.http.get(&url).header("sec-fetch-site", "cross-site");
    let foreign = foreign.basic_auth("alex", Some("alex123")).send().await.expect("an answer");
    assert_eq!(foreign.status().as_u16(), 401);
    // A token needs the scope, and its user the right.
    server
        .app("portal", |app| {
            app.settings
                .oidc
                .scopes
                .extend(["internal_login".into(), "internal_session_view".into()]);
        })
        .await;
    for (scope, status) in [("openid", 403), ("openid internal_login", 200)] {
        let tokens = server.tokens(&browser, "portal", scope).await;
        let token = tokens["access_token"].as_str().expect("a token").to_owned();
        let answer = server.http.get(&url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{scope}");
    }
    let tokens = server.tokens(&browser, "portal", "openid internal_session_view").await;
    assert_eq!(tokens["scope"], "openid", "a right that Alex hasn't got isn't given");
}
