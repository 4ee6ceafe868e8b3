//! Event handlers: webhooks that are signed, in order, repeated and parked; ends that wait, or only say what they
//! would do.

use serde_json::{Value, json};
use sojourn_engine::directory::{RoleChange, RoleWrite};
use sojourn_engine::{HandlerKind, HandlerSettings, RoleDirection, Webhook};
use sojourn_model::{EventName, UserState};
use sojourn_testkit::inbox::{Hook, Inbox};
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const SECRETS: [&[u8]; 2] =
    [b"the newest secret, of many bytes", b"the one before, which still counts"];
const BASE: &str = "/api/sessions/v1/handlers";
const ADMIN: (&str, &str) = ("admin", "admin12");

fn webhook(inbox: &Inbox, subscriptions: &[EventName], attempts_max: i64) -> HandlerSettings {
    let secrets = SECRETS.iter().map(|secret| secret.to_vec()).collect();
    let webhook = Webhook { url: inbox.hook_uri(), secrets, attempts_max };
    let subscriptions = subscriptions.to_vec();
    HandlerSettings { id: "directory".into(), subscriptions, kind: HandlerKind::Webhook(webhook) }
}

fn json_of(hook: &Hook) -> Value {
    serde_json::from_str(&hook.body).expect("JSON")
}

fn header<'a>(hook: &'a Hook, name: &str) -> &'a str {
    hook.headers[name].to_str().expect("text")
}

async fn set(server: &TestServer, name: &str, state: UserState) {
    let user = server.engine.user_named(&server.tenant, name).await.expect("a user");
    let actor = sojourn_engine::Authority::operator();
    server.engine.set_user_state(&server.tenant, &user, state, &actor).await.expect("set");
}

#[tokio::test]
async fn webhooks_are_signed_in_order_repeated_and_parked() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let events = [
            EventName::PostLockAccount,
            EventName::PostUnlockAccount,
            EventName::SessionTerminate,
            EventName::SessionCreate,
        ];
        let handler = webhook(&inbox, &events, 3);
        let server = TestServer::on(engine, |settings| settings.handlers = vec![handler]).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("alex", "alex123", &[]).await;
        let tasks = async |query: &str| {
            let path = format!("{BASE}/directory/tasks{query}");
            let answer = server.api("GET", &path, ADMIN).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["items"].as_array().cloned().expect("items")
        };
        // What came of an attempt is written: only then the clock may go on.
        let attempted = async |times: i64| {
            eventually("the attempt is written", || async {
                let all = tasks("").await;
                let open = all.iter().filter(|task| task["state"] != "done");
                let attempts = open.filter_map(|task| task["attempts"].as_i64()).max();
                (attempts == Some(times)).then_some(())
            })
            .await;
        };
        inbox.answer(&[503]);
        server.signed_in("alex", "alex123").await;
        let first = &inbox.wait_for_hooks(1).await[0];
        set(&server, "alex", UserState::Locked).await;
        set(&server, "alex", UserState::Active).await;
        // The first is not through: nothing about the same person overtakes it.
        attempted(1).await;
        server.clock.advance(10_000);
        let hooks = inbox.wait_for_hooks(5).await;
        let names: Vec<Value> = hooks.iter().map(|hook| json_of(hook)["type"].clone()).collect();
        let want = [
            "SESSION_CREATE",
            "SESSION_CREATE",
            "SESSION_TERMINATE",
            "POST_LOCK_ACCOUNT",
            "POST_UNLOCK_ACCOUNT",
        ];
        assert_eq!(names, want);
        assert_eq!(header(first, "webhook-id"), header(&hooks[1], "webhook-id"), "one message");
        for hook in &hooks {
            let (id, at) = (header(hook, "webhook-id"), header(hook, "webhook-timestamp"));
            let signed = format!("{id}.{at}.{}", hook.body);
            let want = SECRETS.map(|secret| {
                let mac = sojourn_crypto::hmac_of(secret, signed.as_bytes());
                format!("v1,{}", sojourn_crypto::b64(&mac))
            });
            assert_eq!(header(hook, "webhook-signature"), want.join(" "));
        }
        let lock = json_of(&hooks[3])["data"].clone();
        assert_eq!(
            (&lock["properties"]["user-name"], &lock["actor"]),
            (&json!("alex"), &json!("operator"))
        );

        // Three failures, and it is parked; what comes after it waits, and another's goes on.
        inbox.answer(&[500, 500, 500]);
        set(&server, "alex", UserState::Locked).await;
        set(&server, "alex", UserState::Active).await;
        for times in 1..=2 {
            attempted(times).await;
            server.clock.advance(25_000);
        }
        let parked = eventually("it is parked", || async {
            let parked = tasks("?state=parked").await;
            (!parked.is_empty()).then(|| parked[0].clone())
        })
        .await;
        assert_eq!((&parked["attempts"], &parked["last_status"]), (&json!(3), &json!(500)));
        let seen = inbox.wait_for_hooks(8).await.len();
        server.signed_in("admin", "admin12").await;
        let other = inbox.wait_for_hooks(seen + 1).await;
        assert_eq!(json_of(&other[seen])["type"], "SESSION_CREATE", "another's");
        eventually("only what the parked one holds up waits", || async {
            let handlers = server.api("GET", BASE, ADMIN).await.json();
            let one = &handlers["items"][0];
            (one["parked"] == 1 && one["pending"] == 1).then_some(())
        })
        .await;
        let metrics = server.browser().get("/metrics").await.body;
        assert!(metrics.contains("sojourn_handler_tasks_pending 1"), "{metrics}");
        let place = format!("{}/{}", parked["subject"].as_str().expect("one"), parked["number"]);
        let redo = format!("{BASE}/directory/tasks/{place}/redo");
        assert_eq!(server.api("POST", &redo, ("alex", "alex123")).await.status, 403);
        assert_eq!(server.api("POST", &redo, ADMIN).await.status, 204);
        let all = inbox.wait_for_hooks(seen + 3).await;
        let rest: Vec<Value> =
            all[seen + 1..].iter().map(|hook| json_of(hook)["type"].clone()).collect();
        assert_eq!(rest, ["POST_LOCK_ACCOUNT", "POST_UNLOCK_ACCOUNT"]);
        eventually("all is done", || async {
            let all = tasks("").await;
            all.iter().all(|task| task["state"] == "done").then_some(())
        })
        .await;
        assert_eq!(server.api("POST", &redo.replace("redo", "skip"), ADMIN).await.status, 404);
        assert_eq!(server.api("GET", &format!("{BASE}/x/tasks"), ADMIN).await.status, 404);
        server.stop().await;
    }
}

#[tokio::test]
async fn an_end_may_wait_or_only_say_what_it_would_do() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |settings| {
            let events = vec![EventName::PostUpdateRoleListOfUser];
            let handler = HandlerSettings::session_termination(events, RoleDirection::Removed);
            let late = handler.clone().with(|one| {
                one.delay_ms = 60_000;
                one.roles = vec!["late".into()];
            });
            let dry = HandlerSettings { id: "dry".into(), ..handler.clone() };
            let dry = dry.with(|one| {
                one.dry_run = true;
                one.roles = vec!["dry".into()];
            });
            settings.handlers = vec![late, dry];
        })
        .await;
        let alex = server.user("alex", "alex123", &["late", "dry", "other"]).await;
        let tenant = &server.tenant;
        for (role, advance, lives) in
            [("other", 120_000, true), ("dry", 120_000, true), ("late", 120_000, false)]
        {
            let browser = server.signed_in("alex", "alex123").await;
            let role = server.engine.role_named(tenant, role).await.expect("a role");
            let change = RoleChange::Unassign;
            let actor = sojourn_engine::Authority::operator();
            server.engine.change_role(tenant, &role, &alex, change, &actor).await.expect("changed");
            assert_eq!(browser.get("/myaccount").await.status, 200, "nothing at once");
            server.clock.advance(advance);
            eventually("the tasks are done", || async {
                let lag = server.engine.installation().task_lag().await.expect("read");
                (lag.0 == 0).then_some(())
            })
            .await;
            assert_eq!(browser.get("/myaccount").await.status == 200, lives, "{}", role.name);
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn an_end_that_waits_looks_at_the_direction_of_permissions_too() {
    let server = TestServer::with(|settings| {
        let events = vec![EventName::PostUpdatePermissionsForRole];
        let handler = HandlerSettings::session_termination(events, RoleDirection::Removed);
        settings.handlers = vec![handler.with(|one| one.delay_ms = 60_000)];
    })
    .await;
    server.user("alex", "alex123", &["editor"]).await;
    let browser = server.signed_in("alex", "alex123").await;
    let editor = server.engine.role_named(&server.tenant, "editor").await.expect("a role");
    for (permissions, lives) in [("a b", true), ("a", false)] {
        let permissions = Some(permissions.to_owned());
        let write = RoleWrite { permissions, ..RoleWrite::default() };
        let (tenant, actor) = (&server.tenant, sojourn_engine::Authority::operator());
        let changed = server.engine.change_role_set(tenant, editor.id, &write, &actor).await;
        changed.expect("changed");
        server.clock.advance(60_001);
        eventually("the tasks are done", || async {
            let lag = server.engine.installation().task_lag().await.expect("read");
            (lag.0 == 0).then_some(())
        })
        .await;
        assert_eq!(browser.get("/myaccount").await.status == 200, lives);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_handler_that_hangs_holds_up_no_other() {
    let inbox = Inbox::start().await;
    // Takes connections and never says anything.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("its address");
    let held = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            all.push(stream);
        }
    });
    let events = [EventName::PostLockAccount];
    let quick = webhook(&inbox, &events, 3);
    let hanging = Webhook {
        url: format!("http://{address}/hook"),
        secrets: vec![SECRETS[0].to_vec()],
        attempts_max: 3,
    };
    let hanging = HandlerSettings {
        id: "hanging".into(),
        subscriptions: events.to_vec(),
        kind: HandlerKind::Webhook(hanging),
    };
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| settings.handlers = vec![hanging, quick],
        |serve| serve.outgoing.timeout_ms = 600_000,
    )
    .await;
    let many = 40;
    for number in 0..many {
        let name = format!("user{number}");
        server.user(&name, "a word", &[]).await;
        set(&server, &name, UserState::Locked).await;
    }
    assert_eq!(inbox.wait_for_hooks(many).await.len(), many);
    held.abort();
    server.stop().await;
}

#[tokio::test]
async fn the_console_shows_what_a_handler_did_and_does_it_again() {
    let inbox = Inbox::start().await;
    inbox.answer(&[500]);
    let handler = webhook(&inbox, &[EventName::PostLockAccount], 1);
    let server = TestServer::with(|settings| settings.handlers = vec![handler]).await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("alex", "alex123", &[]).await;
    set(&server, "alex", UserState::Locked).await;
    let admin = server.signed_in("admin", "admin12").await;
    let list = eventually("it is parked", || async {
        let page = admin.get("/console/handlers").await;
        page.body.contains("?state=parked").then_some(page)
    })
    .await;
    assert!(list.body.contains("POST_LOCK_ACCOUNT"), "{list:?}");
    let page = admin.get("/console/handlers/directory?state=parked").await;
    assert!(page.body.contains("answered 500"), "{page:?}");
    let form = [
        ("csrf", &*page.field("csrf")),
        ("subject", &*page.field("subject")),
        ("number", &*page.field("number")),
        ("act", "redo"),
    ];
    let done = admin.post("/console/handlers/directory", &form).await;
    assert_eq!(done.status, 303, "{done:?}");
    inbox.wait_for_hooks(2).await;
    eventually("it is done", || async {
        let page = admin.get("/console/handlers/directory").await;
        page.body.contains("state done").then_some(())
    })
    .await;
    // Without the right, neither menu nor page.
    let actor = sojourn_engine::Authority::system();
    let role = server.engine.add_role(&server.tenant, "view", "internal_session_view", &actor);
    role.await.expect("a role");
    server.user("viewer", "viewer1", &["view"]).await;
    let viewer = server.signed_in("viewer", "viewer1").await;
    assert_eq!(viewer.get("/console/handlers").await.status, 403);
    let page = viewer.get("/console/sessions").await;
    assert!(page.status == 200 && !page.body.contains("/console/handlers"), "{page:?}");
    server.stop().await;
}
