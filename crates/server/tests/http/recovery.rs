//! The waiting time of accounts that lost a factor or the password.

use serde_json::json;
use sojourn_engine::Authority;
use sojourn_engine::directory::{NewUser, PasswordGiven};
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::smtp::Smtp;
use sojourn_testkit::store::Engine;

use crate::addresses;
use crate::factors::{STEP_MS, enrol, give};

const HOUR_MS: i64 = 3_600_000;
const BOSS: (&str, &str) = ("boss", "boss-123");
const NEW: &str = "three herons on the pond";

async fn prepared(engine: Engine, smtp: &Smtp) -> TestServer {
    let server = TestServer::with_options(
        engine,
        |settings| settings.resets_by_mail = true,
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let new = NewUser {
        username: "cleo".into(),
        email: Some("cleo@example.test".into()),
        email_verified: true,
        ..NewUser::default()
    };
    let password = Some(PasswordGiven::Declared("cleo-123".into()));
    let by = Authority::system();
    server.engine.add_user_with(&server.tenant, new, password, &by).await.expect("made");
    let policy = json!({"recovery_wait_ms": HOUR_MS});
    let set = server.send("PUT", "/api/sessions/v1/policies/tenant", BOSS, &policy).await;
    assert_eq!(set.status, 200, "{set:?}");
    server
}

fn waits(answer: &Answer) -> bool {
    answer.status == 403 && answer.body.contains("This account is being recovered")
}

async fn try_password(server: &TestServer, password: &str) -> (Browser, Answer) {
    let browser = server.browser();
    let answer = browser.sign_in("cleo", password).await;
    (browser, answer)
}

/// Sets a new password by the mail for a forgotten one.
async fn reset_by_mail(server: &TestServer, smtp: &Smtp) {
    let browser = server.browser();
    let page = browser.get("/forgot").await;
    let form = [("csrf", &*page.field("csrf")), ("username", "cleo")];
    assert_eq!(browser.post("/forgot", &form).await.status, 200);
    let page = browser.get(&smtp.link("/reset?token=", 0).await).await;
    let (csrf, token) = (page.field("csrf"), page.field("token"));
    let form = [("csrf", &*csrf), ("token", &token), ("new", NEW), ("again", NEW)];
    let set = browser.post("/reset", &form).await;
    assert!(set.status < 400, "{set:?}");
}

#[tokio::test]
async fn after_an_administrator_removed_the_factors() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp).await;
        enrol(&server, &server.signed_in("cleo", "cleo-123").await).await;
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        let by = Authority::system();
        server.engine.reset_factors(&server.tenant, &cleo, &by).await.expect("reset");
        assert!(!smtp.link("Nobody can sign in before", 0).await.is_empty());
        let (_, refused) = try_password(&server, "cleo-123").await;
        assert!(waits(&refused), "{refused:?}");
        let api = server.api("GET", "/scim2/Me", ("cleo", "cleo-123")).await;
        assert_eq!(api.status, 401, "by no other way either: {api:?}");
        // With a wrong password, the response doesn't reveal it.
        let (_, wrong) = try_password(&server, "cleo-124").await;
        assert_eq!(wrong.status, 401, "{wrong:?}");
        server.clock.advance(HOUR_MS - 1);
        assert!(waits(&try_password(&server, "cleo-123").await.1));
        server.clock.advance(1);
        let (_, done) = try_password(&server, "cleo-123").await;
        assert_eq!(done.status, 303, "{done:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_secured_account_waits_and_what_the_operator_resets_does_not() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp).await;
    enrol(&server, &server.signed_in("cleo", "cleo-123").await).await;
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    let by = Authority::system();
    server.engine.secure_account(&server.tenant, &cleo, &by).await.expect("secured");
    reset_by_mail(&server, &smtp).await;
    assert!(waits(&try_password(&server, NEW).await.1));
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    assert!(cleo.recovers_at.is_some_and(|until| until > server.engine.now()));
    server.clock.advance(HOUR_MS);
    assert_eq!(try_password(&server, NEW).await.1.status, 303);
    // The operator's own command begins no wait, and who has no factor loses none.
    enrol(&server, &server.signed_in("cleo", NEW).await).await;
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    server
        .engine
        .reset_factors(&server.tenant, &cleo, &Authority::operator())
        .await
        .expect("reset");
    assert_eq!(try_password(&server, NEW).await.1.status, 303);
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    server.engine.reset_factors(&server.tenant, &cleo, &by).await.expect("reset");
    assert_eq!(try_password(&server, NEW).await.1.status, 303);
    server.stop().await;
}

#[tokio::test]
async fn after_a_password_by_mail_a_factor_opens_it_and_a_recovery_code_waits() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp).await;
        let phone = enrol(&server, &server.signed_in("cleo", "cleo-123").await).await;
        reset_by_mail(&server, &smtp).await;
        let (thief, page) = try_password(&server, NEW).await;
        let refused = give(&thief, &page, &phone.codes[0]).await;
        assert!(waits(&refused), "{refused:?}");
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        let left = server.engine.factors(&server.tenant, cleo.id).await.expect("read").codes_left;
        assert_eq!(left, 10, "the code is still good");
        server.clock.advance(STEP_MS);
        let (owner, page) = try_password(&server, NEW).await;
        assert_eq!(give(&owner, &page, &phone.code(&server)).await.status, 303);
        server.clock.advance(HOUR_MS);
        let (later, page) = try_password(&server, NEW).await;
        assert_eq!(give(&later, &page, &phone.codes[0]).await.status, 303);
        server.stop().await;
    }
}

/// A password that the server has just verified is remembered for a while; it waits as well.
#[tokio::test]
async fn a_remembered_password_waits() {
    use crate::keys::{ALEX, PASSKEY, add, server};
    let server = server().await;
    add(&server, &server.signed_in(ALEX.0, ALEX.1).await, PASSKEY).await;
    assert_eq!(server.api("GET", "/scim2/Me", ALEX).await.status, 200);
    let policy = json!({"recovery_wait_ms": HOUR_MS});
    let tenant = "/api/sessions/v1/policies/tenant";
    assert_eq!(server.send("PUT", tenant, BOSS, &policy).await.status, 200);
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    server.engine.reset_factors(&server.tenant, &alex, &Authority::system()).await.expect("reset");
    assert_eq!(server.api("GET", "/scim2/Me", ALEX).await.status, 401);
    server.clock.advance(HOUR_MS);
    assert_eq!(server.api("GET", "/scim2/Me", ALEX).await.status, 200);
    server.stop().await;
}

/// Without a factor nothing was lost but the password: the mail is the proof, as ever.
#[tokio::test]
async fn a_forgotten_password_of_an_account_without_factors_does_not_wait() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp).await;
    reset_by_mail(&server, &smtp).await;
    assert_eq!(try_password(&server, NEW).await.1.status, 303);
    server.stop().await;
}

/// The other ways that remove factors, and the ways around the wait.
#[tokio::test]
async fn an_intruder_reported_or_an_address_undone_waits_too() {
    for way in ["/not-me", "/address/undo"] {
        let smtp = Smtp::start().await;
        let server = prepared(Engine::Sqlite, &smtp).await;
        let cleo = server.signed_in("cleo", "cleo-123").await;
        if way == "/address/undo" {
            let form = [("address", "thief@example.test"), ("main", "1")];
            let (page, code, _) = addresses::ask_for(&smtp, &cleo, &form).await;
            assert_eq!(addresses::give(&cleo, &page, &code).await.status, 303);
        }
        enrol(&server, &cleo).await;
        let link = smtp.link(&format!("{way}?token="), 0).await;
        assert_eq!(addresses::open(&server.browser(), &link).await.status, 200, "{way}");
        reset_by_mail(&server, &smtp).await;
        assert!(waits(&try_password(&server, NEW).await.1), "{way}");
        server.clock.advance(HOUR_MS);
        assert_eq!(try_password(&server, NEW).await.1.status, 303, "{way}");
        server.stop().await;
    }
}

#[tokio::test]
async fn neither_an_invitation_nor_an_old_session_is_a_way_around() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp).await;
    let policy = json!({"recovery_wait_ms": HOUR_MS, "on_factor_removed": "nothing"});
    let set = server.send("PUT", "/api/sessions/v1/policies/tenant", BOSS, &policy).await;
    assert_eq!(set.status, 200, "{set:?}");
    let old = server.signed_in("cleo", "cleo-123").await;
    enrol(&server, &old).await;
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    let by = Authority::system();
    server.engine.reset_factors(&server.tenant, &cleo, &by).await.expect("reset");
    assert_eq!(old.get("/myaccount").await.status, 200, "the session stays");
    let add = old.get("/myaccount/factors/app").await;
    assert!(add.status == 400 && add.body.contains("This account is being recovered"), "{add:?}");
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    let bare = sojourn_model::User { password_hash: None, factors: 0, ..cleo };
    let invited = server.engine.invite(&server.tenant, &bare, &by).await;
    let why = invited.expect_err("refused").to_string();
    assert!(why.contains("is being recovered"), "{why}");
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_sees_and_ends_it() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp).await;
        let phone = enrol(&server, &server.signed_in("cleo", "cleo-123").await).await;
        reset_by_mail(&server, &smtp).await;
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        // Somebody shows a code that doesn't open it yet: an event says so, and nothing is locked.
        for _ in 0..3 {
            let (thief, page) = try_password(&server, NEW).await;
            assert!(waits(&give(&thief, &page, &phone.codes[0]).await));
        }
        let failures = |events: &[sojourn_model::Event]| {
            events.iter().filter(|one| one.name == "FACTOR_FAILURE").count()
        };
        let reads = server.engine.reads(server.tenant.id);
        let subject = sojourn_model::Subject::User(cleo.id);
        let events = reads.events(subject, 0, 100).await.expect("read");
        assert_eq!(failures(&events), 3);
        let factors = format!("/api/users/v1/{}/factors", cleo.id);
        let listed = server.api("GET", &factors, BOSS).await.json();
        assert!(listed["recoversAt"].is_string(), "{listed}");
        let boss = server.signed_in(BOSS.0, BOSS.1).await;
        let path = format!("/console/users/{}", cleo.id);
        assert!(boss.get(&path).await.body.contains("Recovery waits until"));
        let act = format!("{path}/acts/end-wait");
        let csrf = boss.get(&act).await.field("csrf");
        let done = boss.post(&act, &[("csrf", &csrf)]).await;
        assert_eq!(done.location(), format!("{path}?done=end-wait"), "{done:?}");
        assert!(!boss.get(&path).await.body.contains("Recovery waits until"));
        let (owner, page) = try_password(&server, NEW).await;
        assert_eq!(give(&owner, &page, &phone.codes[0]).await.status, 303);
        // By the API, and where nothing waits.
        let path = format!("/api/users/v1/{}/recovery-wait", cleo.id);
        assert_eq!(server.api("DELETE", &path, BOSS).await.status, 204);
        assert_eq!(server.api("DELETE", &path, ("cleo", NEW)).await.status, 401);
        let audit = server.audit(50).await;
        let ended = audit.iter().filter(|one| one.action == "user.wait_end").count();
        assert_eq!(ended, 1, "{audit:?}");
        server.stop().await;
    }
}
