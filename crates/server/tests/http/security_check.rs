//! My Account's security check: what it finds, and what it says to do.

use sojourn_engine::Authority;
use sojourn_engine::directory::{NewUser, PasswordGiven};
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

use crate::factors::enrol;

const PATH: &str = "/myaccount/check";

#[tokio::test]
async fn it_says_what_to_do_next() {
    let server = TestServer::on(Engine::Sqlite, |settings| settings.resets_by_mail = true).await;
    let new = NewUser {
        username: "cleo".into(),
        email: Some("cleo@example.test".into()),
        ..NewUser::default()
    };
    let password = Some(PasswordGiven::Declared("cleo-123".into()));
    let by = Authority::system();
    let made = server.engine.add_user_with(&server.tenant, new, password, &by).await;
    made.expect("made");
    let browser = server.signed_in("cleo", "cleo-123").await;
    let page = browser.get(PATH).await.body;
    assert!(page.contains("2 things need your attention"), "{page}");
    assert!(page.contains("Your password alone is enough to sign in"), "{page}");
    assert!(page.contains("cleo@example.test is not confirmed yet"), "{page}");
    assert!(browser.get("/myaccount").await.body.contains("2 things need your attention"));
    enrol(&server, &browser).await;
    let page = browser.get(PATH).await.body;
    assert!(page.contains("1 thing needs your attention"), "{page}");
    assert!(page.contains("You sign in with your password and a second factor"), "{page}");
    assert!(page.contains("10 recovery codes left"), "{page}");
    let found = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    let proved = sojourn_model::User { email_verified: true, ..found };
    server.engine.update_user(&server.tenant, &proved, &[], &by).await.expect("proved");
    let page = browser.get(PATH).await.body;
    assert!(page.contains("Nothing needs your attention"), "{page}");
    assert!(!browser.get("/myaccount").await.body.contains("your attention"));
    // Another's session sees another's account.
    server.user("dora", "dora-123", &[]).await;
    let other = server.signed_in("dora", "dora-123").await.get(PATH).await.body;
    assert!(!other.contains("cleo@example.test") && other.contains("password alone"), "{other}");
    server.stop().await;
}
