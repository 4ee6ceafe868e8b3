//! Several mail addresses of an account: adding, making one the main address, removing, and what a thief's are worth.

use serde_json::json;
use sojourn_engine::Authority;
use sojourn_model::User;
use sojourn_model::limits::OTHER_ADDRESSES_MAX;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::smtp::{Smtp, plain};
use sojourn_testkit::store::Engine;

use crate::addresses::{CLEO, PATH, ask_for, give, open, prepared, user};

const PRIVATE: &str = "cleo@home.test";

async fn add(smtp: &Smtp, browser: &Browser, address: &str) {
    let (page, code, _) = ask_for(smtp, browser, &[("address", address)]).await;
    let done = give(browser, &page, &code).await;
    assert_eq!(done.location(), "/myaccount/profile?done=address", "{done:?}");
}

async fn act(browser: &Browser, act: &str, address: &str) -> Answer {
    let csrf = browser.get(PATH).await.field("csrf");
    browser.post(&format!("{PATH}/{act}"), &[("csrf", &csrf), ("address", address)]).await
}

async fn others(server: &TestServer) -> Vec<String> {
    let cleo = user(server).await;
    let found = server.engine.other_addresses(&server.tenant, cleo.id).await.expect("read");
    found.into_iter().map(|other| other.address).collect()
}

/// Asks for a mail that resets a password, and returns who receives it and its link.
async fn forgotten(server: &TestServer, smtp: &Smtp, name: &str) -> (String, String) {
    let before = smtp.mails().len();
    let browser = server.browser();
    let csrf = browser.get("/forgot").await.field("csrf");
    let asked = browser.post("/forgot", &[("csrf", &csrf), ("username", name)]).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let link = smtp.link("/reset?token=", before).await;
    let mail = smtp.mails().into_iter().skip(before).find(|mail| plain(mail).contains(&link));
    let mail = mail.expect("the mail of the link");
    let to = mail.lines().find_map(|line| line.strip_prefix("To: ")).expect("a recipient");
    (to.trim().to_owned(), link)
}

/// The mails whose text contains all of these.
fn mails(smtp: &Smtp, parts: &[&str]) -> usize {
    let all = |mail: &String| parts.iter().all(|part| plain(mail).contains(part));
    smtp.mails().iter().filter(|mail| all(mail)).count()
}

async fn until_told(smtp: &Smtp, address: &str, subject: &str) {
    let to = format!("To: {address}");
    eventually("the notice", || async { (mails(smtp, &[&to, subject]) > 0).then_some(()) }).await;
}

#[tokio::test]
async fn one_is_added_made_the_main_one_and_removed() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, true).await;
        let browser = server.signed_in(CLEO.0, CLEO.1).await;
        add(&smtp, &browser, PRIVATE).await;
        assert_eq!(user(&server).await.email.as_deref(), Some("cleo@example.test"), "the main one");
        assert_eq!(others(&server).await, [PRIVATE]);
        until_told(&smtp, "cleo@example.test", "A mail address was added").await;
        // Each can be used to reset the password; the login name means the main one.
        for (name, to) in [
            ("CLEO@home.test", PRIVATE),
            ("cleo@example.test", "cleo@example.test"),
            ("cleo", "cleo@example.test"),
        ] {
            assert_eq!(forgotten(&server, &smtp, name).await.0, to, "{name}");
        }
        // A second one, by the link, on another device.
        let (_, _, link) = ask_for(&smtp, &browser, &[("address", "cleo@club.test")]).await;
        assert_eq!(open(&server.browser(), &link).await.status, 200);
        until_told(&smtp, PRIVATE, "A mail address was added").await;
        let page = browser.get(PATH).await;
        for address in [PRIVATE, "cleo@club.test"] {
            assert!(page.body.contains(&format!("data-address=\"{address}\"")), "{page:?}");
        }
        // The main one changes: the previous one stays, and can undo it.
        let before = smtp.mails().len();
        assert_eq!(act(&browser, "main", PRIVATE).await.location(), PATH);
        let now = user(&server).await;
        assert_eq!((now.email.as_deref(), now.email_verified), (Some(PRIVATE), true));
        assert_eq!(others(&server).await, ["cleo@club.test", "cleo@example.test"]);
        until_told(&smtp, "cleo@example.test", "was changed").await;
        until_told(&smtp, "cleo@club.test", "was changed").await;
        let undo = smtp.link("/address/undo?token=", before).await;
        assert_eq!(server.browser().get(&undo).await.status, 200);
        // Removed: it is notified, and a link that it received before is void.
        let (to, link) = forgotten(&server, &smtp, "cleo@club.test").await;
        assert_eq!(to, "cleo@club.test");
        assert_eq!(server.browser().get(&link).await.status, 200);
        act(&browser, "remove", "cleo@club.test").await;
        assert_eq!(others(&server).await, ["cleo@example.test"]);
        until_told(&smtp, "cleo@club.test", "A mail address was removed").await;
        assert_eq!(server.browser().get(&link).await.status, 400);
        // Sent twice, or for what isn't there: nothing happens.
        for (done, address) in [("remove", "cleo@club.test"), ("main", "ben@example.test")] {
            assert_eq!(act(&browser, done, address).await.location(), PATH, "{done}");
        }
        assert_eq!(user(&server).await.email.as_deref(), Some(PRIVATE));
        let audit = server.audit(100).await;
        for action in ["address_add", "address_main", "address_remove"] {
            let action = format!("user.{action}");
            assert!(audit.iter().any(|entry| entry.action == action), "{action}: {audit:?}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn what_a_thief_adds_goes() {
    for engine in Engine::BOTH {
        for way in ["not me", "undo", "secure", "administrator", "scim", "delete"] {
            let smtp = Smtp::start().await;
            let server = prepared(engine, &smtp, true).await;
            server.user("boss", "boss-123", &["admin"]).await;
            let (by, owner) = (Authority::system(), server.signed_in(CLEO.0, CLEO.1).await);
            add(&smtp, &owner, PRIVATE).await;
            until_told(&smtp, "cleo@example.test", "A mail address was added").await;
            server.clock.advance(60 * 60_000);
            let thief = server.signed_in(CLEO.0, CLEO.1).await;
            let before = smtp.mails().len();
            add(&smtp, &thief, "thief@example.test").await;
            let (_, link) = forgotten(&server, &smtp, "thief@example.test").await;
            let cleo = user(&server).await;
            match way {
                "not me" => {
                    // The mail about the address, after the one about the browser.
                    let told = eventually("the notice", || async {
                        let added = "thief@example.test was added";
                        let mails = smtp.mails().into_iter().skip(before);
                        mails.map(|mail| plain(&mail)).find(|mail| mail.contains(added))
                    })
                    .await;
                    let start = told.find("/not-me?token=").expect("a link");
                    let link = told[start..].split_whitespace().next().expect("a link");
                    assert_eq!(open(&server.browser(), link).await.status, 200);
                }
                "undo" => {
                    act(&thief, "main", "thief@example.test").await;
                    let undo = smtp.link("/address/undo?token=", before).await;
                    assert_eq!(open(&server.browser(), &undo).await.status, 200);
                }
                "secure" => {
                    server
                        .engine
                        .secure_account(&server.tenant, &cleo, &by)
                        .await
                        .expect("secured");
                }
                "administrator" => {
                    let moved = User { email: Some("cleo@new.test".into()), ..cleo.clone() };
                    server.engine.update_user(&server.tenant, &moved, &[], &by).await.expect("set");
                }
                "scim" => {
                    let patch = json!({
                        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                        "Operations": [{ "op": "replace", "path": "emails", "value": [{ "value": "cleo@new.test" }] }],
                    });
                    let path = format!("/scim2/Users/{}", cleo.id);
                    let done = server.send("PATCH", &path, ("boss", "boss-123"), &patch).await;
                    assert_eq!(done.status, 200, "{done:?}");
                }
                _ => server.engine.remove_user(&server.tenant, &cleo, &by).await.expect("gone"),
            }
            let found = server.engine.other_addresses(&server.tenant, cleo.id).await.expect("read");
            let found: Vec<String> = found.into_iter().map(|other| other.address).collect();
            // What the owner had added before the thief came stays only where it is known whose it is.
            let stays: &[&str] = if way == "not me" { &[PRIVATE] } else { &[] };
            assert_eq!(found, stays, "{way}");
            assert_eq!(server.browser().get(&link).await.status, 400, "{way}");
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn they_are_limited_and_need_a_fresh_sign_in() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp, true).await;
    for number in 0..OTHER_ADDRESSES_MAX {
        // More than that many mails at once would be too many.
        server.clock.advance(20 * 60_000);
        let browser = server.signed_in(CLEO.0, CLEO.1).await;
        add(&smtp, &browser, &format!("cleo{number}@home.test")).await;
    }
    let browser = server.signed_in(CLEO.0, CLEO.1).await;
    let csrf = browser.get(PATH).await.field("csrf");
    for (address, why) in [
        ("CLEO@example.test", "has this address already"),
        (" cleo3@HOME.test", "has this address already"),
        ("one@more.test", "You already have 10 other addresses"),
    ] {
        let answer = browser.post(PATH, &[("csrf", &csrf), ("address", address)]).await;
        assert!(answer.status == 400 && answer.body.contains(why), "{address}: {answer:?}");
    }
    // With nothing but the session, and from another site.
    for done in ["main", "remove"] {
        let path = format!("{PATH}/{done}");
        let form = [("csrf", "x"), ("address", "cleo3@home.test")];
        assert_eq!(browser.post(&path, &form).await.status, 403, "{done}");
    }
    server.clock.advance(6 * 60_000);
    for done in ["main", "remove"] {
        let path = format!("{PATH}/{done}");
        let late = browser.post(&path, &[("csrf", &csrf), ("address", "cleo3@home.test")]).await;
        assert!(late.location().starts_with("/login?"), "{late:?}");
    }
    assert_eq!(others(&server).await.len(), OTHER_ADDRESSES_MAX);
    server.stop().await;
}

#[tokio::test]
async fn one_that_two_accounts_have_resets_neither() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp, true).await;
        let cleo = server.signed_in(CLEO.0, CLEO.1).await;
        add(&smtp, &cleo, "both@home.test").await;
        assert_eq!(forgotten(&server, &smtp, "both@home.test").await.0, "both@home.test");
        let ben = server.signed_in("ben", "ben-123").await;
        add(&smtp, &ben, "both@home.test").await;
        let before = smtp.mails().len();
        let browser = server.browser();
        let csrf = browser.get("/forgot").await.field("csrf");
        browser.post("/forgot", &[("csrf", &csrf), ("username", "both@home.test")]).await;
        // The mail that is asked for next comes, and no other did.
        forgotten(&server, &smtp, "ben").await;
        let resets = |mail: &&String| plain(mail).contains("/reset?token=");
        assert_eq!(smtp.mails().iter().skip(before).filter(resets).count(), 1);
        server.stop().await;
    }
}

/// The intruder's is neither the main one nor another one afterwards, however the owner had changed theirs before.
#[tokio::test]
async fn what_an_intruder_made_the_main_one_is_not_so_after_a_report() {
    for engine in Engine::BOTH {
        for replaces in [false, true] {
            let smtp = Smtp::start().await;
            let server = prepared(engine, &smtp, true).await;
            let owner = server.signed_in(CLEO.0, CLEO.1).await;
            add(&smtp, &owner, PRIVATE).await;
            act(&owner, "main", PRIVATE).await;
            until_told(&smtp, "cleo@example.test", "was changed").await;
            server.clock.advance(60 * 60_000);
            let thief = server.signed_in(CLEO.0, CLEO.1).await;
            let thiefs = "thief@example.test";
            if replaces {
                let form = [("address", thiefs), ("main", "1")];
                let (page, code, _) = ask_for(&smtp, &thief, &form).await;
                assert_eq!(give(&thief, &page, &code).await.status, 303);
            } else {
                add(&smtp, &thief, thiefs).await;
                act(&thief, "main", thiefs).await;
            }
            assert_eq!(user(&server).await.email.as_deref(), Some(thiefs));
            // Any mail about that session will do: here about the browser, or about the address.
            crate::factors::enrol(&server, &thief).await;
            let told = eventually("a notice", || async {
                let mails = smtp.mails().into_iter().map(|mail| plain(&mail));
                mails.into_iter().rfind(|mail| mail.contains("was added as a way"))
            })
            .await;
            let start = told.find("/not-me?token=").expect("a link");
            let link = told[start..].split_whitespace().next().expect("a link");
            assert_eq!(open(&server.browser(), link).await.status, 200);
            let now = user(&server).await;
            assert_ne!(now.email.as_deref(), Some(thiefs), "{replaces}");
            assert!(now.email_verified, "{replaces}");
            assert!(!others(&server).await.contains(&thiefs.to_owned()), "{replaces}");
            let (to, _) = forgotten(&server, &smtp, "cleo").await;
            assert!(to == PRIVATE || to == "cleo@example.test", "{replaces}: {to}");
            server.stop().await;
        }
    }
}
