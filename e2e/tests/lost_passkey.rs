//! The story of docs/ADMINISTRATION.md: administrators have to prove themselves with a passkey, and one loses it.

use serde_json::json;
use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_model::{PolicyScope, SecondFactor, SessionPolicy};
use sojourn_testkit::server::TestServer;

fn laptop() -> serde_json::Value {
    json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
        "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
    })
}

/// Opens the Console in a new browser with a new authenticator: the sign-in adds a passkey.
async fn first_time(base: &str, name: &str, found: &mut Vec<String>) -> Browser {
    let browser = Browser::start().await;
    browser.goto(&format!("{base}/console/users")).await;
    browser.sign_in(name, &format!("{name}-12345")).await;
    browser.find("h1").await;
    browser.authenticator(laptop()).await;
    browser.click("#add-passkey").await;
    browser.find("#codes").await;
    browser.look("recovery codes", found).await;
    browser.click("#kept").await;
    browser.find("nav.menu").await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_loses_their_passkey() {
    let server = TestServer::with(|settings| {
        settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
    })
    .await;
    let base = server.engine.settings().base_url.clone();
    server.user("boss", "boss-12345", &["admin"]).await;
    let carla = server.user("carla", "carla-12345", &["admin"]).await;
    let by = Authority::system();
    let role = server.engine.role_named(&server.tenant, "admin").await.expect("admin");
    let second_factor = Some(SecondFactor::PhishingResistant);
    let policy = SessionPolicy { second_factor, ..SessionPolicy::default() };
    let scope = PolicyScope::Role(role.id);
    server.engine.set_policy(&server.tenant, scope, policy, &by).await.expect("set");
    let mut found = Vec::new();
    let boss = first_time(&base, "boss", &mut found).await;
    let lost = first_time(&base, "carla", &mut found).await;
    // Carla calls: the laptop is gone, with the passkey and a session.
    boss.goto(&format!("{base}/console/users/{}", carla.id)).await;
    boss.click("a[href$='/acts/reset-factors']").await;
    boss.find("#confirm").await;
    boss.look("removing all factors", &mut found).await;
    boss.click("#confirm").await;
    boss.wait_for("[role=status]", "All factors are removed.").await;
    // Whoever has the laptop is out, and the passkey on it opens nothing.
    lost.goto(&format!("{base}/console")).await;
    lost.find("#username").await;
    lost.quit().await;
    let left = server.engine.factors(&server.tenant, carla.id).await.expect("read");
    assert_eq!((left.factors.len(), left.codes_left), (0, 0));
    // On the new laptop the sign-in asks for a new one, and nothing opens before.
    let new = first_time(&base, "carla", &mut found).await;
    let left = server.engine.factors(&server.tenant, carla.id).await.expect("read");
    assert_eq!((left.factors.len(), left.codes_left), (1, 10));
    assert_eq!(found, Vec::<String>::new());
    new.quit().await;
    boss.quit().await;
    server.stop().await;
}
