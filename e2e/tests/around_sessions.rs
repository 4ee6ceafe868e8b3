//! The pages before and after a session, as a person meets them: signing in for an application, consent, the choice of an
//! account and of sessions, signing out with what each application answered. Each is looked at in either theme and on a
//! small screen. And all of it in other languages and in the colours of a tenant.

use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_engine::directory::{LogoChange, NewApplication};
use sojourn_model::{AtLimit, PolicyScope, SessionPolicy};
use sojourn_server::language::Languages;
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::server::{TestServer, authorization, authorize_path};
use sojourn_testkit::store::{Engine, Folder};

fn nothing_wrong(found: &[String]) {
    assert!(found.is_empty(), "{} barriers:\n{}", found.len(), found.join("\n"));
}

async fn server_with_shops(inbox: &Inbox, languages: Languages) -> TestServer {
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| settings.resets_by_mail = true,
        |serve| serve.languages = languages,
    )
    .await;
    server.user("alex", "alex123", &[]).await;
    server.user("admin", "admin12", &["admin"]).await;
    let (uri, frame) = (inbox.uri(), format!("{}/health/ready", server.base));
    let shop = |app: &mut NewApplication| {
        app.settings.first_party = false;
        app.settings.home_uri = Some("https://shop.test/".into());
        app.settings.policy_uri = Some("https://shop.test/policy".into());
        app.settings.tos_uri = Some("https://shop.test/terms".into());
        app.backchannel_logout_uri = Some(uri);
    };
    server.app("shop", shop).await;
    server.app("framed", |app| app.settings.oidc.frontchannel_logout_uri = Some(frame)).await;
    server
}

/// Goes the whole way; `look` is called on each page.
async fn whole_way(server: &TestServer, browser: &Browser, found: &mut Vec<String>) {
    let at = |path: &str| format!("{}{path}", server.base);
    let to = |client: &str, more: &[(&'static str, &'static str)]| {
        let mut pairs = authorization(client, "openid profile email offline_access");
        pairs.extend(more);
        at(&authorize_path(&pairs))
    };
    browser.goto(&to("shop", &[])).await;
    browser.look("sign in for an application", found).await;
    browser.sign_in("alex", "wrong").await;
    browser.find(".notice.bad").await;
    browser.look("sign in, not right", found).await;
    browser.sign_in("alex", "alex123").await;
    browser.find("#allow").await;
    browser.look("consent", found).await;
    browser.goto(&to("shop", &[("prompt", "select_account")])).await;
    browser.find("#this-account").await;
    browser.look("choose an account", found).await;
    browser.click("#other-account").await;
    browser.find("#username").await;
    browser.look("another account", found).await;
    browser.goto(&at("/oidc/logout")).await;
    browser.find("#confirm").await;
    browser.look("sign out?", found).await;
    browser.goto(&at("/oauth2/authorize?client_id=nobody")).await;
    browser.look("an error", found).await;
    browser.goto(&at("/reset?token=x")).await;
    browser.look("a stale link", found).await;
    // The application's own page isn't there; the codes that led to it are of no matter.
    found.retain(|one| !one.contains("status of 40"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_around_a_session_have_no_barrier() {
    let inbox = Inbox::start().await;
    let server = server_with_shops(&inbox, Languages::default()).await;
    let browser = Browser::start().await;
    let mut found = Vec::new();
    whole_way(&server, &browser, &mut found).await;
    nothing_wrong(&found);
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_sees_every_answer_come_in() {
    let inbox = Inbox::start().await;
    let server = server_with_shops(&inbox, Languages::default()).await;
    let browser = Browser::start().await;
    let at = |path: &str| format!("{}{path}", server.base);
    let mut found = Vec::new();
    browser.goto(&at("/myaccount")).await;
    browser.sign_in("alex", "alex123").await;
    browser.find("#sign-out").await;
    let secret = browser.page.get_named_cookie("__Host-sojourn").await.expect("a cookie").value;
    let same = server.browser();
    same.set_cookie("__Host-sojourn", &secret);
    server.tokens(&same, "framed", "openid").await;
    let consent = same.authorize("shop", "openid", &[]).await;
    let page = same.get(consent.location()).await;
    let form = [
        ("csrf", page.field("csrf")),
        ("ticket", page.field("ticket")),
        ("answer", "yes".to_owned()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    let on = same.post("/consent", &form).await;
    assert_eq!(same.get(on.location()).await.status, 303);
    // Not at once: the page is there first, and hears of the answer by itself.
    inbox.answer(&[503]);
    browser.goto(&at("/myaccount")).await;
    browser.click("#sign-out").await;
    browser.wait_for("h1", "You are signed out").await;
    browser.wait_for("[data-frame]", "signed out").await;
    browser.wait_for("[data-receipt]", "signing out …").await;
    browser.look("signed out", &mut found).await;
    server.clock.advance(60_000);
    inbox.wait_for(2).await;
    browser.wait_for("[data-receipt]", "signed out").await;
    nothing_wrong(&found);
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_may_lead_on_to_what_is_registered_and_says_so_where_it_may_not() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let starts = [Inbox::start().await, Inbox::start().await];
    let goals = [Inbox::start().await, Inbox::start().await];
    let browser = Browser::start().await;
    let at = |path: &str| format!("{}{path}", server.base);
    browser.goto(&at("/myaccount")).await;
    browser.sign_in("alex", "alex123").await;
    browser.find("#sign-out").await;
    let secret = browser.page.get_named_cookie("__Host-sojourn").await.expect("a cookie").value;
    let same = server.browser();
    same.set_cookie("__Host-sojourn", &secret);
    for (number, client) in ["follows", "lost"].iter().enumerate() {
        let goal = goals[number].origin();
        let uri = format!("{}/leave?{goal}/left", starts[number].origin());
        server
            .app(client, |app| {
                app.settings.oidc.frontchannel_logout_uri = Some(uri);
                app.settings.oidc.frontchannel_logout_origins =
                    if number == 0 { vec![goal] } else { Vec::new() };
            })
            .await;
        server.tokens(&same, client, "openid").await;
    }
    browser.goto(&at("/myaccount")).await;
    browser.click("#sign-out").await;
    browser.wait_for("h1", "You are signed out").await;
    let said = |number: usize| format!("iframe[src^=\"{}\"]", starts[number].origin());
    browser.wait_for(&format!("li:has({}) [data-frame]", said(0)), "signed out").await;
    browser.wait_for(&format!("li:has({}) [data-frame]", said(1)), "could not be reached").await;
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_the_choice_of_sessions_has_no_barrier() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    let policy = SessionPolicy {
        max_sessions: Some(1),
        at_limit: Some(AtLimit::Ask),
        ..SessionPolicy::default()
    };
    let scope = PolicyScope::User(alex.id);
    let by = Authority::system();
    let set = server.engine.set_policy(&server.tenant, scope, policy, &by);
    set.await.expect("a policy");
    let elsewhere = server.signed_in("alex", "alex123").await;
    let browser = Browser::start().await;
    let mut found = Vec::new();
    browser.goto(&format!("{}/myaccount", server.base)).await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("h1", "You are signed in elsewhere").await;
    browser.look("too many sessions", &mut found).await;
    browser.click("label.choice input").await;
    browser.click("#end-and-sign-in").await;
    browser.wait_for("h1", "Hello, alex the tester").await;
    assert_eq!(elsewhere.get("/myaccount").await.status, 303);
    nothing_wrong(&found);
    browser.quit().await;
    server.stop().await;
}

/// A colour on which nobody could read white, and a logo of one's own.
async fn dress(server: &TestServer) {
    let logo = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><path d=\"M0 0h8v8z\"/></svg>";
    let logo = LogoChange::Put(logo.as_bytes().to_vec());
    let by = Authority::system();
    let set = server.engine.set_look(&server.tenant, ("Aurora", "#ffe600"), logo, &by);
    set.await.expect("a look");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_words_other_directions_and_bright_colours_fit_as_well() {
    let (inbox, folder) = (Inbox::start().await, Folder::new());
    let file = "code = \"he\"\nname = \"mirrored\"\ndirection = \"rtl\"\n[phrases]\n";
    std::fs::write(folder.0.join("he.toml"), file).expect("written");
    let languages = Languages::with_folder(&folder.0).expect("languages");
    let server = server_with_shops(&inbox, languages).await;
    dress(&server).await;
    let at = |path: &str| format!("{}{path}", server.base);
    for language in ["de", "he"] {
        let browser = Browser::start().await;
        let mut found = Vec::new();
        browser.goto(&at(&format!("/language?to={language}&back=/login"))).await;
        let direction =
            browser.page.execute("return getComputedStyle(document.body).direction", vec![]);
        let expected = if language == "he" { "rtl" } else { "ltr" };
        assert_eq!(direction.await.expect("a direction").json(), expected);
        whole_way(&server, &browser, &mut found).await;
        for path in
            ["/myaccount", "/myaccount/security", "/myaccount/profile", "/myaccount/history"]
        {
            browser.goto(&at(path)).await;
            browser.look(&format!("{language} {path}"), &mut found).await;
        }
        browser.click("#sign-out").await;
        // "Sign in again": it is over only now.
        browser.find(".panel a.button[href='/myaccount']").await;
        browser.goto(&at("/console")).await;
        browser.sign_in("admin", "admin12").await;
        browser.find(".figures").await;
        for path in [
            "/console",
            "/console/sessions",
            "/console/users",
            "/console/policies",
            "/console/appearance",
            "/console/applications/new",
            "/console/audit",
        ] {
            browser.goto(&at(path)).await;
            browser.look(&format!("{language} {path}"), &mut found).await;
        }
        nothing_wrong(&found);
        browser.quit().await;
    }
    server.stop().await;
}
