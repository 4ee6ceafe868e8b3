//! A person can always go on.

use futures_util::future::join;
use sojourn_engine::directory::NewApplication;
use sojourn_engine::{Authority, ThrottleLimits};
use sojourn_model::{AtLimit, PolicyScope, SessionPolicy};
use sojourn_testkit::server::{Answer, Browser, CALLBACK, TestServer};

const LATE_MS: i64 = 31 * 60_000;

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    server
}

fn third_party(app: &mut NewApplication) {
    app.settings.first_party = false;
    app.settings.oidc.post_logout_redirect_uris = vec!["https://app.test/bye".into()];
}

/// Sends a sign-in page's form as it was shown.
async fn send(browser: &Browser, page: &Answer, name: &str, password: &str) -> Answer {
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form = [("csrf", &*csrf), ("ticket", &ticket), ("username", name), ("password", password)];
    browser.post("/login", &form).await
}

#[tokio::test]
async fn a_sign_in_page_that_was_open_for_long_still_leads_to_the_application() {
    let server = server().await;
    let browser = server.browser();
    let first = browser.authorize("app", "openid", &[]).await;
    let page = browser.get(first.location()).await;
    server.clock.advance(LATE_MS);
    let back = send(&browser, &page, "alex", "alex123").await;
    assert_eq!(back.status, 303, "{back:?}");
    let answer = browser.get(back.location()).await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    assert_eq!(answer.redirect_param("state").as_deref(), Some("st"));
    // The address itself, loaded again a day later.
    let fresh = server.browser();
    server.clock.advance(24 * 3_600_000);
    let page = fresh.get(first.location()).await;
    assert!(page.status == 200 && page.body.contains("name=\"password\""), "{page:?}");
    // What was never a request of ours has ways on all the same.
    let nothing = fresh.get("/login?ticket=x").await;
    assert!(nothing.status == 400 && nothing.body.contains("href=\"/myaccount\""), "{nothing:?}");
}

#[tokio::test]
async fn the_second_tab_goes_on_without_a_password() {
    let server = server().await;
    let browser = server.browser();
    let first = browser.authorize("app", "openid", &[]).await;
    let second = browser.authorize("app", "openid", &[("prompt", "login")]).await;
    browser.sign_in_at(first.location(), "alex", "alex123", false).await;
    let reloaded = browser.get(first.location()).await;
    assert!(reloaded.location().starts_with("/oauth2/authorize?continue="), "{reloaded:?}");
    let answer = browser.get(reloaded.location()).await;
    assert!(answer.redirect_param("code").is_some(), "{answer:?}");
    // A sign-in that the application demands is still demanded, and doesn't lead round in a circle.
    let reloaded = browser.get(second.location()).await;
    let demanded = browser.get(reloaded.location()).await;
    assert!(demanded.location().starts_with("/login?ticket="), "{demanded:?}");
    let page = browser.get(demanded.location()).await;
    assert!(page.status == 200 && page.body.contains("name=\"password\""), "{page:?}");
}

#[tokio::test]
async fn pages_between_sign_in_and_application_begin_again_by_themselves() {
    let server = server().await;
    server.app("guest", third_party).await;
    let consent = async |browser: &Browser| {
        let asked = browser.authorize("guest", "openid profile", &[]).await;
        assert!(asked.location().starts_with("/consent?"), "{asked:?}");
        browser.get(asked.location()).await
    };
    let answer = async |browser: &Browser, page: &Answer, path: &str, answer: &str| {
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        browser.post(path, &[("csrf", &csrf), ("ticket", &ticket), ("answer", answer)]).await
    };
    let browser = server.browser();
    browser.sign_in_at("/login", "alex", "alex123", true).await;
    // Too late.
    let page = consent(&browser).await;
    server.clock.advance(LATE_MS);
    let late = answer(&browser, &page, "/consent", "yes").await;
    let again = browser.get(late.location()).await;
    assert!(again.location().starts_with("/consent?"), "{again:?}");
    // The session ended meanwhile: by the sign-in back to the same request.
    let page = consent(&browser).await;
    let token = browser.get("/myaccount").await.field("csrf");
    browser.post("/logout", &[("csrf", &token)]).await;
    let signed_out = answer(&browser, &page, "/consent", "yes").await;
    let sign_in = browser.get(signed_out.location()).await;
    assert!(sign_in.location().starts_with("/login?ticket="), "{sign_in:?}");
    let back = browser.sign_in_at(sign_in.location(), "alex", "alex123", false).await;
    let asked = browser.get(back.location()).await;
    assert!(asked.location().starts_with("/consent?"), "{asked:?}");
    // Another session began meanwhile.
    let page = browser.get(asked.location()).await;
    let token = browser.get("/myaccount").await.field("csrf");
    browser.post("/logout", &[("csrf", &token)]).await;
    browser.sign_in("alex", "alex123").await;
    let other = answer(&browser, &page, "/consent", "yes").await;
    assert!(browser.get(other.location()).await.location().starts_with("/consent?"));
    // The choice of an account.
    let asked = browser.authorize("app", "openid", &[("prompt", "select_account")]).await;
    let page = browser.get(asked.location()).await;
    server.clock.advance(LATE_MS);
    browser.sign_in("alex", "alex123").await;
    let late = answer(&browser, &page, "/select-account", "this").await;
    assert!(browser.get(late.location()).await.location().starts_with("/select-account?"));
    // A form of another site's changes nothing and says so.
    let page = consent(&browser).await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", "yes")];
    let forged = browser.post_from("https://evil.test", "/consent", &form).await;
    assert!(forged.status == 403 && forged.body.contains("https://evil.test"), "{forged:?}");
}

#[tokio::test]
async fn a_logout_page_still_leads_back_to_the_application() {
    let server = server().await;
    server
        .app("leaving", |app| {
            app.settings.oidc.post_logout_redirect_uris = vec!["https://app.test/bye".into()];
        })
        .await;
    let browser = server.browser();
    let request = "/oidc/logout?client_id=leaving&post_logout_redirect_uri=https%3A%2F%2Fapp.test%2Fbye&state=s";
    let confirm = async |page: &Answer| {
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", "yes")];
        browser.post("/oidc/logout/confirm", &form).await
    };
    browser.sign_in_at("/login", "alex", "alex123", true).await;
    let page = browser.get(request).await;
    server.clock.advance(LATE_MS);
    let out = confirm(&page).await;
    assert_eq!(out.location(), "https://app.test/bye?state=s", "open for long: {out:?}");
    browser.sign_in("alex", "alex123").await;
    let page = browser.get(request).await;
    let token = browser.get("/myaccount").await.field("csrf");
    browser.post("/logout", &[("csrf", &token)]).await;
    let out = confirm(&page).await;
    assert_eq!(out.location(), "https://app.test/bye?state=s", "signed out meanwhile: {out:?}");
    // Another session began: nobody is signed out by an old page, and the question comes again.
    browser.sign_in("alex", "alex123").await;
    let asked = confirm(&page).await;
    assert!(asked.status == 200 && asked.body.contains("/oidc/logout/confirm"), "{asked:?}");
    let out = confirm(&asked).await;
    assert_eq!(out.location(), "https://app.test/bye?state=s", "{out:?}");
}

#[tokio::test]
async fn a_logout_that_can_not_be_trusted_asks_and_stays_here() {
    let server = server().await;
    let browser = server.browser();
    browser.sign_in("alex", "alex123").await;
    for query in [
        "id_token_hint=x&post_logout_redirect_uri=https%3A%2F%2Fapp.test%2Fbye",
        "client_id=gone&post_logout_redirect_uri=https%3A%2F%2Fapp.test%2Fbye",
        "client_id=app&post_logout_redirect_uri=https%3A%2F%2Fevil.test%2F",
    ] {
        let page = browser.get(&format!("/oidc/logout?{query}")).await;
        assert!(page.status == 200 && page.body.contains("id=\"confirm\""), "{query}: {page:?}");
        assert!(!page.body.contains("href=\"https://evil.test"), "{query}");
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", "no")];
        assert_eq!(browser.post("/oidc/logout/confirm", &form).await.location(), "/myaccount");
        let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", "yes")];
        let out = browser.post("/oidc/logout/confirm", &form).await;
        assert!(out.location().starts_with("/signed-out?"), "{query}: {out:?}");
        let nobody = browser.get(&format!("/oidc/logout?{query}")).await;
        assert!(nobody.status == 200 && !nobody.body.contains("id=\"confirm\""), "{query}");
        browser.sign_in("alex", "alex123").await;
    }
}

#[tokio::test]
async fn each_reason_why_a_form_is_not_taken_has_its_own_words() {
    let server = server().await;
    let browser = server.browser();
    let page = browser.get("/login").await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form =
        [("csrf", &*csrf), ("ticket", &ticket), ("username", "alex"), ("password", "alex123")];
    let at = format!("{}/login", server.base);
    let sent = async |headers: &[(&str, &str)]| {
        let mut request = server.http.post(&at).form(&form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.expect("an answer")).await
    };
    let secret = browser.cookie("__Host-sojourn-pre").expect("a cookie");
    let cookie = format!("__Host-sojourn-pre={secret}");
    let other = format!("__Host-sojourn-pre={}", "x".repeat(43));
    let base = &*server.base;
    for (headers, words) in [
        (vec![("origin", base)], "Allow cookies for"),
        (vec![("cookie", &*cookie)], "An extension or a proxy may have removed it"),
        (vec![("cookie", &*cookie), ("origin", "https://evil.test")], "page of https://evil.test"),
        (
            vec![("cookie", &*cookie), ("origin", "http://other.test"), ("host", "elsewhere.test")],
            "has a different address",
        ),
        (vec![("cookie", &*other), ("origin", base)], "open for too long"),
    ] {
        let answer = sent(&headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
        assert!(answer.body.contains("name=\"password\""), "and the page is there again");
    }
    let server = TestServer::with(|settings| {
        settings.base_url = settings.base_url.replace("http://", "https://");
    })
    .await;
    let answer =
        server.http.post(format!("{}/login", server.base)).send().await.expect("an answer");
    let answer = Answer::of(answer).await;
    assert!(answer.body.contains("unencrypted connection"), "{answer:?}");
}

#[tokio::test]
async fn who_has_no_right_may_sign_in_as_someone_else_and_every_error_page_leads_home() {
    let server = server().await;
    let browser = server.browser();
    browser.sign_in("alex", "alex123").await;
    let refused = browser.get("/console/users").await;
    assert_eq!(refused.status, 403);
    for part in ["class=\"menu\"", "href=\"/myaccount\"", "Sign in as someone else"] {
        assert!(refused.body.contains(part), "{part}: {}", refused.body);
    }
    let link = refused.body.split("href=\"/login?").nth(1).and_then(|rest| rest.split('"').next());
    let link = format!("/login?{}", link.expect("a link").replace("&#38;", "&"));
    let page = browser.get(&link).await;
    assert!(page.status == 200 && page.body.contains("name=\"password\""), "{page:?}");
    server.user("ada", "ada12345", &["admin"]).await;
    let back = browser.sign_in_at(&link, "ada", "ada12345", false).await;
    assert_eq!(back.location(), "/console/users");
    assert_eq!(browser.get("/dashboard").await.location(), "/myaccount");
    assert_eq!(browser.get("/carbon").await.location(), "/console");
    for nowhere in ["/nothing", "/console/users/x", "/oauth2/authorize"] {
        let page = browser.get(nowhere).await;
        assert!(page.status >= 400 && page.body.contains("href=\"/myaccount\""), "{nowhere}");
    }
}

#[tokio::test]
async fn a_double_click_makes_one_session() {
    for max in
        [None, Some((1, AtLimit::Deny)), Some((1, AtLimit::Ask)), Some((1, AtLimit::EndOldest))]
    {
        let server = server().await;
        if let Some((max, at_limit)) = max {
            let policy = SessionPolicy {
                max_sessions: Some(max),
                at_limit: Some(at_limit),
                ..SessionPolicy::default()
            };
            let system = Authority::system();
            let set =
                server.engine.set_policy(&server.tenant, PolicyScope::Tenant, policy, &system);
            set.await.expect("set");
        }
        let browser = server.browser();
        let page = browser.get("/login").await;
        let click = || send(&browser, &page, "alex", "alex123");
        let (one, two) = join(click(), click()).await;
        let three = click().await;
        for answer in [&one, &two, &three] {
            assert_eq!(
                (answer.status, answer.location()),
                (303, "/myaccount"),
                "{max:?}: {answer:?}"
            );
        }
        assert_eq!(browser.get("/myaccount").await.status, 200, "{max:?}");
        let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
        let sessions = server.engine.sessions_of_user(&server.tenant, user.id).await.expect("read");
        assert_eq!(sessions.len(), 1, "{max:?}");
        // Signed out, the page that is still there in the history begins another one.
        let token = browser.get("/myaccount").await.field("csrf");
        browser.post("/logout", &[("csrf", &token)]).await;
        assert_eq!(click().await.status, 303, "{max:?}");
        assert_eq!(browser.get("/myaccount").await.status, 200, "{max:?}");
        let sessions = server.engine.sessions_of_user(&server.tenant, user.id).await.expect("read");
        assert_eq!(sessions.len(), 1, "{max:?}");
    }
}

#[tokio::test]
async fn a_double_click_is_no_guess() {
    let server = TestServer::with(|settings| {
        settings.throttle =
            ThrottleLimits { per_account: 100, per_address: 3, window_ms: 3_600_000 };
    })
    .await;
    server.user("alex", "alex123", &[]).await;
    for round in 0..6 {
        let browser = server.browser();
        let page = browser.get("/login").await;
        let click = || send(&browser, &page, "alex", "alex123");
        let (one, two) = join(click(), click()).await;
        assert_eq!((one.status, two.status), (303, 303), "{round}: {one:?} {two:?}");
    }
}

#[tokio::test]
async fn a_secret_that_a_form_gave_does_not_come_back() {
    let server = server().await;
    let browser = server.browser();
    let pages = [browser.get("/login").await, browser.get("/login").await];
    let secret = || browser.cookie("__Host-sojourn").expect("a session");
    let mut seen = Vec::new();
    for page in [&pages[0], &pages[1], &pages[0], &pages[1], &pages[0]] {
        assert_eq!(send(&browser, page, "alex", "alex123").await.status, 303);
        assert!(!seen.contains(&secret()), "a secret that was replaced came back");
        seen.push(secret());
    }
}

#[tokio::test]
async fn a_double_click_in_the_console_makes_one_of_each() {
    let server = server().await;
    server.user("ada", "ada12345", &["admin"]).await;
    let browser = server.browser();
    browser.sign_in("ada", "ada12345").await;
    let csrf = browser.get("/console").await.field("csrf");
    let new = browser.get("/console/applications/new").await;
    let drawn = new.field("drawn");
    for (path, fields) in [
        ("/console/users", vec![("username", "bo"), ("password", "rainy-tuesday-9")]),
        ("/console/groups", vec![("name", "Sales")]),
        ("/console/roles", vec![("name", "auditor"), ("permissions", "internal_audit_view")]),
        (
            "/console/applications",
            vec![
                ("name", "Reports"),
                ("redirect_uris", "https://reports.test/cb"),
                ("token_binding", "none"),
                ("drawn", &*drawn),
            ],
        ),
    ] {
        let mut form = vec![("csrf", &*csrf)];
        form.extend(fields);
        let (one, two) = join(browser.post(path, &form), browser.post(path, &form)).await;
        assert!([200, 303].contains(&one.status), "{path}: {one:?}");
        assert_eq!((one.status, one.location()), (two.status, two.location()), "{path}: {two:?}");
        if path == "/console/applications" {
            let secret = |answer: &Answer| {
                let rest = answer.body.split("id=\"secret\">").nth(1).map(str::to_owned);
                rest.and_then(|rest| rest.split('<').next().map(str::to_owned))
            };
            assert!(secret(&one).is_some_and(|text| text.len() > 20), "{one:?}");
            assert_eq!(secret(&one), secret(&two));
            assert_eq!(
                browser.get("/console/applications").await.body.matches(">Reports<").count(),
                1
            );
        } else {
            server.clock.advance(60_000);
            let later = browser.post(path, &form).await;
            assert_eq!(later.status, 400, "{path}, a minute later: {later:?}");
        }
    }
}
