//! How long a password has to be: longer where nothing else protects the account.

use serde_json::json;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

use crate::factors::{ALEX, enrol};

#[tokio::test]
async fn a_password_that_stands_alone_is_longer() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user(ALEX.0, ALEX.1, &[]).await;
        server.user("boss", "boss-123", &["admin"]).await;
        let browser = server.signed_in(ALEX.0, ALEX.1).await;
        let change = async |new: &str| {
            let page = browser.get("/myaccount/password").await;
            let csrf = page.field("csrf");
            let form = [("csrf", &*csrf), ("current", ALEX.1), ("new", new), ("again", new)];
            browser.post("/myaccount/password", &form).await
        };
        let page = browser.get("/myaccount/password").await;
        assert!(page.body.contains("At least 15 characters"), "{page:?}");
        let refused = change("heron on a po").await;
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains("use at least 15 characters"), "{refused:?}");
        enrol(&server, &browser).await;
        let page = browser.get("/myaccount/password").await;
        assert!(page.body.contains("At least 8 characters"), "{page:?}");
        assert!(change("heron-7").await.body.contains("use at least 8 characters"));
        assert_eq!(change("heron-77").await.status, 303);

        let boss = server.engine.user_named(&server.tenant, "boss").await.expect("boss");
        let length = async || server.engine.password_length(&server.tenant, &boss).await;
        assert_eq!(length().await.expect("read"), 15);
        let path = format!("/api/sessions/v1/policies/users/{}", boss.id);
        let policy = json!({ "second_factor": "required" });
        let set = server.send("PUT", &path, ("boss", "boss-123"), &policy).await;
        assert_eq!(set.status, 200, "{set:?}");
        assert_eq!(length().await.expect("read"), 8, "one will be demanded");
        server.stop().await;
    }
}
