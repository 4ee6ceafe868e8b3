//! SCIM over HTTP: people, groups and roles are read and written, and what a write does to sessions follows.

use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_model::{EventName, Subject, UserState};
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::server::{Answer, TestServer};
use sojourn_testkit::store::Engine;

const ADMIN: (&str, &str) = ("admin", "admin12");
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ROLE: &str = "urn:ietf:params:scim:schemas:extension:2.0:Role";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn patch(operations: &Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().expect("an id").to_owned()
}

async fn made(server: &TestServer, path: &str, body: &Value) -> Answer {
    let answer = server.send("POST", path, ADMIN, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer
}

#[tokio::test]
async fn a_user_is_made_read_changed_and_removed() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let body = json!({
            "schemas": [USER, ENTERPRISE], "userName": "alex", "displayName": "Alex", "externalId": "e7",
            "password": "a long enough word", "name": {"givenName": "Alex", "familyName": "Example"},
            "emails": [{"value": "alex@example.test", "type": "work", "primary": true}],
            ENTERPRISE: {"department": "Post"},
        });
        let answer = made(&server, "/scim2/Users", &body).await;
        let shown = answer.json();
        assert_eq!(answer.header("content-type"), "application/scim+json");
        assert_eq!(Some(answer.header("location")), shown["meta"]["location"].as_str());
        assert_eq!(Some(answer.header("etag")), shown["meta"]["version"].as_str());
        assert!(shown.get("password").is_none(), "{shown}");
        let path = format!("/scim2/Users/{}", id(&answer));
        let read = server.api("GET", &path, ADMIN).await;
        assert_eq!(read.json(), shown, "what was answered is what is there");
        let again = server.send("POST", "/scim2/Users", ADMIN, &body).await;
        assert_eq!((again.status, &again.json()["scimType"]), (409, &json!("uniqueness")));

        server.signed_in("alex", "a long enough word").await;
        let some = server.api("GET", &format!("{path}?attributes=userName"), ADMIN).await.json();
        assert_eq!(some.as_object().map(serde_json::Map::len), Some(3), "{some}");

        // What a replacement leaves out is gone, but neither state nor password.
        let short = json!({ "schemas": [USER], "userName": "alex", "nickName": "Al" });
        let etag = shown["meta"]["version"].as_str().expect("a version");
        let put = server.send_if_match("PUT", &path, ADMIN, (etag, &short)).await;
        assert_eq!(put.status, 200, "{put:?}");
        let after = put.json();
        assert_eq!((&after["nickName"], &after["active"]), (&json!("Al"), &json!(true)));
        assert!(after.get("emails").is_none() && after.get(ENTERPRISE).is_none(), "{after}");
        let stale = server.send_if_match("PUT", &path, ADMIN, (etag, &short)).await;
        assert_eq!(stale.status, 412);
        let browser = server.signed_in("alex", "a long enough word").await;

        let off = patch(&json!([
            {"op": "replace", "path": "active", "value": false},
            {"op": "add", "path": "emails[type eq \"home\"].value", "value": "al@home.test"},
            {"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": "someone"}},
        ]));
        let patched = server.send("PATCH", &path, ADMIN, &off).await;
        assert_eq!(patched.status, 200, "{patched:?}");
        let patched = patched.json();
        assert_eq!(
            (&patched["active"], &patched["emails"][0]["type"]),
            (&json!(false), &json!("home"))
        );
        assert_eq!(patched[ENTERPRISE]["manager"]["value"], "someone");
        let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
        assert_eq!(user.state, UserState::Disabled);
        assert_eq!(browser.get("/myaccount").await.status, 303, "switched off, it is over");
        let store = server.engine.reads(server.tenant.id);
        let events = store.events(Subject::User(user.id), 0, 99).await;
        let names: Vec<String> = events.expect("read").into_iter().map(|one| one.name).collect();
        for name in [EventName::PostSetUserClaims, EventName::PostDisableAccount] {
            assert!(names.iter().any(|one| one == name.as_str()), "{name:?} of {names:?}");
        }
        let gone = server.api("DELETE", &path, ADMIN).await;
        assert_eq!(gone.status, 204);
        for method in ["GET", "DELETE"] {
            let answer = server.api(method, &path, ADMIN).await;
            assert_eq!((answer.status, &answer.json()["status"]), (404, &json!("404")));
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn passwords_follow_the_rules_and_hashes_come_from_elsewhere() {
    let server = TestServer::with(|settings| settings.password_rules.length_alone = Some(8)).await;
    server.user("admin", "admin12", &["admin"]).await;
    let with = |name: &str, password: &str| json!({ "schemas": [USER], "userName": name, "password": password });
    for (password, why) in [("short", "8 characters"), ("password1", "easy to guess")] {
        let answer = server.send("POST", "/scim2/Users", ADMIN, &with("alex", password)).await;
        assert_eq!(answer.status, 400, "{password}");
        assert!(answer.json()["detail"].as_str().is_some_and(|text| text.contains(why)));
    }
    // bcrypt, cost 4, of "a word from elsewhere", as another program made it.
    let hash = "$2b$04$abcdefghijklmnopqrstuu4psvXgZ2GGeum5qiRV/X1ib/X3FpaW6";
    let answer = server.send("POST", "/scim2/Users", ADMIN, &with("bo", hash)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let user = server.engine.user_named(&server.tenant, "bo").await.expect("bo");
    assert_eq!(user.password_hash.as_deref(), Some(hash));
    server.signed_in("bo", "a word from elsewhere").await;
    let path = format!("/scim2/Users/{}", id(&answer));
    let set = patch(&json!([{"op": "replace", "path": "password", "value": "another long word"}]));
    let answer = server.send("PATCH", &path, ADMIN, &set).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    server.signed_in("bo", "another long word").await;
    server.stop().await;
}

async fn names(server: &TestServer, query: &str) -> Vec<String> {
    let answer = server.api("GET", &format!("/scim2/Users?{query}"), ADMIN).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    let body = answer.json();
    let all = body["Resources"].as_array().expect("a list").iter();
    all.map(|one| one["userName"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn lists_filter_sort_and_page() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        for name in ["cleo", "alex", "Bo", "dana", "alexis"] {
            server.clock.advance(1_000);
            server.user(name, "a word", &[]).await;
        }
        for (query, want) in [
            ("filter=userName%20eq%20%22ALEX%22", vec!["alex"]),
            (
                "filter=userName%20sw%20%22al%22&sortBy=userName&sortOrder=descending",
                vec!["alexis", "alex"],
            ),
            (
                "filter=emails%20co%20%22exam%22%20and%20not%20(userName%20sw%20%22a%22)",
                vec!["cleo", "Bo", "dana"],
            ),
            ("filter=emails.value%20eq%20%22bo@example.test%22", vec!["Bo"]),
            ("filter=nickName%20pr", vec![]),
            ("sortBy=userName&count=2", vec!["admin", "alex"]),
            ("sortBy=userName&startIndex=3&count=2", vec!["alexis", "Bo"]),
            ("sortBy=displayName&sortOrder=descending&count=1", vec!["dana"]),
            ("count=2&startIndex=2", vec!["cleo", "alex"]),
            ("count=0", vec![]),
        ] {
            assert_eq!(names(&server, query).await, want, "{query}");
        }
        let page = server.api("GET", "/scim2/Users?count=2", ADMIN).await.json();
        assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(6), &json!(2)));
        // By cursor: every user once, in the order of age and of names, filtered or not.
        for (query, want) in [
            ("count=2", vec!["admin", "cleo", "alex", "Bo", "dana", "alexis"]),
            (
                "count=4&sortBy=userName&sortOrder=descending",
                vec!["dana", "cleo", "Bo", "alexis", "alex", "admin"],
            ),
            ("count=2&filter=userName%20co%20%22a%22", vec!["admin", "alex", "dana", "alexis"]),
            ("count=1&filter=userName%20sw%20%22al%22", vec!["alex", "alexis"]),
            ("count=2&sortBy=displayName", vec!["admin", "alex", "alexis", "Bo", "cleo", "dana"]),
        ] {
            let (mut all, mut cursor) = (Vec::new(), String::new());
            for _ in 0..9 {
                let path = format!("/scim2/Users?{query}&cursor={cursor}");
                let answer = server.api("GET", &path, ADMIN).await;
                assert_eq!(answer.status, 200, "{path}: {answer:?}");
                let body = answer.json();
                let some = body["Resources"].as_array().expect("a list").clone();
                all.extend(
                    some.iter().map(|one| one["userName"].as_str().expect("a name").to_owned()),
                );
                match body["nextCursor"].as_str() {
                    Some(next) => cursor = next.to_owned(),
                    None => {
                        cursor.clear();
                        break;
                    }
                }
            }
            assert!(cursor.is_empty(), "{query}: it ends");
            assert_eq!(all, want, "{query}");
        }
        let first = server.api("GET", "/scim2/Users?count=1&cursor", ADMIN).await.json();
        let cursor = first["nextCursor"].as_str().expect("more");
        for (query, kind) in [
            (format!("cursor={cursor}&sortBy=userName"), "invalidCursor"),
            ("cursor=soj_cu_x".to_owned(), "invalidCursor"),
            ("filter=userName%20xx%20%22a%22".to_owned(), "invalidFilter"),
            ("filter=nothing%20eq%20%22a%22".to_owned(), "invalidFilter"),
            ("sortBy=nothing".to_owned(), "invalidPath"),
            ("count=x".to_owned(), "invalidValue"),
        ] {
            let answer = server.api("GET", &format!("/scim2/Users?{query}"), ADMIN).await;
            assert_eq!((answer.status, &answer.json()["scimType"]), (400, &json!(kind)), "{query}");
        }
        let search = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": "displayName sw \"a\"", "attributes": ["displayName"],
        });
        let found = server.send("POST", "/scim2/.search", ADMIN, &search).await.json();
        assert_eq!(found["totalResults"], 4, "three users and the role 'admin': {found}");
        server.stop().await;
    }
}

#[tokio::test]
async fn groups_and_roles_change_who_may_what_and_sessions_follow() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let uri = inbox.uri();
        server.app("app", |app| app.backchannel_logout_uri = Some(uri)).await;
        let alex = server.user("alex", "alex123", &[]).await.id.to_string();
        let role = json!({
            "schemas": [ROLE], "displayName": "staff", "permissions": [{"value": "internal_session_view"}],
        });
        let role = made(&server, "/scim2/v2/Roles", &role).await;
        let role_path = format!("/scim2/v2/Roles/{}", id(&role));
        let group =
            json!({ "schemas": [GROUP], "displayName": "post", "members": [{"value": alex}] });
        let group = made(&server, "/scim2/Groups", &group).await;
        assert_eq!(group.json()["members"][0]["display"], "alex the tester");
        let group_path = format!("/scim2/Groups/{}", id(&group));
        let user_path = format!("/scim2/Users/{alex}");
        let (role, group) = (id(&role), id(&group));

        // Each way by which Alex loses the role ends the session that there is, and tells the application.
        let assign = patch(&json!([{"op": "add", "path": "roles", "value": [{"value": role}]}]));
        let in_role = patch(&json!([{"op": "add", "path": "users", "value": [{"value": alex}]}]));
        let carry = patch(&json!([{"op": "add", "path": "groups", "value": [{"value": group}]}]));
        let by = |path: &str| patch(&json!([{"op": "remove", "path": path}]));
        let ways: Vec<(&str, &Value, &str, Value)> = vec![
            (&user_path, &assign, &user_path, by(&format!("roles[value eq \"{role}\"]"))),
            (&role_path, &in_role, &role_path, by(&format!("users[value eq \"{alex}\"]"))),
            (&role_path, &carry, &group_path, by(&format!("members[value eq \"{alex}\"]"))),
        ];
        for (number, (given_at, given, taken_at, taken)) in ways.iter().enumerate() {
            let answer = server.send("PATCH", given_at, ADMIN, given).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let shown = server.api("GET", &user_path, ADMIN).await.json();
            let member = json!([{
                "value": group, "$ref": format!("{}/scim2/Groups/{group}", server.base),
                "display": "post", "type": "direct",
            }]);
            assert_eq!(shown["groups"], member);
            // Exactly the parts of RFC 7643 §4.1.2: clients with a class for each refuse others.
            let held = json!([{ "value": role, "display": "staff" }]);
            assert!(shown["roles"] == held || number == 2, "{shown}");
            let browser = server.signed_in("alex", "alex123").await;
            let tokens = server.tokens(&browser, "app", "openid").await;
            let answer = server.send("PATCH", taken_at, ADMIN, taken).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let access = tokens["access_token"].as_str().expect("a token");
            assert!(!server.active("app", access).await, "way {number}");
            assert_eq!(browser.get("/myaccount").await.status, 303, "way {number}");
            inbox.wait_for(number + 1).await;
            let rights = server.engine.rights_of_user(server.tenant.id, alex.parse().expect("id"));
            assert!(!rights.await.expect("read").has(sojourn_engine::Right::SessionView));
        }
        let back = patch(&json!([{"op": "add", "path": "members", "value": [{"value": alex}]}]));
        server.send("PATCH", &group_path, ADMIN, &back).await;
        let browser = server.signed_in("alex", "alex123").await;
        let mine = server.api("GET", &user_path, ADMIN).await.json();
        assert_eq!(mine["groups"][0]["display"], "post");
        assert_eq!(server.api("DELETE", &group_path, ADMIN).await.status, 204);
        assert_eq!(
            browser.get("/myaccount").await.status,
            303,
            "the group that carried it is gone"
        );
        server.send("PATCH", &user_path, ADMIN, &assign).await;
        let browser = server.signed_in("alex", "alex123").await;
        assert_eq!(server.api("DELETE", &role_path, ADMIN).await.status, 204);
        assert_eq!(browser.get("/myaccount").await.status, 303, "the role is gone");
        server.stop().await;
    }
}

#[tokio::test]
async fn nobody_gives_what_they_have_not_nor_touches_who_has_more() {
    let server = TestServer::start().await;
    let admin = server.user("admin", "admin12", &["admin"]).await;
    let scopes = "internal_user_mgt internal_group_mgt internal_role_mgt";
    let system = Authority::system();
    let help = server.engine.add_role(&server.tenant, "help", scopes, &system);
    help.await.expect("a role");
    let helper = server.user("helper", "helper1", &["help"]).await;
    let plain = server.user("plain", "plain12", &[]).await;
    let role = server.engine.role_named(&server.tenant, "admin").await.expect("admin");
    let who = ("helper", "helper1");
    let give =
        patch(&json!([{"op": "add", "path": "roles", "value": [{"value": role.id.to_string()}]}]));
    let word =
        patch(&json!([{"op": "replace", "path": "password", "value": "quite another word"}]));
    let join =
        patch(&json!([{"op": "add", "path": "users", "value": [{"value": plain.id.to_string()}]}]));
    let wide =
        json!({"schemas": [ROLE], "displayName": "wide", "permissions": [{"value": "internal_*"}]});
    let more = patch(
        &json!([{"op": "add", "path": "permissions", "value": [{"value": "internal_config_update"}]}]),
    );
    let help = server.engine.role_named(&server.tenant, "help").await.expect("help");
    let user = |id: sojourn_model::UserId| format!("/scim2/Users/{id}");
    let role_at = |id: sojourn_model::RoleId| format!("/scim2/v2/Roles/{id}");
    for (method, path, body) in [
        ("PATCH", user(helper.id), &give),
        ("PATCH", user(plain.id), &give),
        ("PATCH", user(admin.id), &word),
        ("DELETE", user(admin.id), &word),
        ("PATCH", role_at(role.id), &join),
        ("DELETE", role_at(role.id), &join),
        ("POST", "/scim2/v2/Roles".into(), &wide),
        ("PATCH", role_at(help.id), &more),
    ] {
        let answer = server.send(method, &path, who, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    assert_eq!(server.send("PATCH", &user(plain.id), who, &word).await.status, 200);
    let of_all = patch(&json!([{"op": "replace", "path": "displayName", "value": "boss"}]));
    let answer = server.send("PATCH", &role_at(role.id), ADMIN, &of_all).await;
    assert_eq!((answer.status, &answer.json()["scimType"]), (400, &json!("mutability")));
    // Without the right nothing is read either.
    let nobody = ("plain", "quite another word");
    for path in ["/scim2/Users", &user(helper.id), "/scim2/Groups", "/scim2/v2/Roles"] {
        assert_eq!(server.api("GET", path, nobody).await.status, 403, "{path}");
    }
    let me = server.api("GET", "/scim2/Me", nobody).await;
    assert_eq!((me.status, &me.json()["userName"]), (200, &json!("plain")));
    let nick = patch(&json!([{"op": "add", "path": "nickName", "value": "P"}]));
    assert_eq!(server.send("PATCH", "/scim2/Me", nobody, &nick).await.status, 200);
    for (path, value) in [
        ("userName", json!("root")),
        ("active", json!(false)),
        ("roles", json!([{"value": role.id.to_string()}])),
    ] {
        let wrong = patch(&json!([{"op": "replace", "path": path, "value": value}]));
        let answer = server.send("PATCH", "/scim2/Me", nobody, &wrong).await;
        assert_eq!(
            (answer.status, &answer.json()["scimType"]),
            (400, &json!("mutability")),
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_bulk_request_does_what_it_can_in_an_order_that_works() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
                "schemas": [GROUP], "displayName": "post", "members": [{"value": "bulkId:u"}]}},
            {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"schemas": [USER], "userName": "alex"}},
            {"method": "PATCH", "path": "/Users/bulkId:u", "data": {"schemas": [PATCH], "Operations": [
                {"op": "add", "path": "nickName", "value": "Al"}]}},
            {"method": "POST", "path": "/Users", "bulkId": "x", "data": {"schemas": [USER], "userName": "a\u{200b}b"}},
            {"method": "DELETE", "path": "/Users/00000000-0000-4000-8000-000000000000"},
            {"method": "POST", "path": "/Groups", "bulkId": "h", "data": {
                "schemas": [GROUP], "displayName": "x", "members": [{"value": "bulkId:nobody"}]}},
        ],
    });
    let answer = server.send("POST", "/scim2/Bulk", ADMIN, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let of = |key: &str| -> Value {
        let all = body["Operations"].as_array().expect("a list");
        all.iter().find(|one| one["bulkId"] == key).cloned().unwrap_or_default()
    };
    assert_eq!((&of("u")["status"], &of("g")["status"]), (&json!("201"), &json!("201")), "{body}");
    assert_eq!((&of("x")["status"], &of("h")["status"]), (&json!("400"), &json!("409")), "{body}");
    let group = server.engine.group_named(&server.tenant, "post").await.expect("made");
    let members = server.engine.all_group_members(&server.tenant, group.id).await.expect("read");
    let alex = server.engine.user_named(&server.tenant, "alex").await.expect("made");
    assert_eq!(members, [alex.id]);
    assert!(alex.profile.contains("\"nickname\":\"Al\""), "{}", alex.profile);
    server.stop().await;
}

#[tokio::test]
async fn another_tenant_has_neither_users_nor_groups_of_this_one() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let alex = server.user("alex", "alex123", &[]).await;
    let group = json!({ "schemas": [GROUP], "displayName": "post" });
    let group = id(&made(&server, "/scim2/Groups", &group).await);
    let other = server.second_tenant("acme").await;
    server.user_in(&other, "admin", "admin12", &["admin"]).await;
    for path in [format!("Users/{}", alex.id), format!("Groups/{group}")] {
        for method in ["GET", "DELETE"] {
            let answer = server.api(method, &format!("/t/acme/scim2/{path}"), ADMIN).await;
            assert_eq!(answer.status, 404, "{method} {path}");
        }
    }
    let join = json!({ "schemas": [GROUP], "displayName": "x", "members": [{"value": alex.id.to_string()}] });
    let answer = server.send("POST", "/t/acme/scim2/Groups", ADMIN, &join).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let base = server.api("GET", "/t/acme/scim2/ServiceProviderConfig", ADMIN).await.json();
    let location = base["meta"]["location"].as_str().expect("a place");
    assert!(location.ends_with("/t/acme/scim2/ServiceProviderConfig"), "{location}");
    server.stop().await;
}
