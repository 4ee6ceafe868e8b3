//! What somebody with some rights tries in order to get more, to undo what an administrator did, or to hold others up.

use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_model::{ChangeSet, Op, Outcome, Tenant, TenantId, UserState};
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const ADMIN: (&str, &str) = ("admin", "admin12");
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn patch(operations: &Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

async fn role(server: &TestServer, name: &str, permissions: &str) -> String {
    let role =
        server.engine.add_role(&server.tenant, name, permissions, &Authority::system()).await;
    role.expect("a role").id.to_string()
}

#[tokio::test]
async fn lists_without_end_are_refused() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let alex = ("alex", "alex123");
    let many: Vec<String> = (0..20_000).map(|n| format!("a{n}@example.test")).collect();
    let roles: Vec<Value> = (0..5_000).map(|n| json!({ "value": n.to_string() })).collect();
    let long = "x".repeat(70_000);
    for operations in [
        json!([{"op": "add", "path": "emails", "value": many}]),
        json!([{"op": "add", "path": "roles", "value": roles}]),
        json!([{"op": "replace", "path": "title", "value": long}]),
    ] {
        let answer = server.send("PATCH", "/scim2/Me", alex, &patch(&operations)).await;
        assert_eq!((answer.status, &answer.json()["scimType"]), (400, &json!("invalidValue")));
    }
    let one_by_one: Vec<Value> = (0..120)
        .map(|n| json!({"op": "add", "path": "phoneNumbers", "value": [{"value": n.to_string()}]}))
        .collect();
    let answer = server.send("PATCH", "/scim2/Me", alex, &patch(&one_by_one.into())).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    server.stop().await;
}

#[tokio::test]
async fn whoever_manages_users_alone_gives_no_roles() {
    let server = TestServer::start().await;
    role(&server, "desk", "internal_user_mgt").await;
    let approver = role(&server, "approver", "").await;
    let helper = server.user("helper", "helper1", &["desk"]).await;
    let give = patch(&json!([{"op": "add", "path": "roles", "value": [{"value": approver}]}]));
    let path = format!("/scim2/Users/{}", helper.id);
    let answer = server.send("PATCH", &path, ("helper", "helper1"), &give).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let made = json!({
        "schemas": [USER], "userName": "other", "password": "some words here", "roles": [{"value": approver}],
    });
    let answer = server.send("POST", "/scim2/Users", ("helper", "helper1"), &made).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(server.engine.user_named(&server.tenant, "other").await.is_err(), "nothing is left");
    server.stop().await;
}

#[tokio::test]
async fn one_s_own_account_keeps_what_its_administrators_wrote() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let body = json!({
        "schemas": [USER, ENTERPRISE], "userName": "alex", "externalId": "e7", "password": "some words here",
        "userType": "staff", ENTERPRISE: {"department": "Post"},
    });
    assert_eq!(server.send("POST", "/scim2/Users", ADMIN, &body).await.status, 201);
    let alex = ("alex", "some words here");
    let short = json!({ "schemas": [USER], "userName": "alex", "nickName": "Al" });
    let answer = server.send("PUT", "/scim2/Me", alex, &short).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let after = answer.json();
    for (name, value) in [("externalId", "e7"), ("userType", "staff"), ("nickName", "Al")] {
        assert_eq!(after[name], value, "{after}");
    }
    assert_eq!(after[ENTERPRISE]["department"], "Post", "{after}");
    for operation in [
        json!({"op": "remove", "path": "externalId"}),
        json!({"op": "replace", "path": "userType", "value": "boss"}),
        json!({"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Vault"}),
    ] {
        let answer = server.send("PATCH", "/scim2/Me", alex, &patch(&json!([operation]))).await;
        assert_eq!((answer.status, &answer.json()["scimType"]), (400, &json!("mutability")));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_tag_speaks_of_roles_and_a_write_is_always_answered() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let alex = server.user("alex", "alex123", &[]).await;
        let id = role(&server, "editor", "").await;
        let (user, of_role) =
            (format!("/scim2/Users/{}", alex.id), format!("/scim2/v2/Roles/{id}"));
        let read = server.api("GET", &user, ADMIN).await;
        let shown = server.api("GET", &of_role, ADMIN).await;
        let editor = server.engine.role_named(&server.tenant, "editor").await.expect("it is there");
        let give = sojourn_engine::directory::RoleChange::Assign;
        let given = server
            .engine
            .change_role(&server.tenant, &editor, &alex, give, &Authority::system())
            .await;
        given.expect("given");
        let put = json!({ "schemas": [USER], "userName": "alex" });
        let late = server.send_if_match("PUT", &user, ADMIN, (read.header("etag"), &put)).await;
        assert_eq!(late.status, 412, "the user has another role: {late:?}");
        let none = json!({
            "schemas": ["urn:ietf:params:scim:schemas:extension:2.0:Role"], "displayName": "editor",
        });
        let late =
            server.send_if_match("PUT", &of_role, ADMIN, (shown.header("etag"), &none)).await;
        assert_eq!(late.status, 412, "the role has another member: {late:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_demand_for_another_password_holds_for_apis_at_once() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    let who = ("alex", "alex123");
    assert_eq!(server.api("GET", "/scim2/Me", who).await.status, 200);
    let demand =
        server.engine.demand_new_password(&server.tenant, &alex, &Authority::system()).await;
    demand.expect("demanded");
    assert_eq!(server.api("GET", "/scim2/Me", who).await.status, 401);
    server.stop().await;
}

/// What was decided on an account as it was doesn't undo what happened to it since.
#[tokio::test]
async fn a_late_decision_undoes_nothing() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        let tenant = &server.tenant;
        let alex = server.user("alex", "alex123", &[]).await;
        let off = UserState::Disabled;
        server.engine.set_user_state(tenant, &alex, off, &Authority::system()).await.expect("off");
        let epoch = Some(alex.epoch);
        let (user, hash) = (alex.id, "another".to_owned());
        for late in [
            Op::SetUserState { user, state: UserState::Active, unlock_at: None, epoch },
            Op::SetPassword { user, hash, epoch },
        ] {
            let outcome = server.store.apply(ChangeSet::of(tenant.id, late)).await;
            assert_eq!(outcome, Ok(Outcome::Conflict));
        }
        let now = server.engine.user_named(tenant, "alex").await.expect("alex");
        assert_eq!((now.state, now.password_hash), (off, alex.password_hash));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_change_of_an_application_relies_on_what_was_read() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let body = json!({ "client_id": "shop", "redirect_uris": ["https://shop.test/cb"] });
        let made = server.send("POST", "/api/server/v1/applications", ADMIN, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        let read = server.store.application(server.tenant.id, id.parse().expect("an id")).await;
        let read = read.expect("read").expect("it is there");
        let path = format!("/api/server/v1/applications/{id}");
        let secret = server.send("POST", &format!("{path}/secret"), ADMIN, &json!({})).await;
        assert_eq!(secret.status, 200, "{secret:?}");
        let late = Op::UpdateApplication(Box::new(read.clone()));
        let outcome = server.store.apply(ChangeSet::of(server.tenant.id, late)).await;
        assert_eq!(outcome, Ok(Outcome::Conflict), "the old secret doesn't come back");
        assert_eq!(server.api("DELETE", &path, ADMIN).await.status, 204);
        let late = Op::UpdateApplication(Box::new(read));
        let outcome = server.store.apply(ChangeSet::of(server.tenant.id, late)).await;
        assert_eq!(outcome, Ok(Outcome::Conflict), "nor does what was removed");
        let taken = server.send("POST", "/api/server/v1/applications", ADMIN, &body).await;
        assert_eq!(taken.status, 201, "its name is free again: {taken:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_tenant_is_made_whole_or_not_and_its_number_is_never_given_again() {
    const TENANTS: &str = "/api/server/v1/tenants";
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let body = |name: &str, password: &str| {
            let owner = json!([{ "username": name, "password": password, "email": "o@acme.test" }]);
            json!({ "domain": "acme", "owners": owner })
        };
        for (name, password) in
            [("o\u{200b}lga", "a long word of olga"), ("olga", "short"), ("olga", "password")]
        {
            let answer = server.send("POST", TENANTS, ADMIN, &body(name, password)).await;
            assert_eq!(answer.status, 400, "{answer:?}");
            assert!(server.engine.tenant("acme").await.is_err(), "nothing is left of it");
        }
        let answer =
            server.send("POST", TENANTS, ADMIN, &body("olga", "a long word of olga")).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let first = server.engine.tenant("acme").await.expect("acme");
        // As if an erasure had just begun, whose worker hasn't come yet.
        let path = format!("{TENANTS}/{}", answer.json()["id"].as_str().expect("an id"));
        assert_eq!(server.api("DELETE", &path, ADMIN).await.status, 202);
        let on = server.engine.set_tenant_enabled(&first, true, &Authority::system()).await;
        let again = server.engine.remove_tenant(&first, &Authority::system()).await;
        assert!(on.is_err() && again.is_err(), "what is going doesn't come back: {on:?} {again:?}");
        sojourn_testkit::program::eventually("the tenant is gone", || async {
            (server.api("GET", &path, ADMIN).await.status == 404).then_some(())
        })
        .await;
        let answer =
            server.send("POST", TENANTS, ADMIN, &body("olga", "a long word of olga")).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        // A name may be known as what it was for a second.
        server.clock.advance(2_000);
        let second: Tenant = server.engine.tenant("acme").await.expect("acme");
        assert_eq!(second.id, TenantId(first.id.0 + 1));
        let answer = server.browser().sign_in_at("/t/acme/login", "nobody", "wrong", false).await;
        assert_eq!(answer.status, 401, "as for anyone who is there");
        server.stop().await;
    }
}

#[tokio::test]
async fn groups_of_a_member_are_found_without_reading_the_others() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let alex = server.user("alex", "alex123", &[]).await;
    let ben = server.user("ben", "ben1234", &[]).await;
    let member = |id: sojourn_model::UserId| json!({ "value": id.to_string() });
    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    for (name, members) in [
        ("both", json!([member(alex.id), member(ben.id)])),
        ("alex alone", json!([member(alex.id)])),
        ("ben alone", json!([member(ben.id)])),
    ] {
        let body = json!({ "schemas": [group], "displayName": name, "members": members });
        assert_eq!(server.send("POST", "/scim2/Groups", ADMIN, &body).await.status, 201);
    }
    for (filter, expected) in [
        (format!("members eq \"{}\"", alex.id), vec!["alex alone", "both"]),
        (format!("members eq \"{}\" and displayName sw \"b\"", alex.id), vec!["both"]),
        (format!("members eq \"{}\" and members eq \"{}\"", alex.id, ben.id), vec!["both"]),
        (
            format!("members eq \"{}\" and not (members eq \"{}\")", alex.id, ben.id),
            vec!["alex alone"],
        ),
    ] {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let path = format!("/scim2/Groups?filter={filter}&attributes=displayName");
        let found = server.api("GET", &path, ADMIN).await.json();
        let all = found["Resources"].as_array().expect("a list").iter();
        let names: Vec<&str> = all.filter_map(|one| one["displayName"].as_str()).collect();
        assert_eq!(names, expected, "{filter}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_operation_of_a_bulk_request_finds_the_one_it_names() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let new = |bulk_id: &str| {
        json!({
            "method": "POST", "path": "/Users", "bulkId": bulk_id,
            "data": { "schemas": [USER], "userName": format!("user-{bulk_id}") },
        })
    };
    let change = json!({
        "method": "PATCH", "path": "/Users/bulkId:ab",
        "data": patch(&json!([{"op": "add", "path": "nickName", "value": "it"}])),
    });
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [new("a"), new("ab"), change],
    });
    let answer = server.send("POST", "/scim2/Bulk", ADMIN, &body).await;
    assert_eq!(answer.json()["Operations"][2]["status"], "200", "{answer:?}");
    let user = server.engine.user_named(&server.tenant, "user-ab").await.expect("made");
    assert!(user.profile.contains("\"it\""), "{user:?}");
    server.stop().await;
}
