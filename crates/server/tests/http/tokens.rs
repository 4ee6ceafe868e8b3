//! The token endpoint and what lives by its tokens.

use sojourn_model::GrantType;
use sojourn_testkit::server::{CALLBACK, TestServer, VERIFIER};

#[tokio::test]
async fn a_code_is_for_its_client_its_address_and_once() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    server.app("thief", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let code = browser.code("app", "openid").await;
    assert_eq!(server.redeem("thief", &code).await.json()["error"], "invalid_grant");
    for (uri, verifier) in
        [("https://app.test/other", VERIFIER), (CALLBACK, ""), (CALLBACK, CALLBACK)]
    {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", uri),
            ("code_verifier", verifier),
        ];
        let answer = server.post("/oauth2/token", Some(("app", "secret")), &form).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_grant")));
    }
    let tokens = server.redeem("app", &code).await.json();
    let access = tokens["access_token"].as_str().expect("a token");
    assert!(server.active("app", access).await);
    assert_eq!(server.redeem("app", &code).await.json()["error"], "invalid_grant");
    assert!(!server.active("app", access).await, "a second redemption ends what the first got");
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    assert_eq!(server.refresh("app", refresh).await.json()["error"], "invalid_grant");
    // A code lives for a minute.
    let late = browser.code("app", "openid").await;
    server.clock.advance(60_000);
    assert_eq!(server.redeem("app", &late).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_ends_with_what_it_was_given_for() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.user("admin", "admin123", &["admin"]).await;
    server.app("app", |_| {}).await;
    server.app("other", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let end = |body: serde_json::Value| {
        let request = server.http.post(format!("{}/api/sessions/v1/end", server.base)).json(&body);
        let request = request.basic_auth("admin", Some("admin123"));
        async { assert_eq!(request.send().await.expect("answer").status().as_u16(), 200) }
    };
    // Tokens alone: the session goes on, and so do the codes of other applications.
    let (mine, theirs) =
        (browser.code("app", "openid").await, browser.code("other", "openid").await);
    end(serde_json::json!({
        "users": ["alex"], "effects": ["tokens"], "applications": ["app"]
    }))
    .await;
    assert_eq!(server.redeem("app", &mine).await.json()["error"], "invalid_grant");
    assert_eq!(server.redeem("other", &theirs).await.status, 200);
    let after = browser.code("app", "openid").await;
    assert_eq!(server.redeem("app", &after).await.status, 200, "the session goes on");
    // The session: a code that was redeemed before still tells a second redemption, which ends what outlives the session.
    let waiting = browser.code("app", "openid offline_access").await;
    let redeemed = browser.code("app", "openid offline_access").await;
    let tokens = server.redeem("app", &redeemed).await.json();
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let page = browser.get("/myaccount").await;
    browser.post("/logout", &[("csrf", &page.field("csrf"))]).await;
    assert_eq!(server.redeem("app", &waiting).await.json()["error"], "invalid_grant");
    let refreshed = server.refresh("app", refresh).await;
    assert_eq!(refreshed.status, 200, "offline access outlives the session");
    assert_eq!(server.redeem("app", &redeemed).await.json()["error"], "invalid_grant");
    let next = refreshed.json();
    let next = next["refresh_token"].as_str().expect("a token");
    assert_eq!(server.refresh("app", next).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_long_request_has_a_short_code() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    for (name, length) in [("nonce", 12), ("nonce", 640), ("state", 1_025)] {
        let text = "x".repeat(length);
        let answer = browser.ask("app", "openid", &[(name, &text)]).await;
        let code = answer.redirect_param("code").expect("a code");
        assert_eq!(
            code.len() < 200,
            length > 600,
            "{name} of {length} bytes: {} bytes",
            code.len()
        );
        let tokens = server.redeem("app", &code).await.json();
        assert!(tokens["id_token"].is_string(), "{name} of {length} bytes: {tokens}");
        assert_eq!(server.redeem("app", &code).await.json()["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn refresh_tokens_rotate_and_reuse_ends_the_grant() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid profile").await;
    let first = tokens["refresh_token"].as_str().expect("a token").to_owned();
    server.clock.advance(1_000);
    let second = server.refresh("app", &first).await.json();
    assert_ne!(second["refresh_token"], tokens["refresh_token"]);
    assert!(second["id_token"].is_string());
    // The client didn't get the answer and asks again: the same tokens.
    server.clock.advance(9_000);
    let again = server.refresh("app", &first).await.json();
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    assert_eq!(again["access_token"], second["access_token"]);
    // Once the second was used, the first is a theft, grace or not.
    let second = second["refresh_token"].as_str().expect("a token").to_owned();
    let third = server.refresh("app", &second).await.json();
    let access = third["access_token"].as_str().expect("a token");
    assert!(server.active("app", access).await);
    assert_eq!(server.refresh("app", &first).await.json()["error"], "invalid_grant");
    assert!(!server.active("app", access).await, "the grant is over");
    assert_eq!(
        server.refresh("app", third["refresh_token"].as_str().expect("a token")).await.status,
        400
    );
}

#[tokio::test]
async fn scopes_can_be_narrowed_and_never_widened() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid profile").await;
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let form = |scope: &'static str| {
        [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", scope)]
    };
    let wide = server.post("/oauth2/token", Some(("app", "secret")), &form("email")).await;
    assert_eq!(wide.json()["error"], "invalid_scope");
    let narrow =
        server.post("/oauth2/token", Some(("app", "secret")), &form("profile")).await.json();
    assert_eq!(narrow["scope"], "profile");
    let access = narrow["access_token"].as_str().expect("a token");
    let told = server
        .post("/oauth2/introspect", Some(("app", "secret")), &[("token", access)])
        .await
        .json();
    assert_eq!(told["scope"], "profile");
    let userinfo = server.http.get(format!("{}/oauth2/userinfo", server.base)).bearer_auth(access);
    assert_eq!(userinfo.send().await.expect("answer").status().as_u16(), 403, "no openid");
}

#[tokio::test]
async fn introspection_tells_the_client_and_resource_servers_alone() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    server.app("other", |_| {}).await;
    server.app("api", |app| app.settings.oidc.resource_server = true).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let access = tokens["access_token"].as_str().expect("a token");
    assert!(server.active("app", access).await);
    assert!(server.active("api", access).await);
    assert!(!server.active("other", access).await);
    assert!(!server.active("app", "garbage").await);
    let told = server
        .post("/oauth2/introspect", Some(("app", "secret")), &[("token", access)])
        .await
        .json();
    let mut fields: Vec<&str> =
        told.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "acr",
            "active",
            "amr",
            "aud",
            "auth_time",
            "binding_ref",
            "binding_type",
            "client_id",
            "exp",
            "iat",
            "iss",
            "scope",
            "sid",
            "sub",
            "token_type",
            "username"
        ]
    );
    assert_eq!(told["sub"], alex.id.to_string());
    assert_eq!(told["binding_type"], "sso-session");
    for (client, status) in
        [(None, 401), (Some(("app", "wrong")), 401), (Some(("nobody", "x")), 401)]
    {
        let answer = server.post("/oauth2/introspect", client, &[("token", access)]).await;
        assert_eq!(answer.status, status, "{client:?}");
    }
}

#[tokio::test]
async fn revocation_of_each_kind() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    server.app("other", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let access = tokens["access_token"].as_str().expect("a token");
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let revoke = async |client: &'static str, token: &str| {
        server.post("/oauth2/revoke", Some((client, "secret")), &[("token", token)]).await.status
    };
    assert_eq!(revoke("other", access).await, 400, "another's token");
    assert_eq!(revoke("app", "garbage").await, 200);
    assert_eq!(revoke("app", access).await, 200);
    assert!(!server.active("app", access).await);
    assert!(server.active("app", refresh).await, "only itself");
    let next = server.refresh("app", refresh).await.json();
    let access = next["access_token"].as_str().expect("a token");
    assert!(server.active("app", access).await);
    assert_eq!(revoke("app", next["refresh_token"].as_str().expect("a token")).await, 200);
    assert!(!server.active("app", access).await, "a refresh token takes its grant along");
}

#[tokio::test]
async fn client_credentials_have_no_row_and_can_be_revoked() {
    let server = TestServer::start().await;
    server
        .app("machine", |app| {
            app.settings.oidc.grant_types = vec![GrantType::ClientCredentials];
            app.settings.oidc.own_scopes = vec!["internal_session_view".into()];
        })
        .await;
    let form = [("grant_type", "client_credentials")];
    let answer = server.post("/oauth2/token", Some(("machine", "secret")), &form).await.json();
    assert_eq!(answer["scope"], "internal_session_view");
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    let token = answer["access_token"].as_str().expect("a token");
    assert!(server.active("machine", token).await);
    let list = server.http.get(format!("{}/api/users/v1/sessions", server.base)).bearer_auth(token);
    assert_eq!(list.send().await.expect("answer").status().as_u16(), 200);
    let form = [("grant_type", "client_credentials"), ("scope", "internal_session_delete")];
    let more = server.post("/oauth2/token", Some(("machine", "secret")), &form).await;
    assert_eq!(more.json()["error"], "invalid_scope");
    server.post("/oauth2/revoke", Some(("machine", "secret")), &[("token", token)]).await;
    assert!(!server.active("machine", token).await);
    server.app("app", |_| {}).await;
    let form = [("grant_type", "client_credentials")];
    let refused = server.post("/oauth2/token", Some(("app", "secret")), &form).await;
    assert_eq!(refused.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn secrets_by_header_or_body_never_both() {
    let server = TestServer::start().await;
    server.app("app", |_| {}).await;
    let token = ("token", "x");
    let post =
        async |client, form: &[(&str, &str)]| server.post("/oauth2/introspect", client, form).await;
    let by_body = post(None, &[token, ("client_id", "app"), ("client_secret", "secret")]).await;
    assert_eq!(by_body.status, 200);
    let form = [token, ("client_id", "app"), ("client_secret", "secret")];
    let both = post(Some(("app", "secret")), &form).await;
    assert_eq!(both.json()["error"], "invalid_request");
    let wrong = post(Some(("app", "wrong")), &[token]).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").starts_with("Basic"));
    // openid-client encodes both parts; what it encodes is understood.
    server.app("app-with.dots", |app| app.secret = Some("s-e/c+ret".into())).await;
    let request = server.http.post(format!("{}/oauth2/introspect", server.base)).form(&[token]);
    let request = request.basic_auth("app%2Dwith%2Edots", Some("s%2De%2Fc%2Bret"));
    assert_eq!(request.send().await.expect("answer").status().as_u16(), 200);
}

#[tokio::test]
async fn an_application_has_lifetimes_of_its_own() {
    const MINUTE: i64 = 60_000;
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server
        .app("short", |app| {
            app.settings.oidc.access_token_ms = Some(5 * MINUTE);
            app.settings.oidc.id_token_ms = Some(2 * MINUTE);
            app.settings.oidc.refresh_token_ms = Some(8 * MINUTE);
        })
        .await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "short", "openid").await;
    let text = |name: &str| tokens[name].as_str().expect("one").to_owned();
    assert_eq!(tokens["expires_in"], 300);
    let id = sojourn_testkit::server::claims(&text("id_token"));
    assert_eq!(id["exp"].as_i64().expect("a time") - id["iat"].as_i64().expect("a time"), 120);
    server.clock.advance(6 * MINUTE);
    assert!(!server.active("short", &text("access_token")).await);
    let next = server.refresh("short", &text("refresh_token")).await;
    assert_eq!(next.status, 200, "{next:?}");
    server.clock.advance(9 * MINUTE);
    let next = next.json()["refresh_token"].as_str().expect("one").to_owned();
    assert_eq!(server.refresh("short", &next).await.status, 400, "eight minutes from its issue");
    server.user("admin", "admin12", &["admin"]).await;
    let who = ("admin", "admin12");
    let document = serde_json::json!({
        "client_name": "Service", "grant_types": ["client_credentials"], "response_types": [],
        "access_token_lifetime": 86_400
    });
    let made = server.send("POST", "/api/server/v1/applications", who, &document).await;
    assert_eq!(
        (made.status, &made.json()["access_token_lifetime"]),
        (201, &serde_json::json!(86_400))
    );
    let mut long = document;
    long["access_token_lifetime"] = serde_json::json!(86_401);
    let refused = server.send("POST", "/api/server/v1/applications", who, &long).await;
    assert!(refused.status == 400 && refused.body.contains("access_token_lifetime"), "{refused:?}");
}
