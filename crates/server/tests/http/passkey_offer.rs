//! After a sign-in with a password, a passkey is offered: once, to users who have none, without getting in the way.

use serde_json::json;
use sojourn_testkit::authenticator::SoftKey;
use sojourn_testkit::server::{Answer, Browser, CALLBACK, TestServer};

use crate::keys::{ALEX, Asked, BOSS, send, sign_in};

const OFFER: &str = "/login/passkey-offer";

async fn server() -> TestServer {
    let server = TestServer::with(|settings| {
        settings.passkeys.rp_id = Some("localhost".into());
        settings.passkeys.offer_after_password = true;
    })
    .await;
    server.user(ALEX.0, ALEX.1, &[]).await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    server.app("app", |_| {}).await;
    server
}

/// Signs in for an application and returns the page that follows.
async fn offered(browser: &Browser) -> Answer {
    let asked = browser.authorize("app", "openid", &[]).await;
    let signed_in = browser.sign_in_at(asked.location(), ALEX.0, ALEX.1, false).await;
    assert!(signed_in.location().starts_with(OFFER), "{signed_in:?}");
    let page = browser.get(signed_in.location()).await;
    assert_eq!(page.status, 200, "{page:?}");
    page
}

fn not_now(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("id=\"not-now\" href=\"").expect("a way on");
    rest.split('"').next().expect("its end").replace("&amp;", "&").replace("&#38;", "&")
}

#[tokio::test]
async fn it_is_offered_once_in_a_browser_and_leads_on() {
    let server = server().await;
    let browser = server.browser();
    let page = offered(&browser).await;
    let answer = browser.get(&not_now(&page)).await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    // The same browser isn't asked again, another one is, and not without a session or with somebody else's form.
    let again = browser.sign_in(ALEX.0, ALEX.1).await;
    assert_eq!(again.location(), "/myaccount", "{again:?}");
    let other = server.browser();
    let page = offered(&other).await;
    let asked = Asked::of(&page);
    let key = SoftKey::new(&asked.options, &server.base);
    let made = key.created(&asked.options);
    let foreign = send(&browser, OFFER, &asked, &made).await;
    assert_eq!(foreign.status, 403, "{foreign:?}");
    let nobody = server.browser();
    let (_, query) = page.body.split_once("name=\"ticket\" value=\"").expect("a ticket");
    let ticket = query.split('"').next().expect("its end");
    let led = nobody.get(&format!("{OFFER}?ticket={ticket}")).await;
    assert!(led.location().starts_with("/login?"), "{led:?}");
    // Added: recovery codes are shown, and lead on to the application.
    // Another ticket, which anybody can have made, leads on.
    let asked_elsewhere = other.get("/login").await;
    let (_, rest) = asked_elsewhere.body.split_once("name=\"ticket\" value=\"").expect("a ticket");
    let strange = rest.split('"').next().expect("its end");
    let led = other.get(&format!("{OFFER}?ticket={strange}")).await;
    assert_eq!(led.status, 303, "{led:?}");
    let added = send(&other, OFFER, &asked, &made).await;
    assert!(added.status == 200 && added.body.contains("id=\"codes\""), "{added:?}");
    let (_, rest) = added.body.split_once("id=\"kept\" href=\"").expect("a way on");
    let on = rest.split('"').next().expect("its end").replace("&amp;", "&");
    assert!(other.get(&on).await.location().starts_with(CALLBACK));
    // Sent twice, it leads on as well; and who has one isn't offered another.
    let twice = send(&other, OFFER, &asked, &made).await;
    assert_eq!(twice.status, 303, "{twice:?}");
    let third = server.browser().sign_in(ALEX.0, ALEX.1).await;
    assert_eq!(third.location(), "/myaccount", "{third:?}");
    server.stop().await;
}

/// A password manager creates it without a dialog: nobody is noticed (Web Authentication §5.1.3). That is enough to
/// create one, in this place only, and never to sign in.
#[tokio::test]
async fn one_that_was_made_without_a_dialog_signs_in_only_with_its_user() {
    let server = server().await;
    let browser = server.browser();
    let asked = Asked::of(&offered(&browser).await);
    assert!(asked.form.contains("data-upgrade"), "{}", asked.form);
    let verification = &asked.options["authenticatorSelection"]["userVerification"];
    assert_eq!(verification, "preferred", "required would need a dialog");
    let mut key = SoftKey::new(&asked.options, &server.base);
    (key.notices, key.verifies) = (false, false);
    let added = send(&browser, OFFER, &asked, &key.created(&asked.options)).await;
    assert_eq!(added.status, 200, "{added:?}");
    let (_, refused) = sign_in(&server, &mut key).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    (key.notices, key.verifies) = (true, true);
    let (_, signed_in) = sign_in(&server, &mut key).await;
    assert_eq!(signed_in.location(), "/myaccount", "{signed_in:?}");
    // My Account asks for a passkey with a dialog.
    let boss = server.browser();
    boss.sign_in(BOSS.0, BOSS.1).await;
    let path = "/myaccount/factors/key/passkey";
    let asked = Asked::of(&boss.get(path).await);
    let mut silent = SoftKey::new(&asked.options, &server.base);
    (silent.notices, silent.verifies) = (false, false);
    let refused = send(&boss, path, &asked, &silent.created(&asked.options)).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    server.stop().await;
}

#[tokio::test]
async fn where_passkeys_do_not_count_none_is_offered() {
    let server = server().await;
    let tenant = "/api/sessions/v1/policies/tenant";
    let policy = json!({"methods": ["password", "totp"]});
    assert_eq!(server.send("PUT", tenant, BOSS, &policy).await.status, 200);
    let signed_in = server.browser().sign_in(ALEX.0, ALEX.1).await;
    assert_eq!(signed_in.location(), "/myaccount", "{signed_in:?}");
    server.stop().await;
}
