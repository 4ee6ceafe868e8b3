//! Expiry is an end: idle, absolute, remembered.

use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Browser, TestServer};

const MINUTE: i64 = 60_000;

async fn signed_in(browser: &Browser) -> bool {
    browser.get("/myaccount").await.status == 200
}

#[tokio::test]
async fn use_keeps_a_session_alive_and_idleness_ends_it_with_a_notice() {
    let inbox = Inbox::start().await;
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let uri = inbox.uri();
    server.app("app", |app| app.backchannel_logout_uri = Some(uri)).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let access = tokens["access_token"].as_str().expect("a token");
    for _ in 0..4 {
        server.clock.advance(14 * MINUTE);
        assert!(signed_in(&browser).await, "used within a quarter of an hour");
    }
    server.engine.flush_touches().await.expect("written");
    server.clock.advance(15 * MINUTE + 6_000);
    assert!(!server.active("app", access).await, "before any sweep");
    server.engine.sweep().await.expect("swept");
    inbox.wait_for(1).await;
    assert!(!signed_in(&browser).await);
    let ledger = server.ledger(9).await;
    assert!(matches!(
        &ledger[0].state,
        sojourn_model::SessionState::Ended { reason: sojourn_model::EndReason::IdleTimeout, .. }
    ));
}

#[tokio::test]
async fn a_request_that_meets_an_expired_session_ends_it() {
    let inbox = Inbox::start().await;
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let uri = inbox.uri();
    server.app("app", |app| app.backchannel_logout_uri = Some(uri)).await;
    let browser = server.signed_in("alex", "alex123").await;
    server.tokens(&browser, "app", "openid").await;
    server.engine.flush_touches().await.expect("written");
    server.clock.advance(15 * MINUTE + 6_000);
    assert!(!signed_in(&browser).await);
    inbox.wait_for(1).await;
}

#[tokio::test]
async fn remembered_sessions_last_from_their_sign_in_and_absolute_ones_no_longer() {
    let day = 24 * 60 * MINUTE;
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let browser = server.browser();
    assert_eq!(browser.sign_in_at("/login", "alex", "alex123", true).await.status, 303);
    server.clock.advance(13 * day);
    assert!(signed_in(&browser).await);
    server.engine.flush_touches().await.expect("written");
    server.clock.advance(day + MINUTE);
    assert!(!signed_in(&browser).await, "not stretched by use");

    let server =
        TestServer::with(|settings| settings.lifetimes.absolute_ms = Some(20 * MINUTE)).await;
    server.user("alex", "alex123", &[]).await;
    let browser = server.browser();
    browser.sign_in_at("/login", "alex", "alex123", true).await;
    server.clock.advance(19 * MINUTE);
    assert!(signed_in(&browser).await);
    server.clock.advance(MINUTE);
    assert!(!signed_in(&browser).await, "whatever was remembered or used");
}

#[tokio::test]
async fn silent_requests_do_not_keep_a_session_alive() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |app| app.settings.coordinate_inactivity = false).await;
    server.app("living", |_| {}).await;
    for (client, lives) in [("app", false), ("living", true)] {
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, client, "openid").await;
        let access = tokens["access_token"].as_str().expect("a token").to_owned();
        server.engine.flush_touches().await.expect("written");
        server.clock.advance(10 * MINUTE);
        let silent = browser.authorize(client, "openid", &[("prompt", "none")]).await;
        assert!(silent.redirect_param("code").is_some());
        assert!(server.active(client, &access).await);
        server.engine.flush_touches().await.expect("written");
        server.clock.advance(6 * MINUTE);
        eventually("the sweep is through", || async {
            (server.engine.sweep().await.expect("swept") == 0).then_some(())
        })
        .await;
        assert_eq!(server.active(client, &access).await, lives, "{client}");
    }
}
