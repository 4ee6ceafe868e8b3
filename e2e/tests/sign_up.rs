//! Making an account, in Chromium: by a code and a password, and by a link and a passkey.

use serde_json::json;
use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_model::{OpenTo, SignUp, Terms};
use sojourn_testkit::server::TestServer;
use sojourn_testkit::smtp::Smtp;
use sojourn_testkit::store::Engine;

/// From the sign-in page to the account, with terms to accept and work for the browser.
async fn story(language: &str, passkey: bool) {
    let smtp = Smtp::start().await;
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| {
            settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
            settings.resets_by_mail = true;
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    let base = server.engine.settings().base_url.clone();
    let by = Authority::system();
    let rules = SignUp {
        open_to: OpenTo::Domains(vec!["example.test".into()]),
        terms: Some(Terms { version: "2026-11".into(), url: format!("{base}/assets/logo.svg") }),
        proof_of_work: true,
        ..SignUp::default()
    };
    server.engine.set_sign_up(&server.tenant, rules, &by).await.expect("set");
    server.user("boss", "boss-123", &["admin"]).await;
    let browser = Browser::start().await;
    let mut found = Vec::new();
    browser
        .authenticator(json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
        }))
        .await;
    browser.goto(&format!("{base}/language?to={language}&back=/login")).await;
    browser.click("#sign-up").await;
    browser.find("#address").await;
    browser.look("creating an account", &mut found).await;
    browser.fill("#address", "cleo@other.test").await;
    browser.click("#send-mail").await;
    browser.find(".notice.bad").await;
    let mut refused = Vec::new();
    browser.look("another domain", &mut refused).await;
    // The browser's console tells of the status.
    found.extend(refused.into_iter().filter(|line| !line.contains("status of 400")));
    browser.fill("#address", "cleo@example.test").await;
    browser.click("#send-mail").await;
    browser.find("#code").await;
    browser.look("the code of the mail", &mut found).await;
    let link = smtp.link("/sign-up/account?token=", 0).await;
    if passkey {
        browser.goto(&format!("{base}{link}")).await;
    } else {
        let code = smtp.code(0).await;
        browser.fill("#code", &code).await;
        browser.click("#confirm").await;
    }
    browser.find("#new").await;
    browser.find("#passkey").await;
    browser.look("the last page", &mut found).await;
    browser.fill("#given_name", "Cleo").await;
    browser.fill("#family_name", "Green").await;
    browser.click("input[type=checkbox][name=terms]").await;
    if passkey {
        browser.click("#passkey").await;
        browser.find("#codes").await;
        browser.look("the recovery codes", &mut found).await;
        browser.click("#kept").await;
    } else {
        browser.fill("#new", "a heron on the pond").await;
        browser.click("#choose-password").await;
    }
    browser.find("form[action$='/logout']").await;
    let cleo = server.engine.user_named(&server.tenant, "cleo@example.test").await.expect("made");
    assert_eq!(cleo.given_name.as_deref(), Some("Cleo"));
    assert_eq!(cleo.family_name.as_deref(), Some("Green"));
    assert!(cleo.profile.contains(language), "the language of the page: {}", cleo.profile);
    browser.quit().await;
    // Another browser: the autofill would sign in whoever has a passkey in this one.
    let browser = Browser::start().await;
    browser.goto(&format!("{base}/language?to={language}&back=/console/sign-up")).await;
    browser.sign_in("boss", "boss-123").await;
    browser.find("#add-code").await;
    browser.look("the console's page", &mut found).await;
    browser.click("#add-code").await;
    browser.find(".notice[role=status] strong").await;
    browser.look("a new code", &mut found).await;
    assert_eq!(found, Vec::<String>::new());
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_code_and_a_password() {
    story("de", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_link_and_a_passkey() {
    story("en", true).await;
}
