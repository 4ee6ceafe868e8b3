//! Sign-in and the pages behind it: cookies, forgery, guessing, other people's sessions.

use sojourn_engine::{Authority, ThrottleLimits};
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

#[tokio::test]
async fn the_session_cookie_and_its_secret() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let browser = server.browser();
    let first = browser.sign_in("alex", "alex123").await;
    let cookies: Vec<&str> =
        first.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok()).collect();
    let cookie = cookies.iter().find(|c| c.starts_with("__Host-sojourn=")).expect("the cookie");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=None"), "{cookie}");
    let secret = browser.cookie("__Host-sojourn").expect("a secret");
    let other_tab = server.browser();
    other_tab.set_cookie("__Host-sojourn", &secret);
    browser.sign_in("alex", "alex123").await;
    assert_ne!(
        browser.cookie("__Host-sojourn"),
        Some(secret.clone()),
        "it changes at each sign-in"
    );
    assert_eq!(other_tab.get("/myaccount").await.status, 200, "for half a minute other tabs go on");
    server.clock.advance(30_000);
    assert_eq!(other_tab.get("/myaccount").await.status, 303);
    // A secret that someone planted opens nothing, and isn't taken over.
    let victim = server.browser();
    let planted = sojourn_crypto::b64url(&[7; 32]);
    victim.set_cookie("__Host-sojourn", &planted);
    assert_eq!(victim.sign_in("alex", "alex123").await.status, 303);
    assert_ne!(victim.cookie("__Host-sojourn"), Some(planted));
    // After an end no secret works any more, not even the one before.
    let now = browser.cookie("__Host-sojourn").expect("a secret");
    browser.sign_in("alex", "alex123").await;
    server.api("DELETE", "/api/users/v1/me/sessions", ("alex", "alex123")).await;
    other_tab.set_cookie("__Host-sojourn", &now);
    assert_eq!(other_tab.get("/myaccount").await.status, 303);
}

#[tokio::test]
async fn another_person_s_sign_in_replaces_the_session() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.user("sam", "sam1234", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    assert_eq!(browser.sign_in("sam", "sam1234").await.status, 303);
    assert!(!server.active("app", tokens["access_token"].as_str().expect("a token")).await);
    assert!(browser.get("/myaccount").await.body.contains("sam"));
}

#[tokio::test]
async fn forms_of_other_pages_do_nothing() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let browser = server.browser();
    let page = browser.get("/login").await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let good =
        [("csrf", &*csrf), ("ticket", &*ticket), ("username", "alex"), ("password", "alex123")];
    for origin in ["https://evil.test", "null", ""] {
        let answer = browser.post_from(origin, "/login", &good).await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    let no_token = browser.post("/login", &good[1..]).await;
    assert_eq!(no_token.status, 403);
    let stranger = server.browser();
    stranger.get("/login").await;
    assert_eq!(stranger.post("/login", &good).await.status, 403, "another browser's token");
    assert_eq!(browser.post("/login", &good).await.status, 303);
    for path in ["/logout", "/myaccount/sessions/end-all"] {
        assert_eq!(browser.post(path, &[("csrf", "0")]).await.status, 403, "{path}");
    }
    assert_eq!(browser.get("/myaccount").await.status, 200, "still signed in");
    // Tickets lead only where this server made them lead.
    for ticket in ["https://evil.test", "soj_in_AAAA", ""] {
        let page = browser.get(&format!("/login?ticket={ticket}")).await;
        assert_eq!(page.status, if ticket.is_empty() { 200 } else { 400 }, "{ticket}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_a_restart_forgives_nothing() {
    let limits = ThrottleLimits { per_account: 3, per_address: 8, window_ms: 60_000 };
    let server = TestServer::with(|settings| settings.throttle = limits).await;
    server.user("alex", "alex123", &[]).await;
    server.user("sam", "sam1234", &[]).await;
    let browser = server.browser();
    for _ in 0..3 {
        assert_eq!(browser.sign_in("alex", "wrong").await.status, 401);
    }
    assert_eq!(browser.sign_in("alex", "alex123").await.status, 429, "the right one as well");
    let api = server.api("GET", "/api/users/v1/me/sessions", ("alex", "alex123")).await;
    assert_eq!(api.status, 429, "APIs share the count");
    assert_eq!(browser.sign_in("sam", "sam1234").await.status, 303, "another account");
    // What is refused unseen counts for nobody, and what succeeds is no failure: four by now.
    for name in ["a", "b", "c", "d"] {
        assert_eq!(
            server.browser().sign_in(name, "x").await.status,
            401,
            "unknown names look alike"
        );
    }
    assert_eq!(server.browser().sign_in("e", "x").await.status, 429, "the address");
    assert_eq!(server.browser().sign_in("sam", "sam1234").await.status, 303, "who was here before");
    server.clock.advance(60_000);
    assert_eq!(server.browser().sign_in("alex", "alex123").await.status, 303);
}

#[tokio::test]
async fn consoles_are_for_administrators_by_their_rights() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.user("admin", "admin12", &["admin"]).await;
    let plain = server.signed_in("alex", "alex123").await;
    let admin = server.signed_in("admin", "admin12").await;
    for path in [
        "/console/sessions",
        "/console/users",
        "/console/roles",
        "/console/applications",
        "/console/deliveries",
        "/console/ledger",
        "/console/audit",
    ] {
        assert_eq!(plain.get(path).await.status, 403, "{path}");
        let page = admin.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(server.browser().get(path).await.status, 303, "{path}");
    }
    let csrf = plain.get("/myaccount").await.field("csrf");
    let path = format!("/console/users/{}/end-sessions", alex.id);
    assert_eq!(plain.post(&path, &[("csrf", &csrf)]).await.status, 403);
    // Names are shown, never run.
    let evil = "<script>alert(1)</script>";
    let csrf = admin.get("/console/users").await.field("csrf");
    let form = [
        ("csrf", &*csrf),
        ("username", "evil"),
        ("name", evil),
        ("password", "some words of evil"),
    ];
    assert_eq!(admin.post("/console/users", &form).await.status, 303);
    let page = admin.get("/console/users").await.body;
    assert!(page.contains("&#60;script&#62;") && !page.contains(evil));
}

/// What a browser loads for a page: itself, and what it names; each once.
async fn weight(browser: &sojourn_testkit::server::Browser, path: &str) -> (usize, usize) {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{path}");
    let (mut bytes, mut requests) = (page.body.len(), 1);
    let mut seen: Vec<&str> = Vec::new();
    for part in page.body.split(['"', '\'']).filter(|part| part.starts_with("/assets/")) {
        if !seen.contains(&part) {
            seen.push(part);
            bytes += browser.get(part).await.body.len();
            requests += 1;
        }
    }
    (bytes, requests)
}

#[tokio::test]
async fn pages_are_light() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    for number in 0..60 {
        let name = format!("user{number}");
        server.user(&name, "a word", &[]).await;
        server.signed_in(&name, "a word").await;
    }
    let browser = server.browser();
    let (bytes, requests) = weight(&browser, "/login").await;
    assert!(bytes <= 40 * 1024 && requests <= 4, "{bytes} bytes in {requests} requests");
    let browser = server.signed_in("admin", "admin12").await;
    for path in [
        "/console",
        "/console/sessions",
        "/console/ledger",
        "/console/users",
        "/console/roles",
        "/console/groups",
        "/console/applications",
        "/console/policies",
        "/console/audit",
        "/console/deliveries",
        "/console/handlers",
        "/console/keys",
        "/console/tenants",
        "/console/live",
        "/myaccount/security",
    ] {
        let (bytes, _) = weight(&browser, path).await;
        assert!(bytes <= 120 * 1024, "{path}: {bytes} bytes");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_tenant_looks_as_its_administrators_want() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let acme = server.second_tenant("acme").await;
        server.user_in(&acme, "olga", "olga123", &["admin"]).await;
        let browser = server.browser();
        let signed_in = browser.sign_in_at("/t/acme/login", "olga", "olga123", false).await;
        assert_eq!(signed_in.status, 303);
        let path = "/t/acme/console/appearance";
        let csrf = browser.get(path).await.field("csrf");
        let svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        let send = async |csrf: &str, accent: &str, logo: &str| {
            let part = |name: &str, more: &str, value: &str| {
                format!(
                    "--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n"
                )
            };
            let body = [
                part("csrf", "", csrf),
                part("name", "", "Acme <b>Post</b>"),
                part("accent", "", accent),
                part("logo", "; filename=\"l.svg\"\r\nContent-Type: image/svg+xml", logo),
                "--xyz--\r\n".to_owned(),
            ];
            browser.post_body(path, "multipart/form-data; boundary=xyz", body.concat()).await
        };
        assert_eq!(send("0", "#ff0000", svg).await.status, 403, "a form of ours alone");
        for (accent, logo) in
            [("red; }", svg), ("#ff0000", "GIF89a"), ("#ff0000", &"<svg>".repeat(8_000))]
        {
            assert_eq!(send(&csrf, accent, logo).await.status, 400, "{accent}");
        }
        let done = send(&csrf, "#ffee00", svg).await;
        assert_eq!(done.status, 303, "{done:?}");
        let login = server.browser().get("/t/acme/login").await.body;
        assert!(
            login.contains("Acme &#60;b&#62;Post") || login.contains("Acme &lt;b&gt;Post"),
            "{login}"
        );
        let link = |from: &str| {
            let start = login.find(from).expect("a link");
            login[start..].split('"').next().expect("its end").to_owned()
        };
        let colours = server.browser().get(&link("/t/acme/assets/colours.css")).await;
        assert_eq!(colours.header("content-type"), "text/css; charset=utf-8");
        assert!(
            !colours.body.contains("--brand: #ffee00; --brand-ink: #ffffff"),
            "{}",
            colours.body
        );
        let logo = server.browser().get(&link("/t/acme/assets/logo")).await;
        assert_eq!((logo.status, &*logo.body), (200, svg));
        let policy = logo.header("content-security-policy");
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
        // Nobody else looks like that.
        let default = server.browser().get("/login").await.body;
        assert!(!default.contains("Acme") && default.contains("/assets/logo.svg"), "{default}");
        assert_eq!(server.browser().get("/assets/logo").await.status, 404);
        server.stop().await;
    }
}

#[tokio::test]
async fn the_search_box_says_what_it_may_go_on_with() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("alex", "alex123", &["staff"]).await;
    server.user("alexandra", "alex123", &[]).await;
    server.app("my shop", |_| {}).await;
    let admin = server.signed_in("admin", "admin12").await;
    let ask = async |text: &str| -> Vec<String> {
        let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let answer = admin.get(&format!("/console/sessions/completion?q={query}")).await.json();
        let all = answer["suggestions"].as_array().expect("a list").clone();
        all.iter().map(|one| one["text"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(ask("ale").await, ["alex", "alexandra"]);
    assert_eq!(ask("user").await, ["user_id ", "username ", "user_agent "]);
    assert_eq!(ask("username s").await, ["username sw "]);
    assert_eq!(ask("signed_in_at l").await, ["signed_in_at lt ", "signed_in_at le "]);
    let filter = "state eq active and role eq ";
    assert!(ask(filter).await.contains(&format!("{filter}\"staff\" ")));
    assert_eq!(ask("application eq \"MY S").await, ["application eq \"my shop\" "]);
    assert_eq!(ask("ip pr a").await, ["ip pr and "]);
    assert!(ask("nonsense ").await.is_empty() && ask(&"x".repeat(5_000)).await.is_empty());
    // What is suggested is understood.
    for text in ["signed_in_at gt ", "end_reason eq \"ad", "username eq \"ale", "remember eq "] {
        let query = ask(text).await.remove(0);
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        assert_eq!(admin.get(&format!("/console/sessions?q={query}")).await.status, 200, "{text}");
    }
    let alex = server.signed_in("alex", "alex123").await;
    assert_eq!(alex.get("/console/sessions/completion?q=a").await.status, 403);
    // Who may look at sessions alone isn't told who and what else there is.
    let (engine, tenant) = (&server.engine, &server.tenant);
    let view = "internal_session_view";
    engine.add_role(tenant, "viewer", view, &Authority::system()).await.expect("a role");
    server.user("vera", "vera1234", &["viewer"]).await;
    let vera = server.signed_in("vera", "vera1234").await;
    for text in ["ale", "username+eq+", "role+eq+", "application+eq+"] {
        let answer = vera.get(&format!("/console/sessions/completion?q={text}")).await.json();
        assert_eq!(answer["suggestions"], serde_json::json!([]), "{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_overview_counts_what_happened_and_why() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let alex = server.user("alex", "alex123", &[]).await;
        let admin = server.signed_in("admin", "admin12").await;
        for _ in 0..3 {
            server.signed_in("alex", "alex123").await;
        }
        let leaving = server.signed_in("alex", "alex123").await;
        let csrf = leaving.get("/myaccount").await.field("csrf");
        leaving.post("/logout", &[("csrf", &csrf)]).await;
        assert_eq!(server.browser().sign_in("alex", "wrong").await.status, 401);
        let csrf = admin.get("/console").await.field("csrf");
        let path = format!("/console/users/{}/acts/lock", alex.id);
        assert_eq!(admin.post(&path, &[("csrf", &csrf)]).await.status, 303);
        server.clock.advance(2_000);
        let page = admin.get("/console?range=hour").await.body;
        for said in [
            "<strong>1</strong> <a href=\"/console/sessions\">active sessions</a>",
            "<strong>5</strong> Sign-ins",
            "<strong>4</strong> Ended sessions",
            "<strong>1</strong> Failed sign-ins",
            ">the account was locked</a></td><td data-label=\"Sessions\">3 <",
            ">ended by the user</a></td><td data-label=\"Sessions\">1 <",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        let locked = admin.get("/console/ledger?q=end_reason%20eq%20%22account_locked%22").await;
        assert_eq!(locked.body.matches("<tr data-session=").count(), 3);
        server.clock.advance(2 * 3_600_000);
        let later = server.signed_in("admin", "admin12").await;
        let page = later.get("/console?range=hour").await.body;
        assert!(page.contains("<strong>1</strong> Sign-ins"), "{page}");
        server.stop().await;
    }
}

#[tokio::test]
async fn who_signs_in_on_the_way_comes_to_the_page_that_was_asked_for() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    for path in [
        "/console/sessions?q=username+sw+al&also=ip+pr",
        "/console/applications/new",
        "/myaccount/history",
        "/t/carbon.super/console/audit?what=user",
    ] {
        let browser = server.browser();
        let login = browser.get(path).await;
        assert_eq!(login.status, 303);
        let there = browser.sign_in_at(login.location(), "admin", "admin12", false).await;
        assert_eq!((there.status, there.location()), (303, path), "{there:?}");
    }
    // Nobody puts an application's face on the way to a page of ours.
    server.app("shop", |_| {}).await;
    let browser = server.browser();
    let login = browser.get("/console?client_id=shop").await;
    let login = browser.get(login.location()).await;
    assert!(login.status == 200 && !login.body.contains("shop"), "{}", login.body);
    let long = format!("/console/users?q={}", "x".repeat(3_000));
    let browser = server.browser();
    let login = browser.get(&long).await;
    let there = browser.sign_in_at(login.location(), "admin", "admin12", false).await;
    assert_eq!(there.location(), "/console/users");
    server.stop().await;
}
