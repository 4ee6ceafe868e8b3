//! What is kept about a person, given to that person alone.

use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

use crate::factors::{ALEX, enrol, is_in, sign_out};

const PATH: &str = "/myaccount/data";

#[tokio::test]
async fn a_person_gets_what_is_kept_about_them() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user(ALEX.0, ALEX.1, &[]).await;
        server.user("ben", "ben-123", &[]).await;
        server.app("shop", |_| {}).await;
        let before = server.signed_in(ALEX.0, ALEX.1).await;
        sign_out(&before).await;
        server.signed_in("ben", "ben-123").await;
        let browser = server.signed_in(ALEX.0, ALEX.1).await;
        server.tokens(&browser, "shop", "openid").await;
        let page = browser.get(PATH).await;
        assert!(page.status == 200 && page.body.contains("Your data"), "{page:?}");
        let csrf = page.field("csrf");
        assert_eq!(browser.post(PATH, &[("csrf", "x")]).await.status, 403);
        let file = browser.post(PATH, &[("csrf", &csrf)]).await;
        assert_eq!(file.status, 200, "{file:?}");
        let disposition = file.headers.get("content-disposition").expect("a file");
        assert!(disposition.to_str().is_ok_and(|text| text.starts_with("attachment")));
        let data = file.json();
        assert_eq!(data["profile"]["userName"], ALEX.0);
        assert_eq!(data["sessions"].as_array().map(Vec::len), Some(1), "{data}");
        assert_eq!(data["sessions"][0]["applications"][0], "shop", "{data}");
        assert_eq!(data["history"][0]["end_reason"], "user", "{data}");
        let events = data["events"].as_array().expect("events");
        assert!(events.iter().any(|event| event["name"] == "AUTHENTICATION_SUCCESS"), "{data}");
        for secret in ["argon2", "secret", "ben"] {
            assert!(!file.body.contains(secret), "{secret}: {data}");
        }
        // Whoever has nothing but the session gets nothing.
        server.clock.advance(6 * 60_000);
        assert!(is_in(&browser).await);
        assert!(browser.get(PATH).await.location().starts_with("/login?"));
        let refused = browser.post(PATH, &[("csrf", &csrf)]).await;
        assert!(refused.location().starts_with("/login?"), "{refused:?}");
        // With a second factor, that is asked for.
        let fresh = server.signed_in(ALEX.0, ALEX.1).await;
        enrol(&server, &fresh).await;
        assert!(fresh.get(PATH).await.location().starts_with("/login/factor?"));
        server.stop().await;
    }
}
