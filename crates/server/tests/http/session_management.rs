//! Session Management, Front-Channel Logout, and the session extender.

use sojourn_testkit::server::{Answer, Browser, CALLBACK, TestServer, claims};

fn hash(parts: &[&str]) -> String {
    sojourn_model::ids::hex(&sojourn_crypto::sha256(parts.join(" ").as_bytes()))
}

/// What the frame answers to an application's question, from the cookie alone.
fn unchanged(browser: &Browser, session_state: &str) -> bool {
    let (hashed, salt) = session_state.split_once('.').expect("hash and salt");
    let state = browser.cookie("sojourn_opbs").unwrap_or_default();
    hash(&["app", "https://app.test", &state, salt]) == hashed
}

#[tokio::test]
async fn session_management_2_and_3_the_state_changes_with_the_session_alone() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.user("sam", "sam1234", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.browser();
    let state = async || {
        let answer = browser.ask("app", "openid", &[("prompt", "none")]).await;
        answer.redirect_param("session_state").expect("a state, in errors too")
    };
    let nobody = state().await;
    assert!(unchanged(&browser, &nobody), "nobody is signed in");
    assert_eq!(browser.sign_in("alex", "alex123").await.status, 303);
    assert!(!unchanged(&browser, &nobody), "somebody is");
    let first = state().await;
    assert!(unchanged(&browser, &first));
    assert_ne!(first, state().await, "another salt each time");
    assert_eq!(browser.sign_in("alex", "alex123").await.status, 303);
    assert!(unchanged(&browser, &first), "the same person again goes on");
    assert_eq!(browser.sign_in("sam", "sam1234").await.status, 303);
    assert!(!unchanged(&browser, &first), "another person");
    let sams = state().await;
    let page = browser.get("/myaccount").await;
    let csrf = page.field("csrf");
    assert_eq!(browser.post("/logout", &[("csrf", &csrf)]).await.status, 303);
    assert!(!unchanged(&browser, &sams) && unchanged(&browser, &nobody), "signed out");
    let frame = browser.get("/oidc/checksession").await;
    assert_eq!(frame.header("x-frame-options"), "");
    assert!(!frame.header("content-security-policy").contains("frame-ancestors"));
    assert!(frame.body.contains("/assets/check_session.js"));
}

#[tokio::test]
async fn the_frame_hears_of_an_end_that_this_browser_did_not_cause() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let state = browser.cookie("sojourn_opbs").expect("a state");
    let ask = async |cookie: bool, site: &str| {
        let body = format!("state={}.salt", hash(&[&state, "salt"]));
        let mut request = server
            .http
            .post(format!("{}/oidc/checksession/state", server.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", site)
            .body(body);
        if cookie {
            let secret = browser.cookie("__Host-sojourn").expect("signed in");
            request = request.header("cookie", format!("__Host-sojourn={secret}"));
        }
        Answer::of(request.send().await.expect("an answer")).await
    };
    let said = async |cookie| ask(cookie, "same-origin").await.json()["state"].clone();
    assert_eq!(said(true).await, "same");
    assert_eq!(said(false).await, "unknown", "cookies are kept from the frame");
    assert_eq!(ask(true, "cross-site").await.status, 403);
    let plan = sojourn_engine::EndPlan::new(
        sojourn_model::EndTarget::User(alex.id),
        sojourn_model::EndReason::Admin,
        sojourn_model::Actor::System,
    );
    server
        .engine
        .end_sessions(&server.tenant, plan, &sojourn_engine::Authority::system())
        .await
        .expect("ended");
    let answer = ask(true, "same-origin").await;
    assert_eq!(answer.json()["state"], "changed");
    assert_eq!(answer.header("set-cookie"), "", "it touches nothing");
}

#[tokio::test]
async fn front_channel_logout_2_each_application_is_framed_with_iss_and_sid() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    for client in ["app", "second", "silent"] {
        server
            .app(client, |app| {
                app.settings.oidc.frontchannel_logout_uri =
                    (client != "silent").then(|| format!("https://{client}.test/out?x=1"));
            })
            .await;
    }
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    server.tokens(&browser, "second", "openid").await;
    server.tokens(&browser, "silent", "openid").await;
    let sid = claims(id_token)["sid"].as_str().expect("a sid").to_owned();
    let path = format!(
        "/oidc/logout?id_token_hint={id_token}&post_logout_redirect_uri=https%3A%2F%2Fapp.test%2Fbye&state=s"
    );
    let page = browser.get(&path).await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-src") && policy.contains(" https://app.test"), "{policy}");
    assert!(policy.contains(" https://second.test"), "{policy}");
    assert!(page.body.contains(&format!("sid={sid}")), "{}", page.body);
    assert!(
        page.body.contains("https://second.test/out?x=1&#38;iss=")
            && !page.body.contains("silent.test")
    );
    assert!(page.body.contains("href=\"https://app.test/bye?state=s\""));
    assert!(browser.cookie("__Host-sojourn").is_none() && browser.cookie("sojourn_opbs").is_none());
}

#[tokio::test]
async fn sessions_are_extended_and_never_revived() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |app| app.settings.oidc.session_extension = true).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let isk = claims(tokens["id_token"].as_str().expect("an ID token"))["isk"]
        .as_str()
        .expect("a session key")
        .to_owned();
    let stranger = server.browser();
    let with_key = format!("/identity/extend-session?idpSessionKey={isk}");
    let code = |answer: Answer| answer.json()["code"].as_str().unwrap_or_default().to_owned();
    for _ in 0..3 {
        server.clock.advance(10 * 60_000);
        let extended = stranger.get(&with_key).await;
        assert_eq!((extended.status, extended.body.as_str()), (200, ""));
        assert!(!extended.header("trace-id").is_empty());
        server.engine.flush_touches().await.expect("written");
    }
    assert_eq!(browser.get("/identity/extend-session").await.status, 200, "by cookie");
    assert_eq!(code(stranger.get("/identity/extend-session").await), "ISE-60001");
    let wrong = stranger.get("/identity/extend-session?idpSessionKey=soj_sk_AAAA").await;
    assert_eq!((wrong.status, code(wrong).as_str()), (400, "ISE-60004"));
    let other = server.signed_in("alex", "alex123").await;
    let disagree = other.get(&with_key).await;
    assert_eq!((disagree.status, code(disagree).as_str()), (409, "ISE-60005"));
    server.clock.advance(16 * 60_000);
    assert_eq!(code(stranger.get(&with_key).await), "ISE-60004", "expired stays expired");
    let again =
        browser.ask("app", "openid", &[("prompt", "none"), ("redirect_uri", CALLBACK)]).await;
    assert_eq!(again.redirect_param("error").as_deref(), Some("login_required"));
}
