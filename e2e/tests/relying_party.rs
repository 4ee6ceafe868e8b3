//! The example of a relying party does what it says: it signs people in, and out when they are signed out elsewhere.

// Its own file: an example that isn't run is soon wrong.
#[allow(dead_code, reason = "it also has a main function")]
#[path = "../../demo/examples/relying_party.rs"]
mod example;

use sojourn_e2e::Browser;
use sojourn_engine::{Authority, EndPlan};
use sojourn_model::{Actor, EndReason, EndTarget};
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;

#[tokio::test]
async fn the_example_signs_in_and_follows_a_sign_out() {
    let server = TestServer::start().await;
    // The example looks at the machine's clock.
    server.clock.go_to_now();
    let alex = server.user("alex", "alex123", &[]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    server
        .app("example", |app| {
            app.settings.oidc.redirect_uris = vec![format!("{origin}/callback")];
            app.backchannel_logout_uri = Some(format!("{origin}/bclogout"));
        })
        .await;
    let registration = example::Registration {
        issuer: server.engine.issuer(&server.tenant),
        client_id: "example".into(),
        client_secret: "secret".into(),
    };
    let serving = tokio::spawn(example::serve(registration, listener));
    let browser = Browser::start().await;
    browser.goto(&origin).await;
    browser.click("a[href='/login']").await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("#who", &format!("Signed in as {}", alex.id)).await;
    let plan = EndPlan::new(EndTarget::User(alex.id), EndReason::Admin, Actor::System);
    let ended = server.engine.end_sessions(&server.tenant, plan, &Authority::system()).await;
    assert_eq!(ended.expect("ended").summary.deliveries, 1);
    // A worker notifies the application; the page says so as soon as it heard.
    eventually("the example follows the sign-out", async || {
        browser.goto(&origin).await;
        (browser.text("#who").await == "Signed out").then_some(())
    })
    .await;
    serving.abort();
    browser.quit().await;
    server.stop().await;
}
