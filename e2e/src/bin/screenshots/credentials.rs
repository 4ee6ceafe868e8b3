//! Pictures of the pages about ways to sign in.

use std::path::Path;

use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_model::{PolicyScope, SessionPolicy};
use sojourn_testkit::server::TestServer;

/// The code of an authenticator app with this secret at the server's time.
fn code(server: &TestServer, secret: &str) -> String {
    let now = format!("@{}", server.engine.now().seconds());
    let mut oathtool = std::process::Command::new("oathtool");
    let made = oathtool.args(["--totp", "-b", secret, "-N", &now]).output().expect("a code");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// Second factors: adding an app, the recovery codes, the list, and the page of a sign-in.
pub(crate) async fn factors(pictures: &Path) {
    let server = TestServer::start().await;
    let trust =
        SessionPolicy { trust_browser_ms: Some(30 * 86_400_000), ..SessionPolicy::default() };
    let (scope, by) = (PolicyScope::Tenant, Authority::system());
    server.engine.set_policy(&server.tenant, scope, trust, &by).await.expect("set");
    server.app("shop", |app| app.name = "Bookshop".into()).await;
    for (size, width, dark) in LOOKS {
        let name = |page: &str| format!("{page}-{size}");
        let at = |path: &str| format!("{}{path}", server.base);
        server.user(&format!("alex-{size}"), "alex123", &[]).await;
        let alex = browser(width, dark).await;
        alex.goto(&at("/myaccount/security")).await;
        alex.sign_in(&format!("alex-{size}"), "alex123").await;
        alex.find("#add-app").await;
        alex.picture(pictures, &name("factors-none")).await;
        alex.click("#add-app").await;
        alex.click("details summary").await;
        alex.picture(pictures, &name("factor-app")).await;
        let secret = alex.text("#secret").await.replace(' ', "");
        alex.fill("#code", &code(&server, &secret)).await;
        alex.click("#add-factor").await;
        alex.find("#codes").await;
        alex.picture(pictures, &name("recovery-codes")).await;
        alex.click("#kept").await;
        alex.find("tr[data-factor]").await;
        alex.picture(pictures, &name("factors")).await;
        let pairs = sojourn_testkit::server::authorization("shop", "openid");
        let pairs: Vec<_> = pairs.into_iter().chain([("acr_values", "2")]).collect();
        alex.goto(&at(&sojourn_testkit::server::authorize_path(&pairs))).await;
        alex.find("#prove").await;
        alex.picture(pictures, &name("second-factor")).await;
        // A browser that is trusted from the next sign-in on.
        alex.goto(&at("/myaccount")).await;
        alex.click("form[action$='/logout'] button").await;
        alex.wait_for("h1", "You are signed out").await;
        server.clock.advance(60_000);
        alex.goto(&at("/myaccount/security")).await;
        alex.sign_in(&format!("alex-{size}"), "alex123").await;
        alex.fill("#code", &code(&server, &secret)).await;
        alex.click("input[name=trust][type=checkbox]").await;
        alex.click("#prove").await;
        alex.goto(&at("/myaccount/security#trusted")).await;
        alex.picture(pictures, &name("trusted-browsers")).await;
        alex.quit().await;
    }
    server.stop().await;
}

/// Name, width and darkness of the pictures of each page.
pub(crate) const LOOKS: [(&str, u32, bool); 3] =
    [("wide", 1280, false), ("narrow", 390, false), ("dark", 1280, true)];

/// A browser of a width and a theme.
pub(crate) async fn browser(width: u32, dark: bool) -> Browser {
    let browser = Browser::sized(width, 900).await;
    browser.theme(dark).await;
    // A window isn't as narrow as a phone.
    if width < 500 {
        browser.width(width).await;
    }
    browser
}

/// The offer of a passkey after a sign-in with a password, and the form of a policy.
pub(crate) async fn offer(pictures: &Path) {
    let server = TestServer::with(|settings| {
        settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
        settings.passkeys.offer_after_password = true;
    })
    .await;
    server.app("shop", |app| app.name = "Bookshop".into()).await;
    server.user("kim", "kim-12345", &[]).await;
    server.user("admin", "admin12", &["admin"]).await;
    let base = server.engine.settings().base_url.clone();
    for (size, width, dark) in LOOKS {
        let kim = browser(width, dark).await;
        let pairs = sojourn_testkit::server::authorization("shop", "openid");
        kim.goto(&format!("{base}{}", sojourn_testkit::server::authorize_path(&pairs))).await;
        kim.sign_in("kim", "kim-12345").await;
        kim.find("#not-now").await;
        kim.picture(pictures, &format!("passkey-offer-{size}")).await;
        kim.quit().await;
        let admin = browser(width, dark).await;
        admin.goto(&format!("{base}/console/policies")).await;
        admin.sign_in("admin", "admin12").await;
        admin.find("#not-now").await;
        admin.click("#not-now").await;
        admin.find("#set-policy").await;
        admin.picture(pictures, &format!("console-policy-{size}")).await;
        admin.quit().await;
    }
    server.stop().await;
}

/// Passkeys and security keys: the sign-in page, adding them, the list, and the pages that ask for one.
pub(crate) async fn keys(pictures: &Path) {
    let server = TestServer::with(|settings| {
        settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
    })
    .await;
    server.app("shop", |app| app.name = "Bookshop".into()).await;
    server.user("admin", "admin12", &["admin"]).await;
    let base = server.engine.settings().base_url.clone();
    for (size, width, dark) in LOOKS {
        let name = |page: &str| format!("{page}-{size}");
        let at = |path: &str| format!("{base}{path}");
        let user = server.user(&format!("kim-{size}"), "kim-12345", &[]).await;
        let kim = browser(width, dark).await;
        kim.on_every_page("delete PublicKeyCredential.isConditionalMediationAvailable;").await;
        kim.goto(&at("/myaccount/security")).await;
        kim.find("#passkey").await;
        kim.picture(pictures, &name("login-passkey")).await;
        kim.sign_in(&format!("kim-{size}"), "kim-12345").await;
        kim.authenticator(serde_json::json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
            "defaultBackupEligibility": true, "defaultBackupState": true,
        }))
        .await;
        kim.click("#add-passkey").await;
        kim.find("#add-key").await;
        kim.picture(pictures, &name("factor-passkey")).await;
        kim.fill("#name", "Password manager").await;
        kim.click("#add-key").await;
        kim.click("#kept").await;
        kim.find("tr[data-factor]").await;
        kim.picture(pictures, &name("factors-keys")).await;
        kim.click("tr[data-factor] td.actions a:first-child").await;
        kim.find("#rename").await;
        kim.picture(pictures, &name("factor-rename")).await;
        let pairs = sojourn_testkit::server::authorization("shop", "openid");
        let pairs: Vec<_> = pairs.into_iter().chain([("acr_values", "phr")]).collect();
        kim.goto(&at(&sojourn_testkit::server::authorize_path(&pairs))).await;
        kim.find("#key").await;
        kim.picture(pictures, &name("key-wanted")).await;
        kim.quit().await;
        let admin = browser(width, dark).await;
        admin.goto(&at(&format!("/console/users/{}", user.id))).await;
        admin.sign_in("admin", "admin12").await;
        admin.find("#factors").await;
        admin.picture(pictures, &name("console-user-factors")).await;
        admin.quit().await;
        for (page, policy) in [("enrol", "required"), ("enrol-key", "phishing_resistant")] {
            let policy = serde_json::json!({ "second_factor": policy });
            let who = format!("{page}-{size}");
            let user = server.user(&who, "new-12345", &[]).await;
            let path = format!("/api/sessions/v1/policies/users/{}", user.id);
            server.send("PUT", &path, ("admin", "admin12"), &policy).await;
            let new = browser(width, dark).await;
            new.goto(&at("/login")).await;
            new.sign_in(&who, "new-12345").await;
            new.find("#add-passkey").await;
            new.picture(pictures, &name(page)).await;
            new.quit().await;
        }
    }
    server.stop().await;
}
