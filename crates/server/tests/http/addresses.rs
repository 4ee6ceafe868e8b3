//! Mail addresses: confirming one by a link or a code, changing it, and undoing the change.

use sojourn_engine::Authority;
use sojourn_engine::directory::{NewUser, PasswordGiven};
use sojourn_model::User;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::smtp::{Smtp, plain};
use sojourn_testkit::store::Engine;

pub(crate) const PATH: &str = "/myaccount/address";
pub(crate) const CLEO: (&str, &str) = ("cleo", "cleo-123");

pub(crate) async fn prepared(engine: Engine, smtp: &Smtp, email_verified: bool) -> TestServer {
    let server = TestServer::with_options(
        engine,
        |settings| settings.resets_by_mail = true,
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    for name in [CLEO.0, "ben"] {
        let new = NewUser {
            username: name.into(),
            email: Some(format!("{name}@example.test")),
            email_verified,
            ..NewUser::default()
        };
        let password = Some(PasswordGiven::Declared(format!("{name}-123")));
        let made =
            server.engine.add_user_with(&server.tenant, new, password, &Authority::system()).await;
        made.expect("a user");
    }
    server
}

pub(crate) async fn user(server: &TestServer) -> User {
    server.engine.user_named(&server.tenant, CLEO.0).await.expect("cleo")
}

/// What is asked for: the page that takes the code, and the code and the link of the mail.
async fn ask(smtp: &Smtp, browser: &Browser, address: &str) -> (Answer, String, String) {
    ask_for(smtp, browser, &[("address", address), ("main", "1")]).await
}

/// The same for a form with these fields, of which the first is the address.
pub(crate) async fn ask_for(
    smtp: &Smtp,
    browser: &Browser,
    form: &[(&str, &str)],
) -> (Answer, String, String) {
    let (_, address) = form[0];
    let before = smtp.mails().len();
    let page = browser.get(PATH).await;
    let asked = browser.post(PATH, &[&[("csrf", &*page.field("csrf"))], form].concat()).await;
    assert!(asked.status == 200 && asked.body.contains(address), "{asked:?}");
    let link = smtp.link("/address?token=", before).await;
    let mail = plain(smtp.mails().last().expect("it came"));
    assert!(mail.contains(&format!("To: {address}")), "{mail}");
    let (_, code) = mail.split_once("asked for it: ").expect("a code");
    (asked, code.chars().take(8).collect(), link)
}

pub(crate) async fn give(browser: &Browser, page: &Answer, code: &str) -> Answer {
    let (csrf, state) = (page.field("csrf"), page.field("state"));
    let form = [("csrf", &*csrf), ("state", &state), ("code", code)];
    browser.post("/myaccount/address/code", &form).await
}

pub(crate) async fn open(browser: &Browser, link: &str) -> Answer {
    let page = browser.get(link).await;
    assert_eq!(page.status, 200, "{page:?}");
    let (csrf, token) = (page.field("csrf"), page.field("token"));
    let path = link.split('?').next().expect("a path");
    browser.post(path, &[("csrf", &csrf), ("token", &token)]).await
}

#[tokio::test]
async fn an_address_is_proved_by_a_code_or_a_link_once() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, false).await;
        let browser = server.signed_in(CLEO.0, CLEO.1).await;
        let profile = browser.get("/myaccount/profile").await;
        assert!(profile.body.contains("not confirmed"), "{profile:?}");
        assert!(!profile.body.contains("name=\"email\""), "it is changed by a mail alone");
        let (page, code, link) = ask(&smtp, &browser, "cleo@example.test").await;
        let wrong = give(&browser, &page, "00000000").await;
        assert!(wrong.status == 400 && wrong.body.contains("match the one"), "{wrong:?}");
        // Somebody else's session, and what the page carries as a link.
        let ben = server.signed_in("ben", "ben-123").await;
        let csrf = ben.get(PATH).await.field("csrf");
        let form = [("csrf", &*csrf), ("state", &page.field("state")), ("code", &code)];
        assert_eq!(ben.post("/myaccount/address/code", &form).await.status, 400);
        let carried = format!("/address?token={}", page.field("state"));
        assert_eq!(browser.get(&carried).await.status, 400);
        let (_, token) = link.split_once("token=").expect("a token");
        let (csrf, code_of_link) = (page.field("csrf"), [("state", token), ("code", &*code)]);
        let form = [("csrf", &*csrf), code_of_link[0], code_of_link[1]];
        assert_eq!(browser.post("/myaccount/address/code", &form).await.status, 400);
        assert!(!user(&server).await.email_verified);
        let done = give(&browser, &page, &format!(" {} {} ", &code[..4], &code[4..])).await;
        assert_eq!(done.location(), "/myaccount/profile?done=address", "{done:?}");
        assert!(user(&server).await.email_verified);
        assert_eq!(browser.get("/myaccount").await.status, 200, "nothing ended");
        // The same mail proves nothing more, by either way.
        assert_eq!(give(&browser, &page, &code).await.status, 400);
        assert_eq!(server.browser().get(&link).await.status, 400);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_new_address_is_proved_and_the_old_one_can_undo_it() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, true).await;
        let browser = server.signed_in(CLEO.0, CLEO.1).await;
        let thief = server.signed_in(CLEO.0, CLEO.1).await;
        let (_, _, link) = ask(&smtp, &thief, "thief@example.test").await;
        assert_eq!(user(&server).await.email.as_deref(), Some("cleo@example.test"), "not yet");
        server.clock.advance(1_000);
        let (late, code, _) = ask(&smtp, &browser, "other@example.test").await;
        // On another device, without a session.
        let done = open(&server.browser(), &link).await;
        assert!(done.status == 200 && done.body.contains("is confirmed"), "{done:?}");
        let now = user(&server).await;
        assert_eq!((now.email.as_deref(), now.email_verified), (Some("thief@example.test"), true));
        // What was asked for under the address before is void.
        assert_eq!(give(&browser, &late, &code).await.status, 400);
        let told = eventually("the notice", || async {
            smtp.mails().into_iter().find(|mail| mail.contains("address was changed"))
        })
        .await;
        assert!(told.contains("To: cleo@example.test"), "{told}");
        assert!(plain(&told).contains("thief@example.test"), "{told}");
        let undo = smtp.link("/address/undo?token=", 0).await;
        // Another change within that time takes nothing from the first address, and gives the second no such link.
        server.clock.advance(1_000);
        let (page, code, _) = ask(&smtp, &thief, "second@example.test").await;
        assert_eq!(give(&thief, &page, &code).await.status, 303);
        let told = eventually("the second notice", || async {
            let told = |mail: &String| mail.contains("address was changed");
            smtp.mails().into_iter().filter(told).nth(1)
        })
        .await;
        assert!(told.contains("To: thief@example.test"), "{told}");
        assert!(!plain(&told).contains("/address/undo"), "{told}");
        server.clock.advance(1_000);
        let (_, _, waiting) = ask(&smtp, &thief, "third@example.test").await;
        crate::factors::enrol(&server, &thief).await;
        server.clock.advance(59 * 60_000);
        assert_eq!(server.browser().get(&waiting).await.status, 200);
        // Neither link opens what the other is for.
        for other in ["/address", "/reset", "/not-me", "/invitation"] {
            let path = undo.replace("/address/undo", other);
            assert_eq!(server.browser().get(&path).await.status, 400, "{other}");
        }
        let restored = open(&server.browser(), &undo).await;
        assert!(restored.status == 200 && restored.body.contains("/forgot"), "{restored:?}");
        let now = user(&server).await;
        assert_eq!((now.email.as_deref(), now.email_verified), (Some("cleo@example.test"), true));
        assert_eq!(thief.get("/myaccount").await.status, 303, "everything ended");
        let factors = server.engine.factors(&server.tenant, now.id).await.expect("read");
        assert!(factors.factors.is_empty(), "what the thief added is gone: {factors:?}");
        assert_eq!(server.browser().sign_in(CLEO.0, CLEO.1).await.status, 403, "by mail alone");
        assert_eq!(server.browser().get(&undo).await.status, 400, "once");
        assert_eq!(server.browser().get(&waiting).await.status, 400, "what waited is void");
        assert!(
            !smtp.mails().iter().any(
                |mail| mail.contains("To: second@example.test") && mail.contains("was changed")
            ),
            "no mail goes to the intruder"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn mails_and_codes_are_limited_and_links_grow_old() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, true).await;
    let browser = server.signed_in(CLEO.0, CLEO.1).await;
    let csrf = browser.get(PATH).await.field("csrf");
    for wrong in ["", "cleo", "two words@example.test", "@example.test", "cleo@"] {
        let answer = browser.post(PATH, &[("csrf", &csrf), ("address", wrong)]).await;
        assert_eq!(answer.status, 400, "{wrong:?}");
    }
    // Whoever has nothing but the session gets no further.
    server.clock.advance(6 * 60_000);
    assert!(browser.get(PATH).await.location().starts_with("/login?"));
    let late = browser.post(PATH, &[("csrf", &csrf), ("address", "new@example.test")]).await;
    assert!(late.location().starts_with("/login?"), "{late:?}");
    let browser = server.signed_in(CLEO.0, CLEO.1).await;
    let (page, code, link) = ask(&smtp, &browser, "new@example.test").await;
    let other = [("csrf", "x"), ("address", "new@example.test")];
    assert_eq!(browser.post(PATH, &other).await.status, 403, "from another site");
    let mut answer = give(&browser, &page, "11111111").await;
    for _ in 0..30 {
        answer = give(&browser, &page, "11111111").await;
    }
    assert!(answer.body.contains("Too many attempts"), "{answer:?}");
    assert_eq!(give(&browser, &page, &code).await.status, 400, "the right one too, for now");
    server.clock.advance(3_600_001);
    assert_eq!(server.browser().get(&link).await.status, 400, "an hour is over");
    // Administrators change it as well, and the old address is told all the same.
    let cleo = user(&server).await;
    let path = format!("/scim2/Users/{}", cleo.id);
    server.user("boss", "boss-123", &["admin"]).await;
    let patch = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "emails[value eq \"cleo@example.test\"].value", "value": "moved@example.test" }],
    });
    let done = server.send("PATCH", &path, ("boss", "boss-123"), &patch).await;
    assert_eq!(done.status, 200, "{done:?}");
    let notice = eventually("the notice", || async {
        smtp.mails().into_iter().find(|mail| mail.contains("address was changed"))
    })
    .await;
    assert!(notice.contains("To: cleo@example.test"), "{notice}");
    assert!(
        !plain(&notice).contains("/address/undo"),
        "an administrator's word is final: {notice}"
    );
    server.stop().await;
}

#[tokio::test]
async fn what_ends_an_account_ends_mails_for_its_address() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, true).await;
    let by = Authority::system();
    // A mail that waits while the account is secured.
    let thief = server.signed_in(CLEO.0, CLEO.1).await;
    let (_, _, link) = ask(&smtp, &thief, "thief@example.test").await;
    let cleo = user(&server).await;
    server.engine.secure_account(&server.tenant, &cleo, &by).await.expect("secured");
    assert_eq!(server.browser().get(&link).await.status, 400);
    server
        .engine
        .reset_password(&server.tenant, &cleo, "a heron on the pond", &by)
        .await
        .expect("set");
    // The link by which it is undone counts for three days, and until an administrator decides.
    for settled in [false, true] {
        server.clock.advance(1_000);
        let browser = server.signed_in(CLEO.0, "a heron on the pond").await;
        let from = smtp.mails().len();
        let address = format!("new{settled}@example.test");
        let (page, code, _) = ask(&smtp, &browser, &address).await;
        assert_eq!(give(&browser, &page, &code).await.status, 303);
        let undo = smtp.link("/address/undo?token=", from).await;
        assert_eq!(server.browser().get(&undo).await.status, 200);
        if settled {
            let cleo = user(&server).await;
            let moved = User { email: Some("boss@example.test".into()), ..cleo };
            server.engine.update_user(&server.tenant, &moved, &[], &by).await.expect("moved");
        } else {
            server.clock.advance(72 * 3_600_000 + 60_000);
        }
        assert_eq!(server.browser().get(&undo).await.status, 400, "{settled}");
    }
    server.stop().await;
}
