//! A person deletes the account, and an administrator decides: in a browser, with axe, in both languages.

use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_model::{Leaving, SignUp};
use sojourn_testkit::server::TestServer;

async fn allow(server: &TestServer, leaving: Leaving) {
    let rules = SignUp { leaving, ..SignUp::default() };
    server.engine.set_sign_up(&server.tenant, rules, &Authority::system()).await.expect("set");
}

async fn story(language: &str) {
    let say = |english: &'static str, deutsch: &'static str| match language {
        "de" => deutsch,
        _ => english,
    };
    let server = TestServer::start().await;
    server.user("cleo", "cleo-123", &[]).await;
    server.user("boss", "boss-123", &["admin"]).await;
    let at = |path: &str| format!("{}{path}", server.base);
    let mut found = Vec::new();
    let (cleo, boss) = (Browser::start().await, Browser::start().await);
    for (browser, name) in [(&cleo, "cleo"), (&boss, "boss")] {
        browser.goto(&at(&format!("/language?to={language}&back=/login"))).await;
        browser.goto(&at("/myaccount/profile")).await;
        browser.sign_in(name, &format!("{name}-123")).await;
        browser.find("form[action$='/logout']").await;
    }
    // After some days: asked for, and taken back.
    allow(&server, Leaving::AfterDays(7)).await;
    cleo.goto(&at("/myaccount/delete")).await;
    cleo.look("deleting an account", &mut found).await;
    cleo.click("#delete").await;
    cleo.find("#keep").await;
    cleo.look("a deletion that was asked for", &mut found).await;
    cleo.click("#keep").await;
    // Leaving the page before the answer could cut the request off.
    cleo.wait_for(".notice", say("Your account stays.", "Ihr Konto bleibt.")).await;
    cleo.goto(&at("/myaccount/delete")).await;
    cleo.find("#delete").await;
    // An administrator decides: first against it, then for it.
    allow(&server, Leaving::ByApproval).await;
    for (act, left) in [("decline", true), ("agree", false)] {
        cleo.goto(&at("/myaccount/delete")).await;
        cleo.click("#delete").await;
        cleo.find("#keep").await;
        boss.goto(&at("/console/deletions")).await;
        boss.find("tr[data-user]").await;
        boss.look("the deletions", &mut found).await;
        boss.click(&format!("tr[data-user] button[value={act}]")).await;
        boss.find("p.empty").await;
        assert_eq!(server.engine.user_named(&server.tenant, "cleo").await.is_ok(), left, "{act}");
    }
    cleo.goto(&at("/myaccount")).await;
    cleo.find("input[name=password]").await;
    cleo.sign_in("cleo", "cleo-123").await;
    cleo.wait_for(
        ".notice.bad",
        say(
            "The login name or password is incorrect. Check both and try again.",
            "Anmeldename oder Passwort stimmt nicht. Prüfen Sie beides und versuchen Sie es noch einmal.",
        ),
    )
    .await;
    found.retain(|one: &String| !one.contains("401"));
    assert!(found.is_empty(), "{found:#?}");
    cleo.quit().await;
    boss.quit().await;
    server.stop().await;
}

#[tokio::test]
async fn in_english() {
    story("en").await;
}

#[tokio::test]
async fn in_german() {
    story("de").await;
}
