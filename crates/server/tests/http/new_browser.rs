//! A sign-in from an unknown browser: a mail over SMTP, and "this was not me".

use sojourn_engine::Authority;
use sojourn_engine::directory::{NewUser, PasswordGiven};
use sojourn_model::User;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::smtp::{Smtp, plain};
use sojourn_testkit::store::Engine;

async fn prepared(engine: Engine, smtp: &Smtp) -> TestServer {
    let server = TestServer::with_options(
        engine,
        |settings| {
            settings.mails_new_browsers = true;
            settings.resets_by_mail = true;
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    for (name, email_verified) in [("cleo", true), ("ben", false)] {
        let new = NewUser {
            username: name.into(),
            display_name: Some("Cleo".into()),
            email: Some(format!("{name}@example.test")),
            email_verified,
            ..NewUser::default()
        };
        let password = Some(PasswordGiven::Declared(format!("{name}-123")));
        let made =
            server.engine.add_user_with(&server.tenant, new, password, &Authority::system()).await;
        made.expect("a user");
    }
    server.app("shop", |_| {}).await;
    server
}

fn link(mail: &str) -> String {
    let text = plain(mail);
    let start = text.find("/not-me?token=").expect("a link");
    text[start..].split_whitespace().next().expect("a link").to_owned()
}

#[tokio::test]
async fn who_says_that_it_was_not_them_gets_the_account_back() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp).await;
        let own = server.browser();
        assert_eq!(own.sign_in("cleo", "cleo-123").await.status, 303);
        assert_eq!(own.sign_in("cleo", "cleo-123").await.status, 303);
        // Nobody has to be told of the first browser, of one that is known, or at an address that isn't proved.
        for _ in 0..2 {
            assert_eq!(server.browser().sign_in("ben", "ben-123").await.status, 303);
        }
        smtp.refuse(1);
        let thief = server.browser();
        assert_eq!(thief.sign_in("cleo", "cleo-123").await.status, 303);
        let tokens = server.tokens(&thief, "shop", "openid offline_access").await;
        let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
        let (access, refresh) = (access.as_str().expect("one"), refresh.as_str().expect("one"));
        // The SMTP server says 'not now': it is tried again.
        let mail = eventually("the mail", || async {
            server.clock.advance(200);
            smtp.mails().first().cloned()
        })
        .await;
        assert_eq!(smtp.mails().len(), 1, "{:?}", smtp.mails());
        assert!(mail.contains("To: cleo@example.test") && mail.contains("New sign-in"), "{mail}");
        assert!(plain(&mail).contains("Address 127.0.0.1"), "{mail}");
        let path = link(&mail);
        let reader = server.browser();
        let page = reader.get(&path).await;
        assert!(page.status == 200 && page.body.contains("It wasn&#39;t me"), "{page:?}");
        assert!(server.active("shop", access).await, "a look changes nothing");
        let (csrf, token) = (page.field("csrf"), page.field("token"));
        let both = [("csrf", &*csrf), ("token", &*token)];
        assert_eq!(reader.post("/not-me", &[("csrf", "x"), ("token", &token)]).await.status, 403);
        // A link for one thing opens no other.
        assert_eq!(reader.get(&path.replace("/not-me", "/reset")).await.status, 400);
        let ended = reader.post("/not-me", &both).await;
        assert!(ended.status == 200 && ended.body.contains("/forgot"), "{ended:?}");
        assert!(!ended.body.contains("type=\"password\""), "the link is no way in: {ended:?}");
        assert!(!server.active("shop", access).await);
        assert_eq!(server.refresh("shop", refresh).await.status, 400, "offline access too");
        assert_eq!(thief.get("/myaccount").await.status, 303);
        assert_eq!(own.get("/myaccount").await.status, 303, "everything ended");
        let old = server.browser().sign_in("cleo", "cleo-123").await;
        assert!(old.status == 403 && old.body.contains("Choose a new one"), "{old:?}");
        assert_eq!(server.browser().sign_in("cleo", "wrong").await.status, 401);
        assert_eq!(reader.post("/not-me", &both).await.status, 400, "once");
        assert_eq!(reader.get(&path).await.status, 400, "once");
        // The usual proof: another mail.
        let asked = reader.get("/forgot").await;
        let (csrf, name) = (asked.field("csrf"), "cleo");
        assert_eq!(
            reader.post("/forgot", &[("csrf", &csrf), ("username", name)]).await.status,
            200
        );
        let mail = eventually("the second mail", || async {
            server.clock.advance(200);
            smtp.mails().get(1).cloned()
        })
        .await;
        let reset = plain(&mail);
        let start = reset.find("/reset?token=").expect("a link");
        let reset = reset[start..].split_whitespace().next().expect("a link").to_owned();
        assert_eq!(reader.get(&reset.replace("/reset", "/not-me")).await.status, 400);
        let page = reader.get(&reset).await;
        let (csrf, token) = (page.field("csrf"), page.field("token"));
        let new = [
            ("csrf", &*csrf),
            ("token", &*token),
            ("new", "a-new-word-for-one"),
            ("again", "a-new-word-for-one"),
        ];
        assert_eq!(reader.post("/reset", &new).await.status, 200);
        assert_eq!(server.browser().sign_in("cleo", "cleo-123").await.status, 401);
        assert_eq!(own.sign_in("cleo", "a-new-word-for-one").await.status, 303);
        assert_eq!(reader.post("/reset", &new).await.status, 400, "once");
        assert_eq!(reader.get("/not-me?token=x").await.status, 400);
        assert_eq!(smtp.mails().len(), 2);
        server.stop().await;
    }
}

/// Whoever is in the account can't make "this was not me" void, and a link to an address that is another's by now opens
/// nothing.
#[tokio::test]
async fn a_stranger_in_the_account_does_not_stop_its_owner() {
    for engine in Engine::BOTH {
        let smtp = Smtp::start().await;
        let server = prepared(engine, &smtp).await;
        assert_eq!(server.browser().sign_in("cleo", "cleo-123").await.status, 303);
        let thief = server.browser();
        assert_eq!(thief.sign_in("cleo", "cleo-123").await.status, 303);
        let mail = eventually("the mail", || async { smtp.mails().first().cloned() }).await;
        let user = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        let live = server.engine.sessions_of_user(&server.tenant, user.id).await.expect("read");
        let session = &live.first().expect("a session").session;
        let changed = server.engine.change_password(
            &server.tenant,
            session,
            "cleo-123",
            "a-stolen-word-for-one",
            "127.0.0.1",
        );
        changed.await.expect("changed");
        assert_eq!(thief.sign_in("cleo", "a-stolen-word-for-one").await.status, 303);
        crate::factors::enrol(&server, &thief).await;
        let reader = server.browser();
        let page = reader.get(&link(&mail)).await;
        let both = [("csrf", &*page.field("csrf")), ("token", &*page.field("token"))];
        assert_eq!(reader.post("/not-me", &both).await.status, 200);
        assert_eq!(thief.get("/myaccount").await.status, 303, "everything ended");
        let left = server.engine.factors(&server.tenant, user.id).await.expect("read");
        assert!(left.factors.is_empty() && left.codes_left == 0, "what the thief added: {left:?}");
        assert_eq!(server.browser().sign_in("cleo", "a-stolen-word-for-one").await.status, 403);
        assert_eq!(reader.post("/not-me", &both).await.status, 400, "once");

        let reset = server.engine.ask_for_reset(&server.tenant, "cleo", "en");
        reset.await.expect("written");
        let mail = eventually("the link", || async {
            smtp.mails().iter().map(|mail| plain(mail)).find(|mail| mail.contains("/reset?token="))
        })
        .await;
        let start = mail.find("/reset?token=").expect("a link");
        let reset = mail[start..].split_whitespace().next().expect("a link");
        assert_eq!(reader.get(reset).await.status, 200);
        let user = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
        let moved = User { email: Some("new@example.test".into()), ..user };
        let by = Authority::system();
        let moved = server.engine.update_user(&server.tenant, &moved, &[], &by);
        moved.await.expect("moved");
        assert_eq!(reader.get(reset).await.status, 400, "it went to the old address");
        server.stop().await;
    }
}

/// An address that a stranger gave the account is taken back: the mail for another password would go there.
#[tokio::test]
async fn the_address_of_a_stranger_goes_too() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp).await;
    assert_eq!(server.browser().sign_in("cleo", "cleo-123").await.status, 303);
    let thief = server.browser();
    assert_eq!(thief.sign_in("cleo", "cleo-123").await.status, 303);
    let told = smtp.link("/not-me?token=", 0).await;
    let page = thief.get("/myaccount/address").await;
    let form = [("csrf", &*page.field("csrf")), ("address", "thief@example.test"), ("main", "1")];
    thief.post("/myaccount/address", &form).await;
    let link = smtp.link("/address?token=", 0).await;
    let page = thief.get(&link).await;
    let form = [("csrf", &*page.field("csrf")), ("token", &*page.field("token"))];
    assert_eq!(thief.post("/address", &form).await.status, 200);
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    assert_eq!(cleo.email.as_deref(), Some("thief@example.test"));
    let reader = server.browser();
    let page = reader.get(&told).await;
    let form = [("csrf", &*page.field("csrf")), ("token", &*page.field("token"))];
    assert_eq!(reader.post("/not-me", &form).await.status, 200);
    let cleo = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    assert_eq!((cleo.email.as_deref(), cleo.email_verified), (Some("cleo@example.test"), true));
    server.stop().await;
}

/// The factor that let a stranger in goes, however long ago they added it.
#[tokio::test]
async fn the_factor_of_a_stranger_goes_however_old_it_is() {
    let smtp = Smtp::start().await;
    let server = prepared(Engine::Sqlite, &smtp).await;
    assert_eq!(server.browser().sign_in("cleo", "cleo-123").await.status, 303);
    let thief = server.browser();
    assert_eq!(thief.sign_in("cleo", "cleo-123").await.status, 303);
    let phone = crate::factors::enrol(&server, &thief).await;
    server.clock.advance(2 * 24 * 3_600_000);
    let again = server.browser();
    let page = again.sign_in("cleo", "cleo-123").await;
    let entered = crate::factors::give(&again, &page, &phone.code(&server)).await;
    assert_eq!(entered.status, 303, "{entered:?}");
    let mail = eventually("the mail", || async {
        server.clock.advance(200);
        smtp.mails().into_iter().filter(|mail| mail.contains("New sign-in")).nth(1)
    })
    .await;
    let reader = server.browser();
    let page = reader.get(&link(&mail)).await;
    let both = [("csrf", &*page.field("csrf")), ("token", &*page.field("token"))];
    assert_eq!(reader.post("/not-me", &both).await.status, 200);
    let user = server.engine.user_named(&server.tenant, "cleo").await.expect("cleo");
    let left = server.engine.factors(&server.tenant, user.id).await.expect("read");
    assert!(left.factors.is_empty() && left.codes_left == 0, "{left:?}");
    server.stop().await;
}

#[tokio::test]
async fn the_console_shows_mail_that_is_written_into_a_folder() {
    let folder = sojourn_testkit::store::Folder::new();
    let mail = "Subject: A new sign-in\r\n\r\nWas it you? <b>No</b>\r\n";
    std::fs::write(folder.0.join("one.eml"), mail).expect("written");
    std::fs::write(folder.0.join("else.txt"), "Subject: no mail").expect("written");
    let path = folder.0.clone();
    let engine = sojourn_testkit::store::Engine::Sqlite;
    let server =
        TestServer::with_options(engine, |_| {}, |options| options.mail_folder = Some(path)).await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("cleo", "cleo123", &[]).await;
    let page = server.signed_in("admin", "admin12").await.get("/console/mail").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<h2>A new sign-in</h2>"), "{}", page.body);
    assert!(page.body.contains("Was it you?"), "{}", page.body);
    assert!(!page.body.contains("<b>No") && !page.body.contains("no mail"), "{}", page.body);
    let refused = server.signed_in("cleo", "cleo123").await.get("/console/mail").await;
    assert_eq!(refused.status, 403);
    let other = server.second_tenant("acme").await;
    server.user_in(&other, "boss", "boss123", &["admin"]).await;
    let there = server.browser();
    there.sign_in_at("/t/acme/login", "boss", "boss123", false).await;
    assert_eq!(there.get("/t/acme/console").await.status, 200);
    assert_eq!(there.get("/t/acme/console/mail").await.status, 404, "another tenant's");
    server.stop().await;
}

/// Whoever reads the database finds neither a link nor to whom it went, and an old link opens nothing.
#[tokio::test]
async fn links_are_kept_sealed_and_work_for_a_day() {
    let folder = sojourn_testkit::store::Folder::new();
    let path = folder.0.clone();
    let options = sojourn_store::SqliteOptions::at(path.join("sojourn.db"));
    let store = sojourn_store::Store::open_sqlite(&options).expect("a store");
    let (change, serve) = (
        |settings: &mut sojourn_engine::Settings| settings.resets_by_mail = true,
        |_: &mut sojourn_server::ServerOptions| {},
    );
    let server = TestServer::over((store, folder), change, serve).await;
    let new = NewUser {
        username: "cleo".into(),
        email: Some("cleo-at-home@example.test".into()),
        email_verified: true,
        ..NewUser::default()
    };
    let password = Some(PasswordGiven::Declared("cleo-123".into()));
    let made =
        server.engine.add_user_with(&server.tenant, new, password, &Authority::system()).await;
    made.expect("a user");
    let asking = server.engine.ask_for_reset(&server.tenant, "cleo", "en");
    asking.await.expect("written");
    let kept = |what: &str| {
        let files = std::fs::read_dir(&path).expect("a folder").flatten();
        files.filter(|file| file.path().is_file()).any(|file| {
            let bytes = std::fs::read(file.path()).expect("a file");
            bytes.windows(what.len()).any(|part| part == what.as_bytes())
        })
    };
    assert!(kept("sealed:"), "the mail is there");
    assert!(!kept("/reset?token="), "no link in the clear");
    assert!(!kept("soj_ml_"), "no token in the clear");
    server.stop().await;
}
