//! What callers of APIs are told when they are refused.

use serde_json::json;
use sojourn_testkit::server::{Answer, TestServer};

#[tokio::test]
async fn refusals_name_the_error_where_a_token_was_sent() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let weak = tokens["access_token"].as_str().expect("one").to_owned();
    let get = async |path: &str, token: Option<&str>| {
        let request = server.http.get(format!("{}{path}", server.base));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Answer::of(request.send().await.expect("an answer")).await
    };
    for path in [
        "/api/users/v1/sessions",
        "/api/sessions/v1/sessions",
        "/scim2/Users",
        "/api/server/v1/applications",
    ] {
        let nothing = get(path, None).await;
        assert_eq!(nothing.status, 401, "{path}");
        assert!(!nothing.header("www-authenticate").contains("error"), "{path}: {nothing:?}");
        for (token, status, error) in [
            ("unknown", 401, "error=\"invalid_token\""),
            (&*weak, 403, "error=\"insufficient_scope\""),
        ] {
            let refused = get(path, Some(token)).await;
            assert_eq!(refused.status, status, "{path}: {refused:?}");
            assert!(refused.header("www-authenticate").contains(error), "{path}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn unknown_tenants_and_paths_answer_in_the_shape_of_what_was_asked() {
    let server = TestServer::start().await;
    let browser = server.browser();
    for (path, kind) in [
        ("/t/none/scim2/Users", "application/scim+json"),
        ("/scim2/Nothing", "application/scim+json"),
        ("/t/none/api/sessions/v1/sessions", "application/problem+json"),
        ("/api/sessions/v1/nothing", "application/problem+json"),
        ("/t/none/api/users/v1/me/sessions", "application/json"),
        ("/t/none/oauth2/token", "application/json"),
        ("/oauth2/nothing", "application/json"),
        ("/t/none/.well-known/openid-configuration", "application/json"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn an_empty_number_is_no_number() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    for path in [
        "/api/sessions/v1/sessions?limit=",
        "/api/sessions/v1/deliveries?limit=",
        "/api/users/v1/sessions?limit=",
        "/api/users/v1/sessions?since=",
        "/api/users/v1/me/sessions?limit=",
        "/api/server/v1/audit?limit=",
        "/scim2/Users?count=",
        "/scim2/Users?startIndex=",
    ] {
        let answer = server.api("GET", path, ("admin", "admin12")).await;
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert!(answer.body.contains("is empty"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn webfinger_names_the_issuer_and_no_account() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let host = server.base.trim_start_matches("http://");
    let rel = "http%3A%2F%2Fopenid.net%2Fspecs%2Fconnect%2F1.0%2Fissuer";
    let links =
        json!([{ "rel": "http://openid.net/specs/connect/1.0/issuer", "href": server.base }]);
    for (query, status, told) in [
        (format!("resource=acct:nobody@{host}&rel={rel}"), 200, links.clone()),
        (format!("resource={}/someone", server.base), 200, links.clone()),
        (format!("resource=acct:alex@{host}&rel=other"), 200, json!([])),
        (format!("resource=acct:alex@{host}&rel=other&rel={rel}"), 200, links.clone()),
        ("resource=acct:alex@evil.test".to_owned(), 404, json!(null)),
        (format!("resource=acct:@{host}"), 404, json!(null)),
        (format!("resource={}.evil.test/", server.base), 404, json!(null)),
        ("resource=alex".to_owned(), 400, json!(null)),
        (String::new(), 400, json!(null)),
    ] {
        let answer = browser.get(&format!("/.well-known/webfinger?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {answer:?}");
        if status == 200 {
            assert_eq!(answer.json()["links"], told, "{query}");
            assert_eq!(answer.header("content-type"), "application/jrd+json");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
        }
    }
}

#[tokio::test]
async fn localhost_has_any_port_where_the_application_says_so() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    for (client, any) in [("strict", false), ("loose", true)] {
        server
            .app(client, |app| {
                app.settings.oidc.redirect_uris = vec!["http://localhost/cb".into()];
                app.settings.oidc.any_localhost_port = any;
            })
            .await;
        let browser = server.signed_in("alex", "alex123").await;
        let other = [("redirect_uri", "http://localhost:49152/cb")];
        let answer = browser.ask(client, "openid", &other).await;
        assert_eq!(answer.redirect_param("code").is_some(), any, "{client}: {answer:?}");
        let elsewhere = [("redirect_uri", "http://localhost.evil.test:49152/cb")];
        assert_eq!(browser.ask(client, "openid", &elsewhere).await.status, 400);
    }
}
