//! Every page in a real browser, light and dark: axe-core finds no barrier, no script fails, nothing is stopped by the
//! content security policy; and pages that are open hear of what happens.

use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_model::UserState;
use sojourn_testkit::server::TestServer;

async fn look(browser: &Browser, server: &TestServer, path: &str, found: &mut Vec<String>) {
    browser.goto(&format!("{}{path}", server.base)).await;
    browser.look(path, found).await;
}

async fn prepared() -> (TestServer, Vec<String>) {
    let server = TestServer::with(|settings| settings.resets_by_mail = true).await;
    let (engine, tenant, actor) =
        (&server.engine, &server.tenant, sojourn_engine::Authority::system());
    server.user("admin", "admin12", &["admin"]).await;
    let alex = server.user("alex", "alex123", &["staff"]).await;
    let shop = server.app("shop", |app| app.settings.first_party = false).await;
    let group = engine.add_group(tenant, "post", None, &[alex.id], &actor).await.expect("a group");
    let role = engine.role_named(tenant, "staff").await.expect("staff");
    let other = server.signed_in("alex", "alex123").await;
    let session = engine.sessions_of_user(tenant, alex.id).await.expect("read");
    let session = session[0].session.id;
    drop(other);
    let paths = vec![
        "/console".to_owned(),
        "/console/sessions".to_owned(),
        "/console/sessions?q=alex".to_owned(),
        format!("/console/sessions/{session}"),
        format!("/console/sessions/{session}/end"),
        "/console/ledger".to_owned(),
        "/console/live".to_owned(),
        "/console/jobs".to_owned(),
        "/console/deliveries".to_owned(),
        "/console/users".to_owned(),
        format!("/console/users/{}", alex.id),
        format!("/console/users/{}/profile", alex.id),
        format!("/console/end?user={}", alex.id),
        "/console/end?filter=username+eq+alex&chosen=1".to_owned(),
        format!("/console/users/{}/acts/password", alex.id),
        "/console/groups".to_owned(),
        format!("/console/groups/{}", group.id),
        "/console/roles".to_owned(),
        format!("/console/groups/{}/remove", group.id),
        format!("/console/roles/{}", role.id),
        format!("/console/roles/{}/remove", role.id),
        "/console/applications".to_owned(),
        "/console/applications/new".to_owned(),
        format!("/console/applications/{}", shop.id),
        format!("/console/applications/{}/disable", shop.id),
        "/console/policies".to_owned(),
        format!("/console/policies/users/{}", alex.id),
        "/console/handlers".to_owned(),
        "/console/keys".to_owned(),
        "/console/handlers/sessionTermination".to_owned(),
        "/console/appearance".to_owned(),
        "/console/design".to_owned(),
        "/console/tenants".to_owned(),
        "/console/audit".to_owned(),
        "/myaccount".to_owned(),
        "/myaccount/profile".to_owned(),
        "/myaccount/security".to_owned(),
        "/myaccount/sessions/end-all".to_owned(),
        "/myaccount/connections".to_owned(),
        "/myaccount/history".to_owned(),
        "/myaccount/password".to_owned(),
        "/oidc/logout".to_owned(),
        "/nowhere".to_owned(),
    ];
    (server, paths)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_a_barrier_in_either_theme() {
    let (server, paths) = prepared().await;
    let browser = Browser::start().await;
    let mut found = Vec::new();
    for path in ["/login", "/forgot"] {
        look(&browser, &server, path, &mut found).await;
    }
    browser.goto(&format!("{}/console", server.base)).await;
    browser.sign_in("admin", "admin12").await;
    browser.wait_for("h1", "Overview").await;
    for path in &paths {
        look(&browser, &server, path, &mut found).await;
    }
    // A page that isn't there is an error of the network, as it should be.
    found.retain(|one| !(one.contains("/nowhere") && one.contains("404")));
    assert!(found.is_empty(), "{} barriers:\n{}", found.len(), found.join("\n"));
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_elsewhere_leaves_the_page_by_itself() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    let elsewhere = server.signed_in("alex", "alex123").await;
    let browser = Browser::start().await;
    browser.goto(&format!("{}/myaccount/security", server.base)).await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("h1", "Active sessions").await;
    let cards = async || {
        let all = browser.page.find_all(thirtyfour::By::Css("li.session")).await;
        all.unwrap_or_default().len()
    };
    assert_eq!(cards().await, 2);
    let page = elsewhere.get("/myaccount").await;
    elsewhere.post("/logout", &[("csrf", &*page.field("csrf"))]).await;
    sojourn_testkit::program::eventually("the card goes", || async {
        (cards().await == 1).then_some(())
    })
    .await;
    browser.wait_for("#live-state", "A session has ended: ended by the user.").await;
    // And when this very session ends, the page leads to the sign-in.
    let (engine, tenant) = (&server.engine, &server.tenant);
    let by = Authority::system();
    let locked = engine.set_user_state(tenant, &alex, UserState::Locked, &by);
    locked.await.expect("locked");
    browser.wait_for("h1", "Sign in").await;
    assert!(browser.complaints().await.is_empty());
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_consent_sessions_and_signing_out_need_no_scripts() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("shop", |app| app.settings.first_party = false).await;
    let elsewhere = server.signed_in("alex", "alex123").await;
    let browser = Browser::without_scripts().await;
    let at = |path: &str| format!("{}{path}", server.base);
    // Live updates are what a page has scripts for: here there are none.
    browser.goto(&at("/console/live")).await;
    browser.sign_in("alex", "wrong").await;
    browser
        .wait_for(
            ".notice.bad",
            "The login name or password is incorrect. Check both and try again.",
        )
        .await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("h1", "Not for this account").await;
    let pairs = sojourn_testkit::server::authorization("shop", "openid profile");
    browser.goto(&at(&sojourn_testkit::server::authorize_path(&pairs))).await;
    browser.find("#allow").await;
    browser.goto(&at("/myaccount/security")).await;
    browser.wait_for("h1", "Active sessions").await;
    browser.click("#end-others").await;
    browser.wait_for("h1", "End all other sessions?").await;
    browser.wait_for(".facts li", "1 session will end").await;
    browser.click("#confirm").await;
    browser.wait_for(".notice", "You are signed out everywhere else.").await;
    assert_eq!(elsewhere.get("/myaccount").await.status, 303);
    let live = browser.page.find_all(thirtyfour::By::Css("#live-state[hidden]")).await;
    assert_eq!(live.expect("found").len(), 1, "no script has run");
    browser.click("#sign-out").await;
    browser.wait_for("h1", "You are signed out").await;
    browser.goto(&at("/myaccount")).await;
    browser.wait_for("h1", "Sign in").await;
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_box_is_completed_by_keyboard_and_mouse() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("alexandra", "alex123", &[]).await;
    let signed_in = server.signed_in("alexandra", "alex123").await;
    let browser = Browser::start().await;
    browser.goto(&format!("{}/console/sessions", server.base)).await;
    browser.sign_in("admin", "admin12").await;
    browser.wait_for("h1", "Monitor user sessions").await;
    let value = async |expected: &str| {
        sojourn_testkit::program::eventually("the box is filled", || async {
            let found = browser.find("#q").await.prop("value").await.ok().flatten();
            (found.as_deref() == Some(expected)).then_some(())
        })
        .await;
    };
    browser.fill("#q", "usern").await;
    browser.wait_for("#suggestions [role=option]", "username").await;
    let mut found = Vec::new();
    browser.look("suggestions", &mut found).await;
    assert!(found.is_empty(), "{found:?}");
    let keys = async |keys: &str| browser.find("#q").await.send_keys(keys).await.expect("typed");
    keys(&String::from_iter([thirtyfour::Key::Down.value(), thirtyfour::Key::Enter.value()])).await;
    value("username ").await;
    keys("eq ale").await;
    browser
        .wait_for("#suggestions [role=option]", "username eq \"alexandra\" alexandra the tester")
        .await;
    browser.click("#suggestions [role=option]").await;
    value("username eq \"alexandra\" ").await;
    let out = [thirtyfour::Key::Escape.value(), thirtyfour::Key::Enter.value()];
    keys(&String::from_iter(out)).await;
    browser.wait_for("tbody td a", "alexandra").await;
    assert!(browser.complaints().await.is_empty());
    drop(signed_in);
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_search_found_is_ended_and_the_answers_are_shown() {
    let inbox = sojourn_testkit::inbox::Inbox::start().await;
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("alex", "alex123", &[]).await;
    let uri = inbox.uri();
    server.app("shop", |app| app.backchannel_logout_uri = Some(uri)).await;
    for _ in 0..2 {
        let elsewhere = server.signed_in("alex", "alex123").await;
        server.tokens(&elsewhere, "shop", "openid").await;
    }
    let browser = Browser::start().await;
    browser.goto(&format!("{}/console/sessions?q=username+sw+al", server.base)).await;
    browser.sign_in("admin", "admin12").await;
    browser.click("#end-found").await;
    browser.wait_for("#forecast strong", "2").await;
    // Another choice, looked at before it is done.
    browser.click("[name=notify]").await;
    browser.click("#look").await;
    browser.wait_for("#forecast li", "0\nnotices to applications").await;
    browser.click("[name=notify]").await;
    browser.click("#look").await;
    browser.wait_for("#forecast li", "2\nnotices to applications").await;
    browser.click("#confirm").await;
    browser.wait_for("h1", "Ended").await;
    browser.wait_for(".state.delivered", "signed out").await;
    let mut found = Vec::new();
    browser.look("ended", &mut found).await;
    assert!(found.is_empty(), "{found:?}");
    browser.quit().await;
    server.stop().await;
}
