//! What provisioning services send, in the shapes that their makers document.

use serde_json::{Value, json};
use sojourn_testkit::server::TestServer;

const ADMIN: (&str, &str) = ("admin", "admin12");
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    server
}

fn patch(operations: Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

#[tokio::test]
async fn users_with_unknown_parts_are_taken_without_them() {
    let server = server().await;
    for (name, body) in [
        (
            "an extension of Entra ID's",
            json!({
                "schemas": [USER, ENTERPRISE, "urn:ietf:params:scim:schemas:extension:contoso:2.0:User"],
                "externalId": "0a21f0f2", "userName": "entra@example.org", "active": true,
                "displayName": "Entra", "name": { "formatted": "En Tra", "givenName": "En", "familyName": "Tra" },
                "emails": [{ "primary": true, "type": "work", "value": "entra@example.org" }],
                "urn:ietf:params:scim:schemas:extension:contoso:2.0:User": { "costCode": "7" },
                "roles": []
            }),
        ),
        (
            "Okta",
            json!({
                "schemas": [USER], "userName": "okta@example.org", "name": { "givenName": "Ok", "familyName": "Ta" },
                "emails": [{ "primary": true, "value": "okta@example.org", "type": "work" }],
                "displayName": "Ok Ta", "locale": "en-US", "externalId": "00ujl29u", "groups": [],
                "password": "1mz050nq-and-more", "active": true
            }),
        ),
        (
            "OneLogin, with active as text",
            json!({
                "schemas": [USER, ENTERPRISE], "userName": "onelogin@example.org", "active": "True",
                "name": { "givenName": "One", "familyName": "Login" },
                "emails": [{ "value": "onelogin@example.org", "type": "work", "primary": true }],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Sales" }
            }),
        ),
        (
            "midPoint, with an unknown attribute",
            json!({
                "schemas": [USER], "userName": "midpoint", "favouriteColour": "green",
                "name": { "givenName": "Mid", "familyName": "Point" }
            }),
        ),
        (
            "Google",
            json!({
                "schemas": [USER, ENTERPRISE, "urn:scim:schemas:extension:google:2.0:User"],
                "userName": "google@example.org", "active": true,
                "name": { "givenName": "Goo", "familyName": "Gle" },
                "urn:scim:schemas:extension:google:2.0:User": { "customSchema": [] }
            }),
        ),
    ] {
        let made = server.send("POST", "/scim2/Users", ADMIN, &body).await;
        assert_eq!(made.status, 201, "{name}: {made:?}");
        let made = made.json();
        assert_eq!(made["userName"], body["userName"], "{name}");
        assert_eq!(made["active"], true, "{name}");
        for unknown in ["favouriteColour", "urn:scim:schemas:extension:google:2.0:User"] {
            assert!(made.get(unknown).is_none(), "{name}: it isn't echoed");
        }
        let schemas = made["schemas"].as_array().expect("schemas");
        assert!(!schemas.iter().any(|one| {
            one.as_str().is_some_and(|one| one.contains("contoso") || one.contains("google"))
        }));
    }
}

#[tokio::test]
async fn patches_of_every_documented_shape_change_what_they_name() {
    let server = server().await;
    let boss = server.user("boss", "boss1234", &[]).await;
    for (name, operations, check) in [
        (
            "Entra ID switches off, as text",
            json!([{ "op": "Replace", "path": "active", "value": "False" }]),
            ("/active", json!(false)),
        ),
        (
            "Okta switches off without a path",
            json!([{ "op": "replace", "value": { "active": false } }]),
            ("/active", json!(false)),
        ),
        (
            "OneLogin's text without a path",
            json!([{ "op": "replace", "value": { "active": "false" } }]),
            ("/active", json!(false)),
        ),
        (
            "a manager without its URN",
            json!([{ "op": "Add", "path": "manager", "value": boss.id.to_string() }]),
            (
                "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager/value",
                json!(boss.id.to_string()),
            ),
        ),
        (
            "a manager by its URN",
            json!([{ "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": boss.id.to_string() }]),
            (
                "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager/value",
                json!(boss.id.to_string()),
            ),
        ),
        (
            "a shown name",
            json!([{ "op": "replace", "path": "displayName", "value": "New" }]),
            ("/displayName", json!("New")),
        ),
        (
            "a mail address by its type",
            json!([{ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "new@example.org" }]),
            ("/emails/0/value", json!("new@example.org")),
        ),
        (
            "several paths as members",
            json!([{ "op": "Add", "value": { "name.givenName": "Di", format!("{ENTERPRISE}:department"): "Sales" } }]),
            ("/name/givenName", json!("Di")),
        ),
        (
            "nothing new",
            json!([{ "op": "replace", "path": "userName", "value": "same" }]),
            ("/userName", json!("same")),
        ),
        (
            "an unknown part beside a good one",
            json!([{ "op": "add", "path": "favouriteColour", "value": "red" }, { "op": "replace", "path": "displayName", "value": "Good" }]),
            ("/displayName", json!("Good")),
        ),
    ] {
        let body = json!({
            "schemas": [USER], "userName": "same", "displayName": "Old", "name": { "givenName": "A", "familyName": "B" },
            "emails": [{ "value": "old@example.org", "type": "work", "primary": true }]
        });
        let made = server.send("POST", "/scim2/Users", ADMIN, &body).await.json();
        let one = format!("/scim2/Users/{}", made["id"].as_str().expect("an id"));
        let changed = server.send("PATCH", &one, ADMIN, &patch(operations)).await;
        assert!([200, 204].contains(&changed.status), "{name}: {changed:?}");
        let now = server.api("GET", &one, ADMIN).await.json();
        let (path, want) = check;
        // A pointer, since the URN has dots and colons alone.
        assert_eq!(now.pointer(path), Some(&want), "{name}: {now}");
        assert_eq!(server.api("DELETE", &one, ADMIN).await.status, 204);
    }
}

#[tokio::test]
async fn filters_and_members_of_every_documented_shape() {
    let server = server().await;
    let body = json!({
        "schemas": [USER], "userName": "dora", "externalId": "x-1", "name": { "familyName": "B" },
        "emails": [{ "value": "dora@example.org", "type": "work", "primary": true }]
    });
    let dora = server.send("POST", "/scim2/Users", ADMIN, &body).await.json();
    let id = dora["id"].as_str().expect("an id").to_owned();
    for filter in [
        "userName eq \"dora\"",
        "externalId eq \"x-1\"",
        "emails[type eq \"work\"].value eq \"dora@example.org\"",
        "emails[type eq \"work\" and value eq \"dora@example.org\"]",
        "emails.value eq \"dora@example.org\"",
        "emails eq \"dora@example.org\"",
        "name.familyName eq \"B\"",
        "active eq true and userName eq \"dora\"",
    ] {
        let query = form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
        let found = server.api("GET", &format!("/scim2/Users?filter={query}"), ADMIN).await;
        assert_eq!(
            (found.status, &found.json()["totalResults"]),
            (200, &json!(1)),
            "{filter}: {found:?}"
        );
    }
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales" });
    let group = server.send("POST", "/scim2/Groups", ADMIN, &group).await.json();
    let one = format!("/scim2/Groups/{}", group["id"].as_str().expect("an id"));
    for (name, operations, members) in [
        (
            "Entra ID adds",
            json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": id }] }]),
            1,
        ),
        (
            "twice",
            json!([{ "op": "add", "path": "members", "value": [{ "value": id, "$ref": format!("https://x/scim2/Users/{id}"), "display": "Dora" }] }]),
            1,
        ),
        (
            "Entra ID removes by value",
            json!([{ "op": "Remove", "path": "members", "value": [{ "value": id }] }]),
            0,
        ),
        (
            "Okta adds without a path",
            json!([{ "op": "add", "value": { "members": [{ "value": id }] } }]),
            1,
        ),
        (
            "Okta removes",
            json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]),
            0,
        ),
        (
            "Okta replaces all",
            json!([{ "op": "replace", "path": "members", "value": [{ "value": id, "display": "dora" }] }]),
            1,
        ),
        (
            "Okta renames with the id",
            json!([{ "op": "replace", "value": { "id": group["id"], "displayName": "Sales 2" } }]),
            1,
        ),
        (
            "nobody is removed twice",
            json!([{ "op": "remove", "path": "members[value eq \"00000000-0000-4000-8000-000000000000\"]" }]),
            1,
        ),
    ] {
        let changed = server.send("PATCH", &one, ADMIN, &patch(operations)).await;
        assert!([200, 204].contains(&changed.status), "{name}: {changed:?}");
        let now = server.api("GET", &one, ADMIN).await.json();
        assert_eq!(now["members"].as_array().map_or(0, Vec::len), members, "{name}: {now}");
    }
}
