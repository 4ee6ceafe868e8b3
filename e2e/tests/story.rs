//! The story of the five articles, in a real browser, against the program as a newcomer runs it.

use sojourn_e2e::Browser;
use sojourn_testkit::program::{Running, client, eventually, free_ports};
use sojourn_testkit::store::Folder;

struct Demo {
    port: u16,
    _running: Running,
    _folder: Folder,
}

impl Demo {
    async fn start() -> Self {
        let folder = Folder::new();
        let port = free_ports(3);
        let running = Running::start(&folder.0, &["demo", "--port", &port.to_string()]);
        let demo = Self { port, _running: running, _folder: folder };
        let http = client();
        for address in [demo.at("/health/ready"), demo.dispatch(), demo.manager(), demo.saml()] {
            eventually("everything answers", || async {
                let answer = http.get(&address).send().await.ok();
                // The applications ask first whether someone is signed in.
                answer.filter(|answer| !answer.status().is_server_error())
            })
            .await;
        }
        demo
    }

    fn at(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    fn dispatch(&self) -> String {
        format!("https://localhost:{}/", self.port + 1)
    }

    fn manager(&self) -> String {
        format!("https://localhost:{}/", self.port + 2)
    }

    /// The application that speaks SAML.
    fn saml(&self) -> String {
        format!("https://localhost:{}/", self.port + 3)
    }
}

/// Alex signs in to one application and is signed in to the other without a password.
async fn sign_in_once(demo: &Demo, browser: &Browser, again: bool) {
    browser.goto(&demo.dispatch()).await;
    browser.click("#login").await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("#state", "Signed in as alex").await;
    browser.goto(&demo.manager()).await;
    if again {
        // It knows that its session was ended, and waits to be asked.
        browser.click("#login").await;
    }
    browser.wait_for("#state", "Signed in as alex").await;
}

#[tokio::test]
async fn single_sign_on_own_sessions_and_a_role_change() {
    let demo = Demo::start().await;
    let alex = Browser::start().await;
    sign_in_once(&demo, &alex, false).await;
    let manager_sid = alex.text("#sid").await;
    alex.goto(&demo.dispatch()).await;
    assert_ne!(alex.text("#sid").await, manager_sid, "applications can't correlate by sid");

    // The one that speaks SAML finds the same session, without a question.
    alex.goto(&demo.saml()).await;
    alex.wait_for("#state", "Signed in as Alex").await;

    // Article 001: the API shows the session with all applications, the article's own among them.
    let http = client();
    let sessions = demo.at("/t/carbon.super/api/users/v1/me/sessions");
    let answer = http.get(&sessions).basic_auth("alex", Some("alex123")).send().await;
    let listed: serde_json::Value = answer.expect("an answer").json().await.expect("JSON");
    let apps: Vec<&str> = listed["sessions"][0]["applications"]
        .as_array()
        .expect("applications")
        .iter()
        .filter_map(|app| app["appName"].as_str())
        .collect();
    assert_eq!(apps, ["pickup-dispatch", "pickup-manager", "saml2-web-app-pickup-dispatch"]);
    assert!(listed["sessions"][0]["userAgent"].as_str().is_some_and(|ua| ua.contains("Chrome")));

    // Alex ends the session in My Account, after a confirmation.
    alex.goto(&demo.at("/myaccount/security")).await;
    alex.wait_for("h1", "Active sessions").await;
    alex.wait_for(".session h2 .tag", "this browser").await;
    alex.click(".session a.button").await;
    alex.wait_for("h1", "End this session?").await;
    alex.click("#confirm").await;
    alex.wait_for("h1", "You are signed out").await;
    for app in [demo.dispatch(), demo.manager()] {
        signed_out_by_the_server(&alex, &app).await;
    }
    signed_out_by_saml(&alex, &demo).await;

    // Once more; now an administrator takes a role away.
    sign_in_once(&demo, &alex, true).await;
    alex.goto(&demo.saml()).await;
    alex.click("#login").await;
    alex.wait_for("#state", "Signed in as Alex").await;
    alex.goto(&demo.dispatch()).await;
    alex.wait_for("#state", "Signed in as alex").await;
    let token_works = async |works: &str| {
        let code = alex
            .page
            .execute("return fetch('/userinfo').then(answer => String(answer.status))", vec![]);
        let status = code.await.expect("a status").json().as_str().map(str::to_owned);
        assert_eq!(status.as_deref(), Some(works));
    };
    token_works("200").await;

    let admin = Browser::start().await;
    admin.goto(&demo.at("/console/sessions")).await;
    admin.sign_in("admin", "admin").await;
    admin.wait_for("h1", "Monitor user sessions").await;
    admin.fill("#q", "alex").await;
    admin.click("#search").await;
    admin.wait_for("h2", "Sessions of alex").await;
    admin.click("h2 a").await;
    admin.wait_for("h1", "alex active").await;
    admin.click("tr[data-role=pickup-staff] a.end").await;
    admin.wait_for("h1", "Unassign the role pickup-staff from alex?").await;
    admin.wait_for(".facts li", "1 session will end").await;
    admin.click("#confirm").await;
    admin.wait_for(".notice", "The roles changed. 1 session ended.").await;

    // The page that Alex has open turns by itself: its application was told, and told it.
    let dispatch_jti = signed_out_by_the_server(&alex, "").await;
    let manager_jti = signed_out_by_the_server(&alex, &demo.manager()).await;
    assert_ne!(dispatch_jti, manager_jti);
    signed_out_by_saml(&alex, &demo).await;

    // The console shows the deliveries with the same identifiers, and that of the third.
    eventually("the deliveries arrived", || async {
        admin.goto(&demo.at("/console/deliveries")).await;
        let jtis = admin.page.find_all(thirtyfour::By::Css("tr[data-state=delivered] .jti")).await;
        let mut texts = Vec::new();
        for jti in jtis.unwrap_or_default() {
            texts.push(jti.text().await.unwrap_or_default());
        }
        // Three of the first end, three of this one.
        let both = texts.contains(&dispatch_jti) && texts.contains(&manager_jti);
        (both && texts.len() == 6).then_some(())
    })
    .await;
    alex.quit().await;
    admin.quit().await;
}

/// Waits until an application shows that a logout token arrived, and answers the token's id. An empty
/// address means the page that is open, which must turn without being loaded again.
async fn signed_out_by_the_server(browser: &Browser, address: &str) -> String {
    if address.is_empty() {
        browser.wait_for("#state", "Signed out by the identity server").await;
    } else {
        eventually("the application was told", || async {
            browser.goto(address).await;
            let state = browser.text("#state").await;
            (state == "Signed out by the identity server").then_some(())
        })
        .await;
    }
    browser.text("#jti").await
}

/// The application that speaks SAML was told as well, by a logout request.
async fn signed_out_by_saml(browser: &Browser, demo: &Demo) {
    eventually("the application was told", || async {
        browser.goto(&demo.saml()).await;
        let state = browser.text("#state").await;
        (state == "Signed out by the identity server").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_a_user() {
    let demo = Demo::start().await;
    let alex = Browser::start().await;
    sign_in_once(&demo, &alex, false).await;
    let admin = Browser::start().await;
    admin.goto(&demo.at("/console/sessions")).await;
    admin.sign_in("admin", "admin").await;
    admin.fill("#q", "alex").await;
    admin.click("#search").await;
    admin.click("#end-all").await;
    admin.wait_for("h1", "End all sessions of alex?").await;
    admin.wait_for(".facts li", "2 applications will be notified").await;
    admin.click("#confirm").await;
    admin.wait_for(".notice", "Ended. The applications are being notified.").await;
    for app in [demo.dispatch(), demo.manager()] {
        signed_out_by_the_server(&alex, &app).await;
    }
    // Alex has to give the password again.
    alex.goto(&demo.dispatch()).await;
    alex.click("#login").await;
    alex.wait_for("h1", "Sign in").await;
    alex.quit().await;
    admin.quit().await;
}

#[tokio::test]
async fn signing_out_of_one_application_signs_out_of_all() {
    let demo = Demo::start().await;
    let alex = Browser::start().await;
    sign_in_once(&demo, &alex, false).await;
    alex.click("#logout").await;
    // Back at the application that asked, without a question: its ID token was for this session.
    alex.wait_for("#state", "Not signed in").await;
    signed_out_by_the_server(&alex, &demo.dispatch()).await;
    alex.goto(&demo.at("/myaccount")).await;
    alex.wait_for("h1", "Sign in").await;
    alex.quit().await;
}
