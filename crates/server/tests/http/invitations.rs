//! Invitations: an account that was made for somebody gets a way to sign in by a link of a mail, which proves the address.

use serde_json::json;
use sojourn_engine::Authority;
use sojourn_engine::directory::NewUser;
use sojourn_model::User;
use sojourn_testkit::authenticator::SoftKey;
use sojourn_testkit::server::{Answer, TestServer};
use sojourn_testkit::smtp::Smtp;
use sojourn_testkit::store::Engine;

const BOSS: (&str, &str) = ("boss", "boss-123");
const WEEK_MS: i64 = 7 * 24 * 3_600_000;
const WORDS: &str = "a heron on the pond";

async fn prepared(engine: Engine, smtp: &Smtp) -> TestServer {
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
    server
}

async fn link(smtp: &Smtp, number: usize) -> String {
    smtp.link("/invitation?token=", number).await
}

async fn user(server: &TestServer, name: &str) -> User {
    server.engine.user_named(&server.tenant, name).await.expect("a user")
}

async fn invited(server: &TestServer, name: &str) -> User {
    let new = NewUser {
        username: name.into(),
        display_name: Some("Cleo Green".into()),
        email: Some(format!("{name}@example.test")),
        invited: true,
        ..NewUser::default()
    };
    server.engine.add_user(&server.tenant, new, &Authority::system()).await.expect("invited")
}

fn options_in(page: &Answer) -> serde_json::Value {
    let (_, rest) = page.body.split_once("data-options=\"").expect("options");
    let text = rest.split('"').next().expect("their end").replace("&#34;", "\"");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn an_invited_person_sets_a_password_once() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp).await;
        let cleo = invited(&server, "cleo").await;
        assert!(!cleo.email_verified && cleo.password_hash.is_none());
        let path = link(&smtp, 0).await;
        let browser = server.browser();
        let page = browser.get(&path).await;
        assert!(page.status == 200 && page.body.contains("Welcome, Cleo Green"), "{page:?}");
        assert!(!user(&server, "cleo").await.email_verified, "a look changes nothing");
        let (csrf, token) = (page.field("csrf"), page.field("token"));
        let form = |new: &'static str, again: &'static str| {
            [
                ("csrf", csrf.clone()),
                ("token", token.clone()),
                ("new", new.into()),
                ("again", again.into()),
            ]
        };
        let send = async |form: [(&str, String); 4]| {
            let form = form.each_ref().map(|(name, value)| (*name, &**value));
            browser.post("/invitation", &form).await
        };
        assert_eq!(send(form("short", "short")).await.status, 400);
        assert_eq!(send(form(WORDS, "something else than that")).await.status, 400);
        // Its link opens nothing else, and no other link opens it.
        assert_eq!(browser.get(&path.replace("/invitation", "/reset")).await.status, 400);
        assert_eq!(browser.get(&path.replace("/invitation", "/not-me")).await.status, 400);
        // From another site, and in another tenant.
        let other = [("csrf", "x"), ("token", &*token), ("new", WORDS), ("again", WORDS)];
        assert_eq!(browser.post("/invitation", &other).await.status, 403);
        server.second_tenant("other.example").await;
        assert_eq!(browser.get(&format!("/t/other.example{path}")).await.status, 400);
        let done = send(form(WORDS, WORDS)).await;
        assert!(done.status == 200 && done.body.contains("Your account is ready"), "{done:?}");
        let cleo = user(&server, "cleo").await;
        assert!(cleo.email_verified, "the address is proved");
        server.signed_in("cleo", WORDS).await;
        // Once, in any browser, whatever happens afterwards.
        assert_eq!(send(form(WORDS, WORDS)).await.status, 400);
        assert_eq!(server.browser().get(&path).await.status, 400);
        let again = server.engine.invite(&server.tenant, &cleo, &Authority::system()).await;
        assert!(again.is_err_and(|error| error.to_string().contains("sign in already")));
        server.stop().await;
    }
}

#[tokio::test]
async fn an_invited_person_adds_a_passkey() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp).await;
        invited(&server, "cleo").await;
        invited(&server, "dora").await;
        let mut paths = [link(&smtp, 0).await, link(&smtp, 1).await];
        paths.sort_by_key(|path| path.len());
        let (first, second) = (server.browser(), server.browser());
        let page = first.get(&paths[0]).await;
        let other = second.get(&paths[1]).await;
        let key = SoftKey::new(&options_in(&page), &server.base);
        let send = async |page: &Answer, offer: &str, credential: &str| {
            let (csrf, token) = (page.field("csrf"), page.field("token"));
            let form = [
                ("csrf", &*csrf),
                ("token", &token),
                ("offer", offer),
                ("credential", credential),
                ("name", "Passkey"),
            ];
            first.post("/invitation", &form).await
        };
        let (offer, made) = (page.field("offer"), key.created(&options_in(&page)));
        // The offer of another invitation.
        let mixed = [
            ("csrf", &*other.field("csrf")),
            ("token", &other.field("token")),
            ("offer", &offer),
            ("credential", &made),
            ("name", "Passkey"),
        ];
        assert_eq!(second.post("/invitation", &mixed).await.status, 400);
        assert_eq!(send(&page, &offer, "{}").await.status, 400, "no answer of a key");
        let done = send(&page, &offer, &made).await;
        assert!(done.status == 200 && done.body.contains("id=\"codes\""), "{done:?}");
        assert_eq!(send(&page, &offer, &made).await.status, 400, "once");
        assert_eq!(first.get(&paths[0]).await.status, 400, "once");
        let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        let dora = server.engine.user_named(&server.tenant, "dora").await.expect("dora");
        assert!(cleo.email_verified != dora.email_verified, "that one alone");
        let who = if cleo.email_verified { &cleo } else { &dora };
        let factors = server.engine.factors(&server.tenant, who.id).await.expect("read");
        assert_eq!((factors.factors.len(), factors.codes_left), (1, 10));
        assert!(who.password_hash.is_none());
        server.stop().await;
    }
}

#[tokio::test]
async fn invitations_end_with_what_they_were_made_for() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp).await;
    let by = Authority::system();
    // By SCIM, as WSO2 has it; and by the Console, once more.
    let ask = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "cleo",
        "emails": [{ "value": "cleo@example.test", "primary": true }],
        "urn:scim:wso2:schema": { "askPassword": "true" }
    });
    assert_eq!(server.send("POST", "/scim2/Users", BOSS, &ask).await.status, 201);
    let first = link(&smtp, 0).await;
    let cleo = user(&server, "cleo").await;
    server.clock.advance(1_000);
    let admin = server.signed_in(BOSS.0, BOSS.1).await;
    let act = format!("/console/users/{}/acts/invite", cleo.id);
    let page = admin.get(&act).await;
    assert!(page.body.contains("To cleo@example.test"), "{page:?}");
    let done = admin.post(&act, &[("csrf", &page.field("csrf"))]).await;
    assert!(done.location().ends_with("?done=invite"), "{done:?}");
    let second = link(&smtp, 1).await;
    assert_ne!(first, second);
    for path in [&first, &second] {
        assert_eq!(server.browser().get(path).await.status, 200);
    }
    // Another address: whoever got the mail may be somebody else.
    let moved = User { email: Some("other@example.test".into()), ..cleo.clone() };
    server.engine.update_user(&server.tenant, &moved, &[], &by).await.expect("moved");
    assert_eq!(server.browser().get(&first).await.status, 400);
    // A password by other means; an account that is switched off; a week.
    for (name, what) in [("dora", "password"), ("emil", "disabled"), ("fred", "time")] {
        let one = invited(&server, name).await;
        let path = link(&smtp, smtp.mails().len().max(2)).await;
        assert_eq!(server.browser().get(&path).await.status, 200, "{what}");
        match what {
            "password" => {
                server.engine.reset_password(&server.tenant, &one, WORDS, &by).await.expect("set")
            }
            "disabled" => {
                let off = sojourn_model::UserState::Disabled;
                server.engine.set_user_state(&server.tenant, &one, off, &by).await.expect("off");
            }
            _ => server.clock.advance(WEEK_MS + 60_000),
        }
        assert_eq!(server.browser().get(&path).await.status, 400, "{what}");
    }
    // Who has no address, and where no mail is sent.
    let blank = NewUser { username: "gina".into(), invited: true, ..NewUser::default() };
    let refused = server.engine.add_user(&server.tenant, blank.clone(), &by).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("no mail address")));
    let silent = TestServer::start().await;
    let refused = silent.engine.add_user(&silent.tenant, blank, &by).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("configure [mail]")));
    assert!(silent.engine.user_named(&silent.tenant, "gina").await.is_err(), "nothing is left");
    server.stop().await;
}
