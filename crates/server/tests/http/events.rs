//! Every event of the catalogue is raised by the act that it names, and is in the log of what it is about.

use std::collections::HashSet;

use serde_json::json;
use sojourn_engine::Lockout;
use sojourn_model::{EventName, SigningAlg, Subject, UserState};
use sojourn_testkit::server::{Browser, CALLBACK, TestServer};
use sojourn_testkit::store::Engine;

const ADMIN: (&str, &str) = ("admin", "admin12");
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

async fn names(server: &TestServer, subject: Subject) -> Vec<String> {
    let events = server.engine.reads(server.tenant.id).events(subject, 0, 200).await;
    events.expect("read").into_iter().map(|event| event.name).collect()
}

async fn scim(server: &TestServer, method: &str, path: &str, body: serde_json::Value) -> String {
    let answer = server.send(method, path, ADMIN, &body).await;
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
    if answer.body.is_empty() {
        return String::new();
    }
    answer.json()["id"].as_str().unwrap_or_default().to_owned()
}

fn operations(operations: &serde_json::Value) -> serde_json::Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

/// What people do in a browser.
async fn in_browsers(server: &TestServer) -> Browser {
    let shop = server.app("shop", |app| app.settings.first_party = false).await;
    let browser = server.signed_in("alex", "alex123").await;
    assert_eq!(browser.sign_in("alex", "alex123").await.status, 303, "the same person again");
    let page = browser.authorize("shop", "openid", &[]).await;
    let page = browser.get(page.location()).await;
    let form =
        [("csrf", &*page.field("csrf")), ("ticket", &*page.field("ticket")), ("answer", "yes")];
    assert!(page.body.contains("id=\"allow\""), "{page:?}");
    let approved = browser.post("/consent", &form).await;
    assert_eq!(approved.status, 303, "{approved:?}");
    let asked = browser.get(approved.location()).await;
    assert!(asked.location().starts_with(CALLBACK), "{asked:?}");
    server.clock.advance(5_000);
    assert_eq!(browser.get("/identity/extend-session").await.status, 200);
    let alex = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
    let (engine, tenant) = (&server.engine, &server.tenant);
    engine.withdraw_consent(tenant, alex.id, shop.id).await.expect("withdrawn");
    let page = browser.get("/myaccount/password").await;
    let form = [
        ("csrf", &*page.field("csrf")),
        ("current", "alex123"),
        ("new", "another long word"),
        ("again", "another long word"),
    ];
    browser.post("/myaccount/password", &form).await;
    let browser = server.signed_in("alex", "another long word").await;
    server.clock.advance(20 * 60_000);
    assert_eq!(browser.get("/myaccount").await.status, 303, "nobody used it for too long");
    server.signed_in("alex", "another long word").await
}

/// What administrators do to accounts.
async fn by_administrators(server: &TestServer) {
    let (engine, tenant, actor) =
        (&server.engine, &server.tenant, sojourn_engine::Authority::system());
    server.browser().sign_in("alex", "wrong").await;
    let alex = async || engine.user_named(tenant, "alex").await.expect("alex");
    for state in [UserState::Active, UserState::Disabled, UserState::Active] {
        engine.set_user_state(tenant, &alex().await, state, &actor).await.expect("set");
    }
    engine.reset_password(tenant, &alex().await, "a third long word", &actor).await.expect("reset");
    engine.demand_new_password(tenant, &alex().await, &actor).await.expect("demanded");
    engine.rotate_key(tenant, SigningAlg::Es256, &actor).await.expect("a key");
}

#[tokio::test]
async fn every_event_of_the_catalogue_is_raised() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |settings| {
            settings.lockout = Some(Lockout { attempts: 1, unlock_after_ms: None });
        })
        .await;
        server.user("admin", "admin12", &["admin"]).await;
        let alex = server.user("alex", "alex123", &[]).await.id;
        in_browsers(&server).await;
        by_administrators(&server).await;

        let user = format!("/scim2/Users/{alex}");
        let role = json!({ "schemas": ["urn:ietf:params:scim:schemas:extension:2.0:Role"], "displayName": "staff" });
        let role = scim(&server, "POST", "/scim2/v2/Roles", role).await;
        let role_path = format!("/scim2/v2/Roles/{role}");
        let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "post" });
        let group = scim(&server, "POST", "/scim2/Groups", group).await;
        let group_path = format!("/scim2/Groups/{group}");
        let add = |path: &str, id: &str| {
            operations(&json!([{"op": "add", "path": path, "value": [{"value": id}]}]))
        };
        let set = |path: &str, value: &str| {
            operations(&json!([{"op": "replace", "path": path, "value": value}]))
        };
        let id = alex.to_string();
        scim(&server, "PATCH", &user, set("nickName", "Al")).await;
        scim(&server, "PATCH", &user, add("roles", &role)).await;
        scim(&server, "PATCH", &role_path, set("displayName", "people")).await;
        scim(&server, "PATCH", &role_path, add("permissions", "internal_session_view")).await;
        scim(&server, "PATCH", &role_path, add("groups", &group)).await;
        let nobody = operations(&json!([{"op": "remove", "path": "users"}]));
        scim(&server, "PATCH", &role_path, nobody).await;
        scim(&server, "PATCH", &group_path, set("displayName", "mail")).await;
        scim(&server, "PATCH", &group_path, add("members", &id)).await;
        let ben = server.user("ben", "ben-123", &[]).await.id;
        let policy = json!({ "trust_browser_ms": 60_000 });
        scim(&server, "PUT", "/api/sessions/v1/policies/tenant", policy).await;
        crate::factors::everything(&server, ("ben", "ben-123")).await;
        let mut raised: HashSet<String> = HashSet::new();
        raised.extend(names(&server, Subject::User(ben)).await);
        raised.extend(names(&server, Subject::User(alex)).await);
        raised.extend(names(&server, Subject::Role(role.parse().expect("an id"))).await);
        raised.extend(names(&server, Subject::Group(group.parse().expect("an id"))).await);

        let body = json!({ "client_id": "made", "redirect_uris": [CALLBACK] });
        let app = scim(&server, "POST", "/api/server/v1/applications", body).await;
        let path = format!("/api/server/v1/applications/{app}");
        scim(&server, "PATCH", &path, json!({ "client_name": "Made" })).await;
        for path in [&path, &role_path, &group_path, &user] {
            let gone = server.api("DELETE", path, ADMIN).await;
            assert_eq!(gone.status, 204, "{path}: {gone:?}");
        }
        for subject in [
            Subject::User(alex),
            Subject::Role(role.parse().expect("an id")),
            Subject::Group(group.parse().expect("an id")),
            Subject::Application(app.parse().expect("an id")),
            Subject::Tenant(server.tenant.id),
        ] {
            raised.extend(names(&server, subject).await);
        }
        let missing: Vec<&str> = EventName::CATALOGUE
            .iter()
            .map(|(_, name, _)| *name)
            .filter(|name| !raised.contains(*name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        server.stop().await;
    }
}
