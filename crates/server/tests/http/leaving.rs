//! People delete their own accounts: at once, after days, or once an administrator agrees.

use sojourn_engine::Authority;
use sojourn_engine::directory::{NewUser, PasswordGiven};
use sojourn_model::{Leaving, SignUp};
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::smtp::Smtp;
use sojourn_testkit::store::Engine;

const PATH: &str = "/myaccount/delete";
const BOSS: (&str, &str) = ("boss", "boss-123");
const DAY_MS: i64 = 24 * 3_600_000;

async fn prepared(engine: Engine, smtp: &Smtp, leaving: Leaving) -> TestServer {
    let server = TestServer::with_options(
        engine,
        |settings| settings.resets_by_mail = true,
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    let by = Authority::system();
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    for name in ["cleo", "dora"] {
        let new = NewUser {
            username: name.into(),
            email: Some(format!("{name}@example.test")),
            email_verified: true,
            ..NewUser::default()
        };
        let password = Some(PasswordGiven::Declared(format!("{name}-123")));
        server.engine.add_user_with(&server.tenant, new, password, &by).await.expect("made");
    }
    let rules = SignUp { leaving, ..SignUp::default() };
    server.engine.set_sign_up(&server.tenant, rules, &by).await.expect("set");
    server
}

async fn act(browser: &Browser, act: &str) -> Answer {
    let page = browser.get(PATH).await;
    assert_eq!(page.status, 200, "{page:?}");
    browser.post(PATH, &[("csrf", &page.field("csrf")), ("act", act)]).await
}

async fn is_there(server: &TestServer, name: &str) -> bool {
    server.engine.user_named(&server.tenant, name).await.is_ok()
}

#[tokio::test]
async fn at_once_everything_is_gone() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, Leaving::AtOnce).await;
        server.app("shop", |_| {}).await;
        let browser = server.signed_in("cleo", "cleo-123").await;
        let tokens = server.tokens(&browser, "shop", "openid").await;
        let other = server.signed_in("cleo", "cleo-123").await;
        let forged = browser.post(PATH, &[("csrf", "x"), ("act", "delete")]).await;
        assert_eq!(forged.status, 403);
        let done = act(&browser, "delete").await;
        assert!(done.status == 200 && done.body.contains("Your account is deleted"), "{done:?}");
        assert!(!is_there(&server, "cleo").await && is_there(&server, "dora").await);
        assert_eq!(other.get("/myaccount").await.status, 303);
        assert!(!server.active("shop", tokens["access_token"].as_str().expect("one")).await);
        let ended = server.ledger(10).await;
        assert!(ended.len() >= 2, "the ledger keeps them: {ended:?}");
        let mail = smtp.link("cleo was deleted", 0).await;
        assert!(!mail.is_empty());
        // The last administrator stays.
        let boss = server.signed_in(BOSS.0, BOSS.1).await;
        let refused = act(&boss, "delete").await;
        assert!(refused.body.contains("the last administrator"), "{refused:?}");
        assert!(is_there(&server, BOSS.0).await);
        server.stop().await;
    }
}

#[tokio::test]
async fn after_days_a_person_can_think_again() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, Leaving::AfterDays(7)).await;
        for name in ["cleo", "dora"] {
            let browser = server.signed_in(name, &format!("{name}-123")).await;
            let asked = act(&browser, "delete").await;
            assert_eq!(asked.location(), PATH, "{asked:?}");
            assert!(browser.get(PATH).await.body.contains("Keep my account"));
            // Once is enough.
            let page = browser.get(PATH).await;
            let form = [("csrf", &*page.field("csrf")), ("act", "delete")];
            assert_eq!(browser.post(PATH, &form).await.status, 303);
        }
        let link = smtp.link("/myaccount/delete", 0).await;
        assert!(link.starts_with(PATH), "{link}");
        let dora = server.signed_in("dora", "dora-123").await;
        // Without a fresh sign-in too: it only keeps what is there.
        server.clock.advance(DAY_MS / 96);
        let kept = act(&dora, "keep").await;
        assert!(kept.location().ends_with("?done=kept"), "{kept:?}");
        assert_eq!(server.engine.delete_due_accounts().await.expect("done"), 0);
        server.clock.advance(7 * DAY_MS);
        assert_eq!(server.engine.delete_due_accounts().await.expect("done"), 1);
        assert!(!is_there(&server, "cleo").await && is_there(&server, "dora").await);
        assert_eq!(server.engine.delete_due_accounts().await.expect("done"), 0);
        server.stop().await;
    }
}

#[tokio::test]
async fn an_administrator_agrees_or_declines() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, Leaving::ByApproval).await;
    let mut ids = Vec::new();
    for name in ["cleo", "dora"] {
        let browser = server.signed_in(name, &format!("{name}-123")).await;
        assert_eq!(act(&browser, "delete").await.location(), PATH);
        ids.push(server.engine.user_named(&server.tenant, name).await.expect("there").id);
    }
    smtp.link("will review your request", 0).await;
    server.clock.advance(365 * DAY_MS);
    assert_eq!(server.engine.delete_due_accounts().await.expect("done"), 0, "nobody agreed");
    let admin = server.signed_in(BOSS.0, BOSS.1).await;
    let page = admin.get("/console/deletions").await;
    assert!(page.body.contains("cleo") && page.body.contains("dora"), "{page:?}");
    let send = async |user: String, act: &str| {
        let form = [("csrf", &*page.field("csrf")), ("user", &*user), ("act", act)];
        admin.post("/console/deletions", &form).await
    };
    assert!(send(ids[0].to_string(), "agree").await.location().ends_with("?done=agree"));
    assert!(send(ids[1].to_string(), "decline").await.location().ends_with("?done=decline"));
    assert_eq!(send(ids[1].to_string(), "agree").await.status, 404, "thought again");
    assert!(!is_there(&server, "cleo").await && is_there(&server, "dora").await);
    // Closed again: nobody asks any more.
    let by = Authority::system();
    server.engine.set_sign_up(&server.tenant, SignUp::default(), &by).await.expect("set");
    let dora = server.signed_in("dora", "dora-123").await;
    assert_eq!(dora.get(PATH).await.status, 404);
    server.stop().await;
}

/// Somebody else in the account asks for its deletion: securing the account cancels that.
#[tokio::test]
async fn securing_the_account_cancels_a_deletion() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, Leaving::AfterDays(7)).await;
        let browser = server.signed_in("cleo", "cleo-123").await;
        assert_eq!(act(&browser, "delete").await.location(), PATH);
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("there");
        let by = Authority::system();
        server.engine.secure_account(&server.tenant, &cleo, &by).await.expect("secured");
        server.clock.advance(8 * DAY_MS);
        assert_eq!(server.engine.delete_due_accounts().await.expect("done"), 0);
        assert!(is_there(&server, "cleo").await);
        server.stop().await;
    }
}

/// A session that is older than some minutes leads to a proof first.
#[tokio::test]
async fn it_takes_a_fresh_proof() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, Leaving::AtOnce).await;
    let browser = server.signed_in("cleo", "cleo-123").await;
    let csrf = browser.get("/myaccount/profile").await.field("csrf");
    server.clock.advance(6 * 60_000);
    assert!(browser.get(PATH).await.location().starts_with("/login?"));
    let sent = browser.post(PATH, &[("csrf", &csrf), ("act", "delete")]).await;
    assert!(sent.location().starts_with("/login?"), "{sent:?}");
    assert!(is_there(&server, "cleo").await);
    server.stop().await;
}
