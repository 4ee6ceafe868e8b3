//! An authenticator app in a real browser, with and without scripts, in both languages. The codes are made by `oathtool`.

use std::process::Command;

use sojourn_e2e::Browser;
use sojourn_testkit::server::TestServer;

/// The code that an app shows at the server's time.
fn code(server: &TestServer, secret: &str) -> String {
    let now = format!("@{}", server.engine.now().seconds());
    let made = Command::new("oathtool").args(["--totp", "-b", secret, "-N", &now]).output();
    let made = made.expect("oathtool is installed");
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).expect("text").trim().to_owned()
}

async fn barriers(browser: &Browser, found: &mut Vec<String>, page: &str) {
    found.extend(browser.barriers().await.into_iter().map(|one| format!("{page}: {one}")));
}

async fn story(scripts: bool, language: &str) {
    let german = language == "de";
    let say = |english: &'static str, deutsch: &'static str| if german { deutsch } else { english };
    let server = TestServer::start().await;
    let browser = if scripts { Browser::start().await } else { Browser::without_scripts().await };
    server.user("alex", "alex123", &[]).await;
    server.app("shop", |_| {}).await;
    let at = |path: &str| format!("{}{path}", server.base);
    let mut found = Vec::new();
    browser.goto(&at(&format!("/language?to={language}&back=/login"))).await;
    browser.goto(&at("/myaccount/security")).await;
    browser.sign_in("alex", "alex123").await;
    browser.click("#add-app").await;
    browser.click("details summary").await;
    let secret = browser.text("#secret").await.replace(' ', "");
    if scripts {
        barriers(&browser, &mut found, "the page with the QR code").await;
    }
    browser.fill("#code", "000000").await;
    browser.click("#add-factor").await;
    browser.find(".notice.bad").await;
    browser.fill("#code", &code(&server, &secret)).await;
    browser.click("#add-factor").await;
    browser
        .wait_for(
            "h1",
            say("Save your recovery codes", "Speichern Sie Ihre Wiederherstellungscodes"),
        )
        .await;
    let recovery = browser.text("#codes li").await;
    if scripts {
        barriers(&browser, &mut found, "the recovery codes").await;
    }
    browser.click("#kept").await;
    browser.find("tr[data-factor]").await;
    if scripts {
        barriers(&browser, &mut found, "the list of factors").await;
    }
    // An application asks for more than this session has.
    let asked = "/oauth2/authorize?client_id=shop&response_type=code&scope=openid&acr_values=2\
                 &redirect_uri=https%3A%2F%2Fapp.test%2Fcallback&code_challenge_method=S256\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    browser.goto(&at(asked)).await;
    browser.wait_for("h1", say("Confirm that it's you", "Bestätigen Sie, dass Sie es sind")).await;
    if scripts {
        barriers(&browser, &mut found, "the second factor").await;
    }
    // Another sign-in, with the app and then with a recovery code.
    for recovers in [false, true] {
        browser.goto(&at("/myaccount")).await;
        browser.click("form[action$='/logout'] button").await;
        browser.wait_for("h1", say("You are signed out", "Sie sind abgemeldet")).await;
        browser.goto(&at("/myaccount/security")).await;
        browser.sign_in("alex", "alex123").await;
        server.clock.advance(30_000);
        browser.fill("#code", "000000").await;
        browser.click("#prove").await;
        browser.find(".notice.bad").await;
        let typed = if recovers { recovery.clone() } else { code(&server, &secret) };
        browser.fill("#code", &typed).await;
        browser.click("#prove").await;
        browser.find("tr[data-factor]").await;
    }
    let left = say("9 recovery codes left", "noch 9 Wiederherstellungscodes");
    assert!(browser.text("#factors").await.contains(left));
    browser.click("tr[data-factor] a.end").await;
    browser.click("#confirm").await;
    let removed = say("The factor is removed.", "Der Faktor ist entfernt.");
    browser.wait_for(".notice", removed).await;
    browser.find("#add-app").await;
    assert!(!browser.text("#factors").await.contains(left));
    assert!(found.is_empty(), "{found:#?}");
    if scripts {
        let complaints = browser.complaints().await;
        assert!(
            complaints.iter().all(|one| one.contains("401") || one.contains("400")),
            "{complaints:?}"
        );
    }
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_scripts_in_english() {
    story(true, "en").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_in_german() {
    story(false, "de").await;
}
