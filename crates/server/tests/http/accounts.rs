//! What happens to an account and to its sessions: locks after failed attempts, passwords that are reset, demanded or
//! forgotten, and what a tenant's policy makes of each.

use serde_json::{Value, json};
use sojourn_engine::{Authority, Lockout};
use sojourn_model::{EventName, Subject, UserState};
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Browser, TestServer};
use sojourn_testkit::smtp::Smtp;
use sojourn_testkit::store::Engine;

const ADMIN: (&str, &str) = ("admin", "admin12");

async fn is_signed_in(browser: &Browser) -> bool {
    browser.get("/myaccount").await.status == 200
}

#[tokio::test]
async fn failed_attempts_lock_an_account_and_time_or_an_administrator_opens_it() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |settings| {
            settings.lockout = Some(Lockout { attempts: 3, unlock_after_ms: Some(600_000) });
        })
        .await;
        server.user("admin", "admin12", &["admin"]).await;
        let alex = server.user("alex", "alex123", &[]).await;
        let browser = server.signed_in("alex", "alex123").await;
        for _ in 0..3 {
            assert_eq!(server.browser().sign_in("alex", "wrong").await.status, 401);
        }
        let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
        assert_eq!(user.state, UserState::Locked);
        assert!(!is_signed_in(&browser).await, "a lock ends sessions");
        let answer = server.browser().sign_in("alex", "alex123").await;
        assert_eq!(answer.status, 401, "locked; and it isn't told");
        server.clock.advance(600_001);
        let browser = server.signed_in("alex", "alex123").await;
        assert!(is_signed_in(&browser).await, "it opened by itself");
        for _ in 0..3 {
            server.browser().sign_in("alex", "wrong").await;
        }
        let open = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": true}],
        });
        let path = format!("/scim2/Users/{}", alex.id);
        assert_eq!(server.send("PATCH", &path, ADMIN, &open).await.status, 200);
        server.signed_in("alex", "alex123").await;
        let events = server.engine.reads(server.tenant.id).events(Subject::User(alex.id), 0, 99);
        let names: Vec<String> =
            events.await.expect("read").into_iter().map(|event| event.name).collect();
        let count = |name: EventName| names.iter().filter(|one| *one == name.as_str()).count();
        assert_eq!(count(EventName::PostLockAccount), 2, "{names:?}");
        assert_eq!(count(EventName::PostUnlockAccount), 2, "{names:?}");
        assert_eq!(count(EventName::AuthenticationFailure), 7, "{names:?}");
        assert_eq!(count(EventName::AuthenticationSuccess), 3, "{names:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_demanded_password_is_chosen_on_the_way_in() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        let alex = server.user("alex", "the very first word", &[]).await;
        let browser = server.signed_in("alex", "the very first word").await;
        let by = Authority::system();
        let demand = server.engine.demand_new_password(&server.tenant, &alex, &by);
        demand.await.expect("demanded");
        assert!(!is_signed_in(&browser).await, "the sessions are over");
        let api = server.api("GET", "/scim2/Me", ("alex", "the very first word")).await;
        assert_eq!(api.status, 401, "it opens nothing but the page");
        let page = browser.sign_in("alex", "the very first word").await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("Choose a new password"));
        let (csrf, token) = (page.field("csrf"), page.field("token"));
        let choose = |new: &'static str, again: &'static str| {
            let form = [("csrf", &*csrf), ("token", &*token), ("new", new), ("again", again)]
                .map(|(a, b)| (a, b.to_owned()));
            let browser = &browser;
            async move {
                let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (*a, &**b)).collect();
                browser.post("/login/password", &form).await
            }
        };
        assert_eq!(choose("short", "short").await.status, 400);
        assert_eq!(choose("one long word", "another long word").await.status, 400);
        assert_eq!(
            choose("the very first word", "the very first word").await.status,
            400,
            "the same"
        );
        // What was sealed for one browser is of no use in another.
        let other = server.browser();
        let shown = other.get("/login").await;
        let form = [
            ("csrf", &*shown.field("csrf")),
            ("token", &*token),
            ("new", "a word of a thief"),
            ("again", "a word of a thief"),
        ];
        let elsewhere = other.post("/login/password", &form).await;
        assert!(elsewhere.location().starts_with("/login?ticket="), "{elsewhere:?}");
        let done = choose("the second word", "the second word").await;
        assert_eq!(done.status, 303, "{done:?}");
        assert!(is_signed_in(&browser).await);
        assert_eq!(choose("the third word", "the third word").await.status, 409, "once");
        server.signed_in("alex", "the second word").await;
        server.stop().await;
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail_and_nobody_learns_who_is_there() {
    let smtp = Smtp::start().await;
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| {
            settings.resets_by_mail = true;
            settings.trusts_given_addresses = true;
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    server.user("admin", "admin12", &["admin"]).await;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "cleo",
        "password": "the very first word", "emails": [{"value": "cleo@example.test", "primary": true}],
    });
    assert_eq!(server.send("POST", "/scim2/Users", ADMIN, &body).await.status, 201);
    let signed_in = server.signed_in("cleo", "the very first word").await;
    let browser = server.browser();
    let ask = async |name: &str| {
        let page = browser.get("/forgot").await;
        let csrf = page.field("csrf");
        browser.post("/forgot", &[("csrf", &csrf), ("username", name)]).await
    };
    let (known, unknown) = (ask("cleo@example.test").await, ask("nobody@example.test").await);
    assert_eq!((known.status, unknown.status), (200, 200));
    assert_eq!(known.body, unknown.body, "the same is told of both");
    let mail = eventually("the mail", || async { smtp.mails().first().cloned() }).await;
    let text = mail.replace("=\n", "").replace("=3D", "=");
    let start = text.find("/reset?token=").expect("a link");
    let link = text[start..].split_whitespace().next().expect("a link").to_owned();
    let page = browser.get(&link).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(is_signed_in(&signed_in).await, "looking at the link changes nothing");
    let (csrf, token) = (page.field("csrf"), page.field("token"));
    let form = [
        ("csrf", &*csrf),
        ("token", &*token),
        ("new", "the second word"),
        ("again", "the second word"),
    ];
    assert_eq!(browser.post("/reset", &form).await.status, 200);
    assert!(!is_signed_in(&signed_in).await, "signed out everywhere");
    assert_eq!(browser.post("/reset", &form).await.status, 400, "a link works once");
    server.signed_in("cleo", "the second word").await;
    assert_eq!(smtp.mails().len(), 1, "{:?}", smtp.mails());
    let late = ask("cleo").await;
    assert_eq!(late.status, 200);
    let mail = eventually("the mail", || async { smtp.mails().get(1).cloned() }).await;
    let text = mail.replace("=\n", "").replace("=3D", "=");
    let start = text.find("/reset?token=").expect("a link");
    let link = text[start..].split_whitespace().next().expect("a link").to_owned();
    server.clock.advance(3_600_001);
    assert_eq!(browser.get(&link).await.status, 400, "an hour is over");
    server.stop().await;
}

/// What is done to Alex, and which session of theirs survives.
async fn act(server: &TestServer, what: &str, browser: &Browser) {
    let (engine, tenant) = (&server.engine, &server.tenant);
    let alex = engine.user_named(tenant, "alex").await.expect("alex");
    let actor = sojourn_engine::Authority::system();
    match what {
        "on_password_change" => {
            let page = browser.get("/myaccount/password").await;
            let csrf = page.field("csrf");
            let form = [
                ("csrf", &*csrf),
                ("current", "alex123"),
                ("new", "another long word"),
                ("again", "another long word"),
            ];
            let answer = browser.post("/myaccount/password", &form).await;
            assert!(answer.status < 400, "{answer:?}");
        }
        "on_password_reset" => {
            engine.reset_password(tenant, &alex, "another long word", &actor).await.expect("reset");
        }
        "on_lock" => {
            engine.set_user_state(tenant, &alex, UserState::Locked, &actor).await.expect("locked");
        }
        "on_disable" => {
            let state = UserState::Disabled;
            engine.set_user_state(tenant, &alex, state, &actor).await.expect("disabled");
        }
        "delete" => engine.remove_user(tenant, &alex, &actor).await.expect("deleted"),
        "on_access_removed" => {
            let app = engine.application_by_client(tenant.id, "shop").await.expect("read");
            let app = app.expect("shop").id;
            engine.withdraw_consent(tenant, alex.id, app).await.expect("withdrawn");
        }
        other => unreachable!("{other}"),
    }
}

/// A policy's name and value, and what is left after the act: this browser's session, the other one, the token, and
/// how many applications were told.
type Row = (&'static str, Option<&'static str>, bool, bool, bool, usize);

#[tokio::test]
async fn each_policy_of_a_tenant_ends_what_it_says() {
    const TABLE: &[Row] = &[
        ("on_password_change", None, false, false, false, 2),
        ("on_password_change", Some("keep_current"), true, false, true, 1),
        ("on_password_reset", None, false, false, false, 2),
        ("on_password_reset", Some("keep"), true, true, true, 0),
        ("on_lock", None, false, false, false, 2),
        ("on_disable", None, false, false, false, 2),
        ("delete", None, false, false, false, 2),
        ("on_access_removed", None, true, true, false, 2),
        ("on_access_removed", Some("tokens"), true, true, false, 0),
        ("on_access_removed", Some("session"), false, false, false, 2),
    ];
    for engine in Engine::BOTH {
        for (what, value, this, other, token, told) in TABLE {
            let inbox = Inbox::start().await;
            let server = TestServer::on(engine, |_| {}).await;
            let uri = inbox.uri();
            server.app("shop", |app| app.backchannel_logout_uri = Some(uri)).await;
            server.user("admin", "admin12", &["admin"]).await;
            server.user("alex", "alex123", &[]).await;
            if let Some(value) = value {
                let policy = json!({ *what: value });
                let path = "/api/sessions/v1/policies/tenant";
                let answer = server.send("PUT", path, ADMIN, &policy).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            let first = server.signed_in("alex", "alex123").await;
            let second = server.signed_in("alex", "alex123").await;
            let tokens = server.tokens(&first, "shop", "openid").await;
            server.tokens(&second, "shop", "openid").await;
            act(&server, what, &first).await;
            let access = tokens["access_token"].as_str().expect("a token");
            let found = (
                is_signed_in(&first).await,
                is_signed_in(&second).await,
                server.active("shop", access).await,
            );
            assert_eq!(found, (*this, *other, *token), "{what} {value:?}");
            inbox.wait_for(*told).await;
            assert_eq!(inbox.tokens().len(), *told, "{what} {value:?}");
            server.stop().await;
        }
    }
}

#[tokio::test]
async fn what_is_kept_while_an_account_is_locked_comes_back_with_it() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.app("shop", |_| {}).await;
    let keep = json!({ "on_lock": "keep", "on_disable": "keep" });
    server.send("PUT", "/api/sessions/v1/policies/tenant", ADMIN, &keep).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens: Value = server.tokens(&browser, "shop", "openid").await;
    let access = tokens["access_token"].as_str().expect("a token");
    for state in [UserState::Locked, UserState::Disabled] {
        let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
        let system = Authority::system();
        let set = |state| server.engine.set_user_state(&server.tenant, &user, state, &system);
        set(state).await.expect("set");
        assert!(!is_signed_in(&browser).await && !server.active("shop", access).await, "of no use");
        set(UserState::Active).await.expect("set");
        assert!(is_signed_in(&browser).await && server.active("shop", access).await, "back");
    }
    assert!(server.ledger(9).await.is_empty(), "{}: nothing ended", alex.id);
    server.stop().await;
}

#[tokio::test]
async fn the_console_lists_people_page_by_page_and_finds_them_by_any_name() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    for n in 0..60 {
        server.user(&format!("user{n:03}"), "words of a user", &[]).await;
    }
    let browser = server.signed_in("admin", "admin12").await;
    let names = |page: &str| -> Vec<String> {
        let cells = page.split("/console/users/").skip(1);
        cells
            .filter_map(|rest| Some(rest.split_once("\">")?.1.split('<').next()?.to_owned()))
            .collect()
    };
    let first = browser.get("/console/users?q=USER").await.body;
    assert_eq!(names(&first).len(), 50);
    assert!(first.contains("?q=USER&amp;after=user049\""), "{first}");
    let second = browser.get("/console/users?q=USER&after=user049").await.body;
    let rest = names(&second);
    assert_eq!((rest.len(), rest[0].as_str()), (10, "user050"));
    assert!(!second.contains("id=\"more\""));
    for query in ["user007", "user007 the tester", "USER007@example.test"] {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let found = browser.get(&format!("/console/users?q={query}")).await.body;
        assert_eq!(names(&found), ["user007"], "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_changes_who_someone_is() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let alex = server.user("alex", "alex123", &[]).await;
    let boss = server.user("boss", "boss123", &["admin"]).await;
    let (engine, tenant) = (&server.engine, &server.tenant);
    let clerks = "internal_user_mgt_list internal_user_mgt_view internal_user_mgt_update";
    engine.add_role(tenant, "clerk", clerks, &Authority::system()).await.expect("a role");
    let admin = server.signed_in("admin", "admin12").await;
    let path = format!("/console/users/{}/profile", alex.id);
    let page = admin.get(&path).await;
    assert!(page.body.contains("value=\"alex@example.test\""), "{}", page.body);
    let csrf = page.field("csrf");
    let form = |username: &'static str, mail: &'static str| {
        vec![
            ("username", username),
            ("display_name", "Alex the Great"),
            ("email", mail),
            ("locale", "de"),
        ]
    };
    let send = async |form: Vec<(&str, &str)>| {
        admin.post(&path, &[&[("csrf", &*csrf)][..], &form].concat()).await
    };
    let taken = send(form("boss", "alex@example.test")).await;
    assert_eq!(taken.status, 400, "{taken:?}");
    assert!(
        taken.body.contains("value=\"Alex the Great\""),
        "what was typed stays: {}",
        taken.body
    );
    let done = send(form("alexander", "alexander@example.test")).await;
    assert_eq!(done.location(), format!("/console/users/{}?done=profile", alex.id), "{done:?}");
    let now = engine.reads(tenant.id).user(alex.id).await.expect("read").expect("alex");
    assert_eq!(now.username, "alexander");
    assert_eq!(now.email.as_deref(), Some("alexander@example.test"));
    assert!(!now.email_verified && now.profile.contains("\"de\""), "{now:?}");
    let audit = server.audit(50).await;
    assert!(audit.iter().any(|row| row.action == "user.change"), "{audit:?}");
    // Not of someone above, and not without a right.
    let above = format!("/console/users/{}/profile", boss.id);
    server.user("clerk", "clerk123", &["clerk"]).await;
    let clerk = server.signed_in("clerk", "clerk123").await;
    assert_eq!(clerk.get(&above).await.status, 403);
    assert_eq!(clerk.post(&above, &[("csrf", "x")]).await.status, 403);
    let nobody = server.signed_in("alexander", "alex123").await;
    assert_eq!(nobody.get(&above).await.status, 403);
    server.stop().await;
}
