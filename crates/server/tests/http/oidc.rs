//! Discovery, keys, and the authorization code flow.

use sojourn_engine::directory::NewApplication;
use sojourn_model::SigningAlg;
use sojourn_testkit::server::{Answer, CALLBACK, CHALLENGE, TestServer, jwt_header};

#[tokio::test]
async fn discovery_lists_what_works_under_each_alias() {
    let server = TestServer::start().await;
    let browser = server.browser();
    let document = browser.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["issuer"], server.base);
    for alias in [
        "/oauth2/token/.well-known/openid-configuration",
        "/t/carbon.super/.well-known/openid-configuration",
        "/t/carbon.super/oauth2/token/.well-known/openid-configuration",
    ] {
        assert_eq!(browser.get(alias).await.json(), document, "{alias}");
    }
    assert_eq!(browser.get("/t/nobody/.well-known/openid-configuration").await.status, 404);
    for (name, address) in document.as_object().expect("an object") {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let status = browser.get(address.as_str().expect("text")).await.status;
            assert_ne!(status, 404, "{name}");
        }
    }
    let keys = browser.get("/oauth2/jwks").await.json();
    let algs: Vec<&str> =
        keys["keys"].as_array().expect("keys").iter().filter_map(|k| k["alg"].as_str()).collect();
    assert_eq!(algs.len(), 3, "PS256 is made when an application first asks for it");
    assert!(["RS256", "ES256", "EdDSA"].iter().all(|alg| algs.contains(alg)));
    assert!(keys["keys"].as_array().expect("keys").iter().all(|k| k.get("d").is_none()));
}

#[tokio::test]
async fn the_code_flow_gives_a_signed_id_token() {
    for alg in SigningAlg::ALL {
        let server = TestServer::start().await;
        let alex = server.user("alex", "alex123", &[]).await;
        server.app("app", |app| app.settings.oidc.id_token_signed_response_alg = alg).await;
        let browser = server.browser();
        let first =
            browser.authorize("app", "openid profile email", &[("login_hint", "alex")]).await;
        assert!(first.location().starts_with("/login?ticket="), "{first:?}");
        assert!(browser.get(first.location()).await.body.contains("value=\"alex\""), "the hint");
        let back = browser.sign_in_at(first.location(), "alex", "alex123", false).await;
        let answer = browser.get(back.location()).await;
        assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
        assert_eq!(answer.redirect_param("state").as_deref(), Some("st"));
        assert_eq!(answer.redirect_param("iss").as_deref(), Some(&*server.base));
        let code = answer.redirect_param("code").expect("a code");
        let tokens = server.redeem("app", &code).await.json();
        assert_eq!(
            (tokens["token_type"].as_str(), tokens["expires_in"].as_i64()),
            (Some("Bearer"), Some(3600))
        );
        let id_token = tokens["id_token"].as_str().expect("an ID token");
        let keys = server.engine.keys(server.tenant.id).await.expect("keys");
        let verified = sojourn_crypto::verify_jwt(keys.all(), "JWT", id_token).expect("signed");
        assert_eq!(jwt_header(id_token)["alg"], alg.as_str());
        assert_eq!(verified["iss"], server.base);
        assert_eq!(verified["aud"], "app");
        assert_eq!(verified["sub"], alex.id.to_string());
        assert_eq!(verified["nonce"], "no");
        assert_eq!(verified["amr"], serde_json::json!(["pwd"]));
        assert_eq!(verified["sid"].as_str().map(str::len), Some(32));
        let access = tokens["access_token"].as_str().expect("a token");
        assert_eq!(verified["at_hash"], sojourn_oidc::claims::half_hash(alg, access));
        let userinfo = server.http.get(format!("{}/oauth2/userinfo", server.base));
        let who: serde_json::Value =
            userinfo.bearer_auth(access).send().await.expect("answer").json().await.expect("JSON");
        assert_eq!(who["sub"], verified["sub"]);
        assert_eq!(who["preferred_username"], "alex");
        assert_eq!(who["email"], "alex@example.test");
    }
}

#[tokio::test]
async fn what_is_wrong_with_client_or_address_never_redirects() {
    let server = TestServer::start().await;
    server.app("app", |_| {}).await;
    let browser = server.browser();
    for query in [
        "",
        "client_id=unknown&redirect_uri=https://app.test/callback",
        "client_id=CONSOLE&redirect_uri=https://app.test/callback",
        "client_id=app",
        "client_id=app&redirect_uri=https://evil.test/callback",
        "client_id=app&client_id=app&redirect_uri=https://app.test/callback",
        "client_id=app&redirect_uri=https://app.test/callback&redirect_uri=https://app.test/callback",
        "client_id=app&redirect_uri=//evil.test",
    ] {
        let answer = browser.get(&format!("/oauth2/authorize?{query}&response_type=code")).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{query}");
        assert!(answer.body.contains("Request <code>"), "the page names the request");
    }
}

#[tokio::test]
async fn errors_go_to_the_registered_address_with_iss() {
    let server = TestServer::start().await;
    server.app("app", |_| {}).await;
    let browser = server.browser();
    for (more, want) in [
        (("prompt", "none"), "login_required"),
        (("request", "x"), "invalid_request_object"),
        (("request_uri", "https://x.test"), "invalid_request_uri"),
        (("registration", "{}"), "registration_not_supported"),
        (("claims", "x"), "invalid_request"),
        (("response_type", "id_token"), "invalid_request"),
        (("state", "again"), "invalid_request"),
        (("max_age", "x"), "invalid_request"),
        (("response_mode", "web_message"), "invalid_request"),
    ] {
        let answer = browser.authorize("app", "openid", &[more]).await;
        assert!(answer.location().starts_with(CALLBACK), "{more:?} {answer:?}");
        assert_eq!(answer.redirect_param("error").as_deref(), Some(want), "{more:?}");
        assert_eq!(answer.redirect_param("iss").as_deref(), Some(&*server.base));
        let state = (more.0 != "state").then_some("st");
        assert_eq!(answer.redirect_param("state").as_deref(), state, "{more:?}");
    }
}

#[tokio::test]
async fn prompt_and_max_age_ask_the_person_again_once() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let before = browser.cookie("__Host-sojourn").expect("a cookie");
    server.clock.advance(10_000);
    for more in [("prompt", "login"), ("max_age", "5"), ("max_age", "0")] {
        let asked = browser.authorize("app", "openid", &[more]).await;
        assert!(asked.location().starts_with("/login"), "{more:?}");
        let ticket = asked.location().replace("/login?ticket", "/oauth2/authorize?continue");
        let again = browser.get(&ticket).await;
        assert!(again.location().starts_with("/login"), "the ticket alone proves nothing");
        server.clock.advance(1_000);
        let back = browser.sign_in_at(asked.location(), "alex", "alex123", false).await;
        let answer = browser.get(back.location()).await;
        assert!(answer.redirect_param("code").is_some(), "{more:?} {answer:?}");
        server.clock.advance(10_000);
    }
    let after = browser.cookie("__Host-sojourn").expect("a cookie");
    assert_ne!(before, after, "signing in again changes the secret");
    let sessions = server.api("GET", "/api/users/v1/me/sessions", ("alex", "alex123")).await.json();
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(1), "and keeps the session");
    // prompt=none never shows a page.
    let silent = browser.authorize("app", "openid", &[("prompt", "none")]).await;
    assert!(silent.redirect_param("code").is_some());
    let silent = browser.authorize("app", "openid", &[("prompt", "none"), ("max_age", "1")]).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_public_client_needs_pkce_and_no_secret() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let public = |app: &mut NewApplication| {
        app.secret = None;
        app.settings.oidc.token_endpoint_auth_method = sojourn_model::ClientAuthMethod::None;
    };
    server.app("spa", public).await;
    let browser = server.signed_in("alex", "alex123").await;
    let code = browser.code("spa", "openid").await;
    let form = |verifier: &'static str| {
        vec![
            ("grant_type".to_owned(), "authorization_code".to_owned()),
            ("client_id".into(), "spa".into()),
            ("code".into(), code.clone()),
            ("redirect_uri".into(), CALLBACK.into()),
            ("code_verifier".into(), verifier.into()),
        ]
    };
    let send = async |form: Vec<(String, String)>| {
        let request = server.http.post(format!("{}/oauth2/token", server.base)).form(&form);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(send(form(CHALLENGE)).await, 400, "a wrong verifier doesn't use the code up");
    assert_eq!(send(form(sojourn_testkit::server::VERIFIER)).await, 200);
}

#[tokio::test]
async fn scripts_of_registered_origins_may_call_errors_included() {
    let server = TestServer::start().await;
    server
        .app("app", |app| app.settings.oidc.allowed_origins = vec!["https://spa.test".into()])
        .await;
    let send = async |method: &str, path: &str, origin: &str| {
        let mut request = server
            .http
            .request(method.parse().expect("a method"), format!("{}{path}", server.base))
            .header("origin", origin);
        if method == "OPTIONS" {
            request = request.header("access-control-request-method", "POST");
        }
        Answer::of(request.send().await.expect("an answer")).await
    };
    for path in ["/.well-known/openid-configuration", "/oauth2/jwks"] {
        let answer = send("GET", path, "https://anyone.test").await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
    // The first four take a cookie where tokens are bound to one; the others a bearer token alone.
    for (path, method, status, credentials) in [
        ("/oauth2/token", "POST", 401, "true"),
        ("/oauth2/userinfo", "POST", 401, "true"),
        ("/oauth2/revoke", "POST", 401, "true"),
        ("/oauth2/introspect", "POST", 401, "true"),
        ("/api/sessions/v1/me/sessions", "GET", 401, ""),
        ("/api/users/v1/me/sessions", "DELETE", 401, ""),
        ("/api/server/v1/applications", "GET", 401, ""),
        ("/scim2/Me", "PATCH", 401, ""),
        ("/connect/register", "POST", 403, ""),
    ] {
        for origin in ["https://app.test", "https://spa.test"] {
            let preflight = send("OPTIONS", path, origin).await;
            assert_eq!(preflight.status, 204, "{path}");
            assert_eq!(preflight.header("access-control-allow-origin"), origin);
            assert!(preflight.header("access-control-allow-headers").contains("Authorization"));
            let methods = preflight.header("access-control-allow-methods");
            assert!(methods.contains(method), "{path}: {methods}");
            let error = send(method, path, origin).await;
            assert_eq!(error.status, status, "{path}: {error:?}");
            assert_eq!(error.header("access-control-allow-origin"), origin, "on errors too");
            for answer in [preflight, error] {
                assert_eq!(answer.header("access-control-allow-credentials"), credentials);
            }
        }
        let stranger = send("OPTIONS", path, "https://evil.test").await;
        assert_eq!(stranger.header("access-control-allow-origin"), "");
        assert_eq!(stranger.header("vary"), "Origin");
    }
    let page = send("OPTIONS", "/login", "https://app.test").await;
    assert_eq!(page.header("access-control-allow-origin"), "", "pages are nobody else's");
}
