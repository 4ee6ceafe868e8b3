//! What was answered survives a kill; what is owed is paid after the restart.

use std::net::TcpListener;

use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::server::claims;

use crate::site::Site;

const ME: &str = "/api/users/v1/me/sessions";

#[tokio::test]
async fn an_answered_end_and_its_delivery_survive_kill_9() {
    // The application is down: its port is known and nobody listens.
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = probe.local_addr().expect("its address");
    drop(probe);
    let site = Site::new(&format!("http://{address}/bclogout"), "");
    let server = site.serve().await;
    let tokens = site.tokens().await;
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let sid = claims(tokens["id_token"].as_str().expect("an ID token"))["sid"].clone();
    assert!(site.active(&access).await);
    assert_eq!(site.api("DELETE", ME).await.status, 204);
    server.kill();

    let server = site.serve().await;
    assert_eq!(site.api("GET", ME).await.json(), serde_json::json!({}));
    assert!(!site.active(&access).await);
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let request = site.http.post(site.at("/oauth2/token")).form(&form);
    let refused = request.basic_auth("app", Some("secret")).send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 400);
    // The application comes back and is told.
    let inbox = Inbox::at(address).await;
    let told = claims(&inbox.wait_for(1).await[0]);
    assert_eq!(told["sid"], sid);
    assert!(server.terminate(), "a good end");
}

#[tokio::test]
async fn many_kills_lose_nothing_that_was_answered() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let mut ended: Vec<String> = Vec::new();
    for _ in 0..4 {
        let server = site.serve().await;
        let tokens = site.tokens().await;
        let access = tokens["access_token"].as_str().expect("a token").to_owned();
        for old in &ended {
            assert!(!site.active(old).await, "an ended one stays ended");
        }
        assert!(site.active(&access).await);
        assert_eq!(site.api("DELETE", ME).await.status, 204);
        server.kill();
        ended.push(access);
    }
    let server = site.serve().await;
    for old in &ended {
        assert!(!site.active(old).await);
    }
    assert!(server.terminate());
}
