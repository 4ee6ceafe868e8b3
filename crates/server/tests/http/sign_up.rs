//! Accounts that people make themselves: who may, what a mail proves, and what a stranger learns by trying.

use sojourn_engine::sign_up::{NewCode, WORK_BITS};
use sojourn_engine::{Authority, EngineError, RegistrationLimits};
use sojourn_model::{OpenTo, PolicyScope, SecondFactor, SessionPolicy, SignUp, Terms};
use sojourn_testkit::authenticator::SoftKey;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::smtp::{Smtp, plain};
use sojourn_testkit::store::Engine;

const WORDS: &str = "a heron on the pond";
const BOSS: (&str, &str) = ("boss", "boss-123");
const CLEO: &str = "cleo@example.test";

async fn prepared(engine: Engine, smtp: &Smtp, open_to: OpenTo) -> TestServer {
    let server = TestServer::with_options(
        engine,
        |settings| {
            settings.resets_by_mail = true;
            settings.passkeys.rp_id = Some("localhost".into());
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    set(&server, SignUp { open_to, ..SignUp::default() }).await;
    server
}

async fn set(server: &TestServer, rules: SignUp) {
    let done = server.engine.set_sign_up(&server.tenant, rules, &Authority::system()).await;
    done.expect("set");
}

/// The tenant as it is now.
async fn tenant(server: &TestServer) -> sojourn_model::Tenant {
    let found = server.engine.installation().tenant_by_name(&server.tenant.name).await;
    found.expect("read").expect("a tenant")
}

/// Sends the first form, from the page at a path.
async fn ask(browser: &Browser, path: &str, more: &[(&str, &str)]) -> Answer {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{page:?}");
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form = [&[("csrf", &*csrf), ("ticket", &ticket)], more].concat();
    browser.post("/sign-up", &form).await
}

/// The code and the link of the newest mail, which goes to an address.
async fn mail(smtp: &Smtp, number: usize, to: &str) -> (String, String) {
    let link = smtp.link("/sign-up/account?token=", number).await;
    let text = plain(smtp.mails().last().expect("it came"));
    assert!(text.contains(&format!("To: {to}")), "{text}");
    assert!(text.contains("multipart/alternative") && text.contains("text/html"), "{text}");
    let (_, code) = text.split_once("asked for it: ").expect("a code");
    (code.chars().take(8).collect(), link)
}

async fn give(browser: &Browser, page: &Answer, code: &str) -> Answer {
    let (csrf, state, ticket) = (page.field("csrf"), page.field("state"), page.field("ticket"));
    let form = [("csrf", &*csrf), ("state", &state), ("ticket", &ticket), ("code", code)];
    browser.post("/sign-up/code", &form).await
}

/// Sends the last form, with a password.
async fn choose(browser: &Browser, page: &Answer, password: &str) -> Answer {
    choose_with(browser, page, password, "").await
}

/// The same, with terms that are accepted.
async fn choose_with(browser: &Browser, page: &Answer, password: &str, terms: &str) -> Answer {
    let (csrf, token, ticket) = (page.field("csrf"), page.field("token"), page.field("ticket"));
    let form = [
        ("csrf", &*csrf),
        ("token", &token),
        ("ticket", &ticket),
        ("given_name", " Cleo "),
        ("family_name", "Green"),
        ("new", password),
        ("terms", terms),
    ];
    browser.post("/sign-up/account", &form).await
}

#[tokio::test]
async fn a_person_makes_an_account_and_reaches_the_application() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, OpenTo::Everybody).await;
        server.app("shop", |app| app.settings.first_party = true).await;
        let discovery = server.browser().get("/.well-known/openid-configuration").await.json();
        let prompts = discovery["prompt_values_supported"].to_string();
        assert!(prompts.contains("create"), "{prompts}");
        let browser = server.browser();
        let more = [("prompt", "create"), ("login_hint", CLEO)];
        let asked = browser.ask("shop", "openid profile email", &more).await;
        let path = asked.location().to_owned();
        assert!(path.starts_with("/sign-up?ticket="), "{asked:?}");
        assert!(browser.get(&path).await.body.contains("value=\"cleo@example.test\""));
        let sent = ask(&browser, &path, &[("address", CLEO)]).await;
        assert!(sent.status == 200 && sent.body.contains("is on its way to"), "{sent:?}");
        assert!(server.engine.user_named(&server.tenant, CLEO).await.is_err(), "not yet");
        let (code, link) = mail(&smtp, 0, CLEO).await;
        assert_eq!(give(&browser, &sent, "00000000").await.status, 400, "another code");
        let page = give(&browser, &sent, &format!(" {code} ")).await;
        assert!(page.status == 200 && page.body.contains("Almost done"), "{page:?}");
        assert_eq!(choose(&browser, &page, "short").await.status, 400);
        let done = choose(&browser, &page, WORDS).await;
        assert_eq!(done.status, 303, "{done:?}");
        let answered = browser.get(done.location()).await;
        let code = answered.redirect_param("code").expect("a code");
        let tokens = server.redeem("shop", &code).await.json();
        let claims = sojourn_testkit::server::claims(tokens["id_token"].as_str().expect("one"));
        assert_eq!(claims["amr"], serde_json::json!(["pwd"]), "{claims}");
        let cleo = server.engine.user_named(&server.tenant, CLEO).await.expect("made");
        assert!(cleo.email_verified && cleo.given_name.as_deref() == Some("Cleo"), "{cleo:?}");
        assert_eq!(claims["sub"], cleo.id.to_string());
        server.signed_in(CLEO, WORDS).await;
        // Once, by the link too. Sent twice by the same person, the form leads on.
        assert_eq!(choose(&browser, &page, WORDS).await.status, 303);
        let stranger = server.browser();
        let cookies = stranger.get("/login").await;
        let form = [("csrf", &*cookies.field("csrf")), ("token", &page.field("token"))];
        assert_eq!(stranger.post("/sign-up/account", &form).await.status, 400);
        assert_eq!(server.browser().get(&link).await.status, 400);
        let second = ask(&browser, "/sign-up", &[("address", CLEO)]).await;
        assert_eq!(second.status, 200, "only the mail says that there is an account");
        server.stop().await;
    }
}

/// The link is opened in another tab of the same browser: the first tab goes on to the application.
#[tokio::test]
async fn an_account_made_in_another_tab_serves_the_request() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, OpenTo::Everybody).await;
    server.app("shop", |app| app.settings.first_party = true).await;
    let browser = server.browser();
    let asked = browser.ask("shop", "openid", &[("prompt", "create")]).await;
    let sent = ask(&browser, asked.location(), &[("address", CLEO)]).await;
    let (_, link) = mail(&smtp, 0, CLEO).await;
    let tab = browser.get(&link).await;
    let done = choose(&browser, &tab, WORDS).await;
    assert_eq!(done.location(), "/myaccount", "{done:?}");
    let (_, rest) = sent.body.rsplit_once("href=\"/login?ticket=").expect("a way on");
    let way = format!("/login?ticket={}", rest.split('"').next().expect("its end"));
    let on = browser.get(&way).await;
    let answered = browser.get(on.location()).await;
    assert!(answered.redirect_param("code").is_some(), "{answered:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_link_makes_the_account_in_another_browser_and_with_a_passkey() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, OpenTo::Everybody).await;
        ask(&server.browser(), "/sign-up", &[("address", CLEO)]).await;
        let (_, link) = mail(&smtp, 0, CLEO).await;
        let browser = server.browser();
        let page = browser.get(&link).await;
        let (_, rest) = page.body.split_once("data-options=\"").expect("options");
        let options = rest.split('"').next().expect("their end").replace("&#34;", "\"");
        let options = serde_json::from_str(&options).expect("JSON");
        let key = SoftKey::new(&options, &server.base);
        let made = key.created(&options);
        let (csrf, token, offer) = (page.field("csrf"), page.field("token"), page.field("offer"));
        let form = [
            ("csrf", &*csrf),
            ("token", &token),
            ("offer", &offer),
            ("credential", &made),
            ("name", "Passkey"),
            ("given_name", "Cleo"),
        ];
        let forged = form.map(|(name, value)| (name, if name == "csrf" { "x" } else { value }));
        assert_eq!(browser.post("/sign-up/account", &forged).await.status, 403);
        let done = browser.post("/sign-up/account", &form).await;
        assert!(done.status == 200 && done.body.contains("id=\"codes\""), "{done:?}");
        assert_eq!(browser.get("/myaccount").await.status, 200, "signed in");
        let cleo = server.engine.user_named(&server.tenant, CLEO).await.expect("made");
        let factors = server.engine.factors(&server.tenant, cleo.id).await.expect("read");
        assert_eq!((factors.factors.len(), factors.codes_left), (1, 10));
        let sessions = server.engine.reads(server.tenant.id);
        let now = server.engine.now();
        let live = sessions.sessions_of_user(cleo.id, now, 0, 10).await;
        let live = live.expect("read");
        assert!(live.iter().all(|session| session.amr.contains("user")), "{live:?}");
        let again = browser.post("/sign-up/account", &form).await;
        assert_eq!(again.location(), "/myaccount", "once; sent twice, it leads on");
        server.stop().await;
    }
}

#[tokio::test]
async fn what_a_stranger_sees_says_nothing_of_accounts() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, OpenTo::Everybody).await;
    ask(&server.browser(), "/sign-up", &[("address", CLEO)]).await;
    let (code, _) = mail(&smtp, 0, CLEO).await;
    let browser = server.browser();
    let sent = ask(&browser, "/sign-up", &[("address", CLEO)]).await;
    let (newer, link) = mail(&smtp, 1, CLEO).await;
    assert_eq!(give(&browser, &sent, &code).await.status, 400, "the code of another page");
    assert_eq!(choose(&browser, &give(&browser, &sent, &newer).await, WORDS).await.status, 303);
    // Now there is one: the page is the same, and the mail goes to its owner alone.
    let nobody = ask(&server.browser(), "/sign-up", &[("address", "dora@example.test")]).await;
    let somebody = ask(&server.browser(), "/sign-up", &[("address", "Cleo@Example.test")]).await;
    let same = |page: &Answer| {
        let mut text =
            page.body.replace("dora@example.test", "X").replace("Cleo@example.test", "X");
        for field in ["csrf", "ticket", "state"] {
            let value = page.field(field);
            text = text.replace(&value, field);
            // In addresses it is written otherwise.
            let cut: String = value.chars().take(60).collect();
            text = text.lines().filter(|line| !line.contains(&cut)).collect();
        }
        text
    };
    assert_eq!(same(&nobody), same(&somebody));
    eventually("four mails", async || (smtp.mails().len() == 4).then_some(())).await;
    let mails = smtp.mails();
    let told =
        mails.iter().map(|mail| plain(mail)).find(|mail| mail.contains("There is one already"));
    let told = told.expect("a mail to the owner");
    assert!(!told.contains("/sign-up/account") && told.contains("/login"), "{told}");
    assert_eq!(server.browser().get(&link).await.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn domains_codes_terms_and_work_are_asked_for() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, OpenTo::Nobody).await;
        server.app("shop", |_| {}).await;
        let browser = server.browser();
        assert_eq!(browser.get("/sign-up").await.status, 404, "closed");
        assert!(!browser.get("/login").await.body.contains("/sign-up"));
        let refused = browser.ask("shop", "openid", &[("prompt", "create")]).await;
        assert_eq!(refused.redirect_param("error").as_deref(), Some("invalid_request"));
        // By domain.
        let domains = OpenTo::Domains(vec![" Example.TEST ".into(), "bücher.example".into()]);
        let terms =
            Terms { version: "2026-11".into(), url: "https://www.example.test/terms".into() };
        set(
            &server,
            SignUp {
                open_to: domains,
                terms: Some(terms),
                proof_of_work: true,
                ..SignUp::default()
            },
        )
        .await;
        let kept = tenant(&server).await.sign_up.open_to;
        let want = OpenTo::Domains(vec!["example.test".into(), "xn--bcher-kva.example".into()]);
        assert_eq!(kept, want);
        assert!(browser.get("/login").await.body.contains("/sign-up"));
        let page = browser.get("/sign-up").await;
        let work = page.field("work");
        let answer = (0_u64..).map(|number| number.to_string()).find(|number| {
            let hash = sojourn_engine::sha256(format!("{work}:{number}").as_bytes());
            u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).leading_zeros() >= WORK_BITS
        });
        let answer = answer.expect("found");
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        let send = async |address: &str, answer: &str| {
            let form = [
                ("csrf", &*csrf),
                ("ticket", &ticket),
                ("address", address),
                ("work", &work),
                ("answer", answer),
            ];
            browser.post("/sign-up", &form).await
        };
        let other = send("cleo@other.test", &answer).await;
        assert!(other.body.contains("Use the address of your organisation"), "{other:?}");
        for nonsense in ["", "cleo", "cleo@", "<cleo@example.test>", "a b@example.test"] {
            assert_eq!(send(nonsense, &answer).await.status, 400, "{nonsense}");
        }
        let idle = send(CLEO, "1").await;
        assert!(idle.body.contains("finish its check"), "{idle:?}");
        assert!(smtp.mails().is_empty());
        let sent = send(CLEO, &answer).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        assert_eq!(send("dora@example.test", &answer).await.status, 400, "once");
        let (code, _) = mail(&smtp, 0, CLEO).await;
        let page = give(&browser, &sent, &code).await;
        assert!(page.body.contains("https://www.example.test/terms"), "{page:?}");
        // Whoever has the mail accepts them, in the version that holds now.
        for terms in ["", "2025-01"] {
            let refused = choose_with(&browser, &page, WORDS, terms).await;
            assert!(refused.body.contains("accept the terms"), "{refused:?}");
            assert!(!refused.body.contains("checked"), "{refused:?}");
        }
        assert_eq!(choose_with(&browser, &page, WORDS, "2026-11").await.status, 303);
        // Sent twice, it leads on.
        assert_eq!(choose_with(&browser, &page, WORDS, "2026-11").await.status, 303);
        let cleo = server.engine.user_named(&server.tenant, CLEO).await.expect("made");
        let accepted = server.engine.reads(server.tenant.id).terms_of(cleo.id).await;
        let accepted = accepted.expect("read");
        assert_eq!(accepted.len(), 1, "{accepted:?}");
        assert_eq!(accepted[0].version, "2026-11");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_invitation_code_makes_as_many_accounts_as_it_says() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, OpenTo::Codes).await;
        let by = Authority::system();
        let new = NewCode { label: "Autumn".into(), uses: 1, lifetime_ms: 86_400_000 };
        let (code, kept) =
            server.engine.add_sign_up_code(&server.tenant, new, &by).await.expect("made");
        let browser = server.browser();
        let page = browser.get(&format!("/sign-up?invitation={code}")).await;
        assert!(page.body.contains(&format!("value=\"{code}\"")), "{page:?}");
        for wrong in ["", "AAAA-AAAA-AAAA-AAAA", &code[..14]] {
            let form = [("address", CLEO), ("invitation", wrong)];
            let refused = ask(&browser, "/sign-up", &form).await;
            assert!(refused.body.contains("invitation code is wrong"), "{refused:?}");
        }
        // Two people with one code: the second one to finish finds it used.
        let typed = code.to_lowercase().replace('-', " ");
        let mut pages = Vec::new();
        for (number, address) in [CLEO, "dora@example.test"].into_iter().enumerate() {
            let form = [("address", address), ("invitation", &*typed)];
            let sent = ask(&browser, "/sign-up", &form).await;
            let (given, _) = mail(&smtp, number, address).await;
            pages.push(give(&browser, &sent, &given).await);
        }
        let (one, other) = (server.browser(), server.browser());
        let again = async |browser: &Browser, page: &Answer| {
            let fresh =
                browser.get(&format!("/sign-up/account?token={}", page.field("token"))).await;
            choose(browser, &fresh, WORDS).await.status
        };
        let both = tokio::join!(again(&one, &pages[0]), again(&other, &pages[1]));
        assert!(both == (303, 400) || both == (400, 303), "{both:?}");
        let left = server.engine.sign_up_codes(&server.tenant, &by).await.expect("read");
        assert_eq!((left[0].uses_left, left[0].hash), (0, kept.hash));
        // One that is too old; and rules that change while the mail waits.
        let new = NewCode { label: String::new(), uses: 5, lifetime_ms: 60_000 };
        let (short, kept) =
            server.engine.add_sign_up_code(&server.tenant, new, &by).await.expect("made");
        let form = [("address", "emil@example.test"), ("invitation", &*short)];
        let sent = ask(&browser, "/sign-up", &form).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let (_, link) = mail(&smtp, 2, "emil@example.test").await;
        let page = browser.get(&link).await;
        server.clock.advance(61_000);
        assert_eq!(choose(&browser, &page, WORDS).await.status, 400, "too old");
        set(&server, SignUp { open_to: OpenTo::Everybody, ..SignUp::default() }).await;
        assert_eq!(browser.get(&link).await.status, 200, "open to everybody by now");
        set(&server, SignUp::default()).await;
        assert_eq!(browser.get(&link).await.status, 400, "closed meanwhile");
        assert_eq!(choose(&browser, &page, WORDS).await.status, 400, "closed meanwhile");
        let gone = server.engine.remove_sign_up_code(&server.tenant, kept.hash, &by).await;
        gone.expect("removed");
        let twice = server.engine.remove_sign_up_code(&server.tenant, kept.hash, &by).await;
        assert_eq!(twice, Err(EngineError::NotFound("code")));
        server.stop().await;
    }
}

#[tokio::test]
async fn mails_are_limited_and_old_ones_void() {
    let smtp = Smtp::start().await;
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| {
            settings.resets_by_mail = true;
            settings.sign_ups = RegistrationLimits { per_address: 3, in_all: 100 };
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    set(&server, SignUp { open_to: OpenTo::Everybody, ..SignUp::default() }).await;
    let browser = server.browser();
    for number in 0..3 {
        let address = format!("p{number}@example.test");
        assert_eq!(ask(&browser, "/sign-up", &[("address", &address)]).await.status, 200);
    }
    let refused = ask(&browser, "/sign-up", &[("address", CLEO)]).await;
    assert!(refused.status == 429 && refused.body.contains("in an hour"), "{refused:?}");
    // Who is over the limit of an address doesn't use up that of all.
    let link = smtp.link("/sign-up/account?token=", 0).await;
    assert_eq!(browser.get(&link).await.status, 200);
    server.second_tenant("other.example").await;
    assert_eq!(browser.get(&format!("/t/other.example{link}")).await.status, 400);
    server.clock.advance(3_600_001);
    assert_eq!(browser.get(&link).await.status, 400, "too old");
    // Codes are counted for the mail: ten in all, and nobody uses up another's.
    let sent = ask(&browser, "/sign-up", &[("address", CLEO)]).await;
    let mut refused = 0;
    for guess in 0..12 {
        let answer = give(&browser, &sent, &format!("{guess:08}")).await;
        refused += u8::from(answer.body.contains("Request a new mail"));
    }
    assert_eq!(refused, 2, "ten guesses");
    let own = ask(&server.browser(), "/sign-up", &[("address", CLEO)]).await;
    let (code, _) = mail(&smtp, 4, CLEO).await;
    assert_eq!(give(&browser, &sent, &code).await.status, 429, "over");
    assert_eq!(give(&server.browser(), &own, &code).await.status, 403, "another browser's form");
    server.stop().await;
}

/// Who makes an account where a second factor is demanded is led to one before anything opens.
#[tokio::test]
async fn a_new_account_meets_the_demands_of_the_policy() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, OpenTo::Everybody).await;
    let policy =
        SessionPolicy { second_factor: Some(SecondFactor::Required), ..SessionPolicy::default() };
    let by = Authority::system();
    let scope = PolicyScope::Tenant;
    server.engine.set_policy(&server.tenant, scope, policy, &by).await.expect("set");
    let browser = server.browser();
    let sent = ask(&browser, "/sign-up", &[("address", CLEO)]).await;
    let (code, _) = mail(&smtp, 0, CLEO).await;
    let page = give(&browser, &sent, &code).await;
    let next = choose(&browser, &page, WORDS).await;
    assert!(next.status == 200 && next.body.contains("/login/enrol"), "{next:?}");
    assert_eq!(browser.get("/myaccount").await.status, 303, "not signed in yet");
    server.stop().await;
}

#[tokio::test]
async fn the_console_sets_who_may() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, OpenTo::Nobody).await;
    let admin = server.signed_in(BOSS.0, BOSS.1).await;
    let path = "/console/sign-up";
    let csrf = admin.get(path).await.field("csrf");
    let save = async |domains: &str, url: &str| {
        let form = [
            ("csrf", &*csrf),
            ("act", "save"),
            ("open_to", "domains"),
            ("domains", domains),
            ("terms_url", url),
            ("terms_version", "1"),
        ];
        admin.post(path, &form).await
    };
    for (domains, url) in [
        ("", "https://example.test/terms"),
        ("example", "https://example.test/terms"),
        ("example.test", "javascript:alert(1)"),
        ("example.test", "terms"),
        ("example.test/x", "https://example.test/terms"),
    ] {
        let refused = save(domains, url).await;
        assert_eq!(refused.status, 400, "{domains} {url}");
        assert!(refused.body.contains(&format!("value=\"{domains}\"")), "what was typed stays");
    }
    let saved = save("example.test, @other.test", "https://example.test/terms").await;
    assert!(saved.location().ends_with("?done=save"), "{saved:?}");
    assert!(admin.get(path).await.body.contains("example.test other.test"));
    let form = [("csrf", &*csrf), ("act", "code"), ("uses", "3"), ("days", "7"), ("label", "Fair")];
    let made = admin.post(path, &form).await;
    assert!(made.body.contains("It is shown only once") && made.body.contains("Fair"), "{made:?}");
    let id = made.field("code");
    assert!(!admin.get(path).await.body.contains("It is shown only once"));
    let bad = [("csrf", &*csrf), ("act", "code"), ("uses", "0"), ("days", "7"), ("label", "")];
    assert_eq!(admin.post(path, &bad).await.status, 400);
    let gone = admin.post(path, &[("csrf", &*csrf), ("act", "remove"), ("code", &id)]).await;
    assert!(gone.location().ends_with("?done=remove"), "{gone:?}");
    let entries = server.audit(10).await;
    for action in ["tenant.sign_up", "tenant.code_add", "tenant.code_remove"] {
        assert!(entries.iter().any(|entry| entry.action == action), "{action}");
    }
    server.stop().await;
}
