//! Names and passwords of people who don't all write ASCII.

use serde_json::json;
use sojourn_engine::Authority;
use sojourn_engine::directory::NewUser;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::{Engine, Folder, TestStore};

const ADMIN: (&str, &str) = ("admin", "admin12");

#[tokio::test]
async fn a_login_name_is_kept_as_typed_and_found_in_each_way_it_can_be_written() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        let tenant = server.second_tenant("example.org").await;
        server.user_in(&tenant, "admin", "admin12", &["admin"]).await;
        server.user_in(&tenant, "alice@example.org", "alice123", &[]).await;
        server.user_in(&tenant, "bob", "bob12345", &[]).await;
        server.user_in(&tenant, "anna maria/sales", "anna1234", &[]).await;
        server.user_in(&tenant, "zoe\u{308}", "zoe12345", &[]).await;
        let of = async |filter: &str| {
            let query = form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
            let path = format!("/t/example.org/scim2/Users?filter={query}");
            let found = server.api("GET", &path, ADMIN).await.json();
            found["Resources"][0]["userName"].as_str().map(str::to_owned)
        };
        let found = of("userName eq \"alice@example.org\"").await;
        assert_eq!(found.as_deref(), Some("alice@example.org"), "{engine:?}");
        assert_eq!(of("userName eq \"zo\u{eb}\"").await.as_deref(), Some("zo\u{eb}"));
        for (typed, password) in [
            ("alice@example.org", "alice123"),
            ("alice@example.org@example.org", "alice123"),
            ("bob", "bob12345"),
            ("bob@example.org", "bob12345"),
            ("anna maria/sales", "anna1234"),
            ("zo\u{eb}", "zoe12345"),
            ("zoe\u{308}", "zoe12345"),
        ] {
            let browser = server.browser();
            let page = "/t/example.org/login";
            let answer = browser.sign_in_at(page, typed, password, false).await;
            assert_eq!(answer.status, 303, "{engine:?} {typed}");
        }
        // Nobody gets a name that leads to someone else, or would lead someone else to them.
        let make = async |name: &str| {
            let body = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name
            });
            server.send("POST", "/t/example.org/scim2/Users", ADMIN, &body).await
        };
        for taken in [
            "bob@Example.ORG",
            "bob\u{ff20}example.org",
            "alice",
            "ALICE",
            "bob@example.org",
            "Bob@example.org",
            "zo\u{eb}@example.org",
        ] {
            assert_eq!(make(taken).await.status, 409, "{engine:?} {taken}");
        }
        let carl = make("carl").await;
        assert_eq!(carl.status, 201, "{carl:?}");
        let path =
            format!("/t/example.org/scim2/Users/{}", carl.json()["id"].as_str().expect("an id"));
        for (name, status) in [("bob@example.org", 409), ("alice", 409), ("carl@example.org", 200)]
        {
            let change = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "replace", "path": "userName", "value": name}]
            });
            let answer = server.send("PATCH", &path, ADMIN, &change).await;
            assert_eq!(answer.status, status, "{engine:?} {name}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn people_are_found_without_regard_to_case_in_every_script() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "\u{391}\u{3bb}\u{3ad}\u{3be}\u{3b7}\u{3c2}", "displayName": "\u{c9}lodie Ozan",
            "emails": [{ "value": "\u{d6}zil@example.org", "primary": true }]
        });
        let made = server.send("POST", "/scim2/Users", ADMIN, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        for filter in [
            "userName eq \"\u{391}\u{39b}\u{388}\u{39e}\u{397}\u{3a3}\"",
            "displayName eq \"\u{e9}LODIE ozan\"",
            "emails eq \"\u{f6}ZIL@EXAMPLE.org\"",
        ] {
            let query = form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
            let path = format!("/scim2/Users?filter={query}");
            let found = server.api("GET", &path, ADMIN).await.json();
            assert_eq!(found["totalResults"], 1, "{engine:?} {filter}: {found}");
        }
    }
}

/// Names that an older program wrote in another form of Unicode, one of which is taken in this one.
#[tokio::test]
async fn what_an_older_program_wrote_is_found_again_and_clashes_stop_nothing() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let store = test.reopen().await.expect("opens");
        let database = store.clone();
        let server = TestServer::over((store, Folder::new()), |_| {}, |_| {}).await;
        server.user("zo\u{eb}", "zoe12345", &[]).await;
        for n in 0..600 {
            // Only names are looked at: no hash is made for these.
            let new = NewUser { username: format!("user-{n}"), ..NewUser::default() };
            server
                .engine
                .add_user_with(&server.tenant, new, None, &Authority::system())
                .await
                .expect("made");
        }
        server.user("first", "first123", &[]).await;
        test.run(
            "UPDATE account SET keyed_version = 0, email_key = NULL, display_key = NULL;
             UPDATE account SET username = 'zoe\u{308}', username_key = 'zoe\u{308}' WHERE username = 'user-300';
             UPDATE account SET username = '\u{ff55}ser-7', username_key = '\u{ff55}ser-7' WHERE username = 'user-8';
             UPDATE account SET username = 'rene\u{301}', username_key = 'rene\u{301}' WHERE username = 'first';",
        )
        .await;
        server.engine.begin_purge().await.expect("cleaned");
        let store = server.engine.reads(server.tenant.id);
        assert!(
            database.unkeyed_users(9).await.expect("read").is_empty(),
            "{engine:?}: all in a round"
        );
        let clashing = store.clashing_names(9).await.expect("read");
        assert_eq!(clashing, ["zoe\u{308}", "\u{ff55}ser-7"], "{engine:?}");
        // Who had a name keeps it, though another one is alike; and may be changed and listed as anybody.
        let by_wide = store.user_by_name("\u{ff55}ser-7").await.expect("read");
        assert_eq!(by_wide.map(|one| one.username).as_deref(), Some("\u{ff55}ser-7"), "{engine:?}");
        let clash = store.user_by_name("\u{ff55}ser-7").await.expect("read").expect("one");
        let shown = sojourn_model::User { display_name: Some("Wide".into()), ..clash };
        server
            .engine
            .update_user(&server.tenant, &shown, &[], &Authority::system())
            .await
            .expect("changed");
        let mut listed = 0;
        let mut after: Option<String> = None;
        loop {
            let page = store.users_by_prefix("", after.as_deref(), 100).await.expect("read");
            listed += page.len();
            let Some(last) = page.last() else { break };
            assert!(listed <= 603, "{engine:?}: the list goes round in a circle");
            after = Some(last.username.clone());
        }
        assert_eq!(listed, 602, "{engine:?}");
        for (name, password) in [("zo\u{eb}", "zoe12345"), ("REN\u{c9}", "first123")] {
            let answer = server.browser().sign_in(name, password).await;
            assert_eq!(answer.status, 303, "{engine:?} {name}: {answer:?}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn what_nobody_sees_is_in_no_name() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    for (field, value) in [
        ("userName", "al\u{200b}ex"),
        ("userName", "\u{202e}xela"),
        ("displayName", "Al\u{202e}ex"),
        ("displayName", "Al\u{0}ex"),
    ] {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "somebody"
        });
        body[field] = json!(value);
        let answer = server.send("POST", "/scim2/Users", ADMIN, &body).await;
        assert_eq!(answer.status, 400, "{field}: {answer:?}");
    }
}

#[tokio::test]
async fn passwords_are_the_same_on_every_keyboard_and_their_rules_say_what_is_wrong() {
    let server = TestServer::with(|settings| settings.password_rules.length_alone = Some(8)).await;
    server.user("ada", "caf\u{65}\u{301} noir 7", &[]).await;
    for typed in ["caf\u{e9} noir 7", "caf\u{65}\u{301}\u{a0}noir 7"] {
        assert_eq!(server.browser().sign_in("ada", typed).await.status, 303, "{typed:?}");
    }
    let browser = server.signed_in("ada", "caf\u{e9} noir 7").await;
    let csrf = browser.get("/myaccount/password").await.field("csrf");
    let long = "x".repeat(1_025);
    // The test kit calls her "ada the tester".
    for (new, words) in [
        (&*long, "too long"),
        ("short", "too short"),
        ("adatester1", "too easy to guess"),
        ("TesterAda99", "too easy to guess"),
    ] {
        let form =
            [("csrf", &*csrf), ("current", "caf\u{e9} noir 7"), ("new", new), ("again", new)];
        let answer = browser.post("/myaccount/password", &form).await;
        assert!(answer.body.contains(words), "{new}: {}", answer.body);
    }
}
