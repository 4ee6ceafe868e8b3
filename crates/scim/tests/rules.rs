//! Rules at their bounds and in each of their forms: filters, changes, members, what is read, and what is published.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use serde_json::{Value, json};
use sojourn_model::{TenantId, User, UserId};
use sojourn_scim::patch::{PATCH_SCHEMA, apply, operations};
use sojourn_scim::schema::{Custom, ENTERPRISE, GROUP, Kind, OPENID, USER};
use sojourn_scim::{
    Filter, Literal, Members, Operator, Path, Projection, Resource, ResourceType, ScimError,
    evaluate, members, resource, schema, user,
};

fn custom() -> ResourceType {
    let one = |name: &str, kind| Custom {
        name: name.into(),
        description: format!("What {name} is."),
        kind,
        multi_valued: name == "tags",
        required: name == "level",
    };
    schema::user(&[
        one("level", Kind::Integer),
        one("tags", Kind::String),
        one("vip", Kind::Boolean),
        one("joined", Kind::DateTime),
    ])
}

fn of(value: &Value) -> Resource {
    value.as_object().cloned().expect("an object")
}

fn somebody() -> Resource {
    of(&json!({
        "userName": "alex", "active": true,
        "emails": [{"value": "w@x.test", "type": "work", "primary": true}, {"value": "h@x.test"}],
        "urn:sojourn:schemas:extension:custom:2.0:User":
            {"level": 5, "vip": false, "joined": "2026-01-02T00:00:00Z"},
        ENTERPRISE: {"manager": {"value": "m1"}},
    }))
}

#[test]
fn filters_hold_as_their_operators_say() {
    let of_users = custom();
    for (filter, want) in [
        ("level eq 5", true),
        ("level ne 5", false),
        ("level ne 6", true),
        ("level gt 4", true),
        ("level gt 5", false),
        ("level ge 5", true),
        ("level ge 6", false),
        ("level lt 6", true),
        ("level lt 5", false),
        ("level le 5", true),
        ("level le 4", false),
        ("vip eq false", true),
        ("vip eq \"FALSE\"", true),
        ("vip eq \"true\"", false),
        ("vip ne true", true),
        ("vip eq null", false),
        ("nickName eq null", true),
        ("nickName ne null", false),
        ("nickName ne \"x\"", true),
        ("joined gt \"2026-01-01T00:00:00Z\"", true),
        ("joined le \"2026-01-01T00:00:00Z\"", false),
        ("joined eq \"2026-01-02T01:00:00+01:00\"", true),
        ("userName sw \"AL\"", true),
        ("userName ew \"ex\"", true),
        ("userName co \"le\"", true),
        ("userName co \"xx\"", false),
        ("userName gt \"alaa\"", true),
        ("userName lt \"alaa\"", false),
        ("emails eq \"h@x.test\"", true),
        ("emails[type eq \"work\" and value sw \"w\"]", true),
        ("emails[type eq \"work\" and value sw \"h\"]", false),
        ("emails[not (type pr)]", true),
        ("emails[not (value pr)]", false),
        ("emails[type eq \"work\"].value eq \"w@x.test\"", true),
        ("emails[type eq \"work\"].value eq \"h@x.test\"", false),
        ("not (userName pr)", false),
        ("(userName pr) and (level eq 1 or vip eq false)", true),
        ("manager eq \"m1\"", true),
    ] {
        let parsed = Filter::parse(filter).expect(filter);
        evaluate::check(&of_users, &parsed).expect(filter);
        assert_eq!(evaluate::passes(&of_users, &somebody(), &parsed), want, "{filter}");
    }
    for (filter, said) in [
        ("level eq \"five\"", "can't be compared so with 'eq'"),
        ("vip gt true", "with 'gt'"),
        ("vip eq \"perhaps\"", "with 'eq'"),
        ("level gt null", "with 'gt'"),
        ("joined co \"2026-01-01T00:00:00Z\"", "with 'co'"),
        ("joined eq \"yesterday\"", "with 'eq'"),
        ("name eq \"x\"", "has parts"),
    ] {
        let parsed = Filter::parse(filter).expect(filter);
        let refused = evaluate::check(&of_users, &parsed).expect_err(filter);
        assert!(refused.detail.contains(said), "{filter}: {}", refused.detail);
    }
}

#[test]
fn filters_are_read_to_their_limits() {
    let nested = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    let within = |depth: usize| format!("{}a pr{}", "not (".repeat(depth), ")".repeat(depth));
    let deepest = (0..200).take_while(|depth| Filter::parse(&nested(*depth)).is_ok()).last();
    let deepest = deepest.expect("a limit");
    assert_eq!(deepest, 16);
    assert!(
        Filter::parse(&within(deepest)).is_ok() && Filter::parse(&within(deepest + 1)).is_err()
    );
    let grouped = format!("{}a[b pr]{}", "(".repeat(deepest - 1), ")".repeat(deepest - 1));
    assert!(Filter::parse(&grouped).is_ok());
    let grouped = format!("{}a[b pr]{}", "(".repeat(deepest), ")".repeat(deepest));
    assert!(Filter::parse(&grouped).is_err(), "a group of parts is a level as well");
    let several = |count: usize| vec!["a pr"; count].join(" or ");
    let most = (1..1000).take_while(|count| Filter::parse(&several(*count)).is_ok()).last();
    let most = most.expect("a limit");
    assert_eq!(most, 32);
    let long = |length: usize| format!("a eq \"{}\"", "x".repeat(length - 7));
    let longest = (1..).map(|n| n * 1024).take_while(|n| Filter::parse(&long(*n)).is_ok()).last();
    let longest = longest.expect("a limit");
    assert_eq!(longest, 4096);
    assert!(Filter::parse(&long(longest + 1)).is_err());
    for (text, value) in [
        ("a eq Mozilla/5.0[en]", Literal::Text("Mozilla/5.0[en]".into())),
        ("a eq \"x]y\"", Literal::Text("x]y".into())),
        ("a eq 5", Literal::Number(5)),
        ("a eq true", Literal::Flag(true)),
        ("a eq null", Literal::Null),
    ] {
        let parsed = Filter::parse(text).expect(text);
        assert_eq!(parsed.comparisons().iter().map(|one| &one.value).collect::<Vec<_>>(), [&value]);
    }
    let parsed = Filter::parse("a eq 1 and not (b eq 2) and c[d eq 3] and (e eq 4 or f pr)");
    let parsed = parsed.expect("a filter");
    let names: Vec<&str> = parsed.comparisons().iter().map(|one| &*one.attribute).collect();
    assert_eq!(names, ["a", "b", "e"]);
    assert_eq!((Operator::Sw.name(), Operator::parse("SW")), ("sw", Some(Operator::Sw)));
    for wrong in ["a[b eq 1", "a eq 1)", "(a eq 1", "a[b eq 1]c", "a eq (", "a eq \"x", "[a pr]"] {
        assert!(Filter::parse(wrong).is_err(), "{wrong}");
    }
}

fn changed(type_of: &ResourceType, before: &Value, operation: Value) -> Result<Value, ScimError> {
    let mut resource = of(before);
    let body = json!({"schemas": [PATCH_SCHEMA], "Operations": [operation]});
    for operation in operations(type_of, &body)? {
        apply(&mut resource, &operation)?;
    }
    Ok(resource.into())
}

#[test]
fn changes_of_each_form() {
    let users = custom();
    let before = json!({
        "userName": "alex", "name": {"givenName": "A", "familyName": "B"},
        "emails": [{"value": "w", "type": "work"}, {"value": "h", "type": "home"}],
        ENTERPRISE: {"department": "d", "division": "v"},
    });
    let with = |name: &str, value: Value| {
        let mut all = of(&before);
        match value.is_null() {
            true => all.remove(name),
            false => all.insert(name.into(), value),
        };
        Value::Object(all)
    };
    for (operation, want) in [
        (json!({"op": "remove", "path": ENTERPRISE}), with(ENTERPRISE, Value::Null)),
        (
            json!({"op": "replace", "path": ENTERPRISE, "value": {"department": "e", "unknown": 1}}),
            with(ENTERPRISE, json!({"department": "e", "division": "v"})),
        ),
        (json!({"op": "remove", "path": "name"}), with("name", Value::Null)),
        (
            json!({"op": "remove", "path": "name.familyName"}),
            with("name", json!({"givenName": "A"})),
        ),
        (
            json!({"op": "replace", "path": "name.familyName", "value": "C"}),
            with("name", json!({"givenName": "A", "familyName": "C"})),
        ),
        (
            json!({"op": "remove", "path": "emails.type"}),
            with("emails", json!([{"value": "w"}, {"value": "h"}])),
        ),
        (
            json!({"op": "replace", "path": "emails.type", "value": "other"}),
            with(
                "emails",
                json!([{"value": "w", "type": "other"}, {"value": "h", "type": "other"}]),
            ),
        ),
        (
            json!({"op": "add", "path": "ims.value", "value": "i"}),
            with("ims", json!([{"value": "i"}])),
        ),
        (json!({"op": "remove", "path": "ims.value"}), before.clone()),
        (
            json!({"op": "add", "path": "emails[type eq \"work\"]", "value": {"display": "W"}}),
            with(
                "emails",
                json!([{"value": "w", "type": "work", "display": "W"}, {"value": "h", "type": "home"}]),
            ),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "n"}}),
            with("emails", json!([{"value": "n"}, {"value": "h", "type": "home"}])),
        ),
        (
            json!({"op": "remove", "path": "emails[type eq \"work\"].type"}),
            with("emails", json!([{"value": "w"}, {"value": "h", "type": "home"}])),
        ),
        (
            json!({"op": "add", "path": "ims[primary eq \"true\"].value", "value": "i"}),
            with("ims", json!([{"primary": true, "value": "i"}])),
        ),
        (json!({"op": "add", "path": "emails", "value": [{"value": "w"}]}), before.clone()),
        (json!({"op": "add", "path": "nobodyKnows", "value": 1}), before.clone()),
        (
            json!({"op": "replace", "value": {"nobodyKnows": 1, "groups": [], "title": "T"}}),
            with("title", json!("T")),
        ),
    ] {
        let found = changed(&users, &before, operation.clone()).expect("done");
        assert_eq!(found, want, "{operation}");
    }
    for (operation, kind) in [
        (json!({"op": "replace", "path": "userName"}), "mutability"),
        (json!({"op": "add", "path": "title"}), "invalidValue"),
        (json!({"op": "add", "path": "groups", "value": []}), "mutability"),
        (json!({"op": "add", "path": "emails[type eq \"work\"]", "value": 7}), "invalidValue"),
        (json!({"op": "add", "path": "ims[value sw \"x\"].type", "value": "y"}), "noTarget"),
        (json!({"op": "add", "path": 7, "value": "y"}), "invalidPath"),
    ] {
        let refused = changed(&users, &before, operation.clone()).expect_err("refused");
        assert_eq!(refused.kind, Some(kind), "{operation}");
        assert_eq!(refused.body()["scimType"], kind);
        assert_eq!(refused.body()["status"], "400");
    }
    // The number of values and of operations has a limit.
    let emails = |count: usize| {
        let all: Vec<Value> = (0..count).map(|n| json!({"value": format!("m{n}")})).collect();
        changed(
            &users,
            &json!({"userName": "a"}),
            json!({"op": "add", "path": "emails", "value": all}),
        )
    };
    let most = (1..10_000).take_while(|count| emails(*count).is_ok()).last().expect("a limit");
    assert_eq!(most, 100);
    let one_more = json!({"op": "add", "path": "emails", "value": [{"value": "n"}]});
    assert!(changed(&users, &emails(most).expect("full"), one_more.clone()).is_err());
    assert!(changed(&users, &emails(most - 1).expect("not full"), one_more).is_ok());
    let many = |count: usize| {
        let all = vec![json!({"op": "add", "path": "title", "value": "T"}); count];
        let body = json!({"schemas": [PATCH_SCHEMA], "Operations": all});
        operations(&users, &body).map(|all| all.len())
    };
    let most = (1..10_000).take_while(|count| many(*count).is_ok()).last().expect("a limit");
    assert_eq!((most, many(most).ok()), (1_000, Some(1_000)));
    let body = json!({"schemas": [PATCH_SCHEMA], "Operations": [
        {"op": "add", "path": "title", "value": "T"},
        {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "d"},
    ]});
    let names: Vec<String> = operations(&users, &body)
        .expect("operations")
        .iter()
        .map(|one| one.attribute().to_owned())
        .collect();
    assert_eq!(names, ["title", ""]);
}

#[test]
fn members_are_counted_by_their_ids() {
    let group = of(&json!({"members": [{"value": "a"}, {"value": "b"}]}));
    assert_eq!(members::of(&group, "members"), ["a", "b"]);
    assert!(members::of(&group, "users").is_empty());
    assert!(Members::default().is_nothing());
    assert!(!Members::exactly(Vec::new()).is_nothing());
    let set = |add: &[&str], remove: &[&str]| Members {
        only: false,
        add: add.iter().map(|id| (*id).to_owned()).collect(),
        remove: remove.iter().map(|id| (*id).to_owned()).collect(),
    };
    assert!(!set(&["a"], &[]).is_nothing() && !set(&[], &["a"]).is_nothing());
    // A group may have more members than an attribute has values.
    let groups = schema::group();
    let many: Vec<Value> = (0..101).map(|n| json!({"value": n.to_string()})).collect();
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": many});
    assert!(resource::read(&groups, &body).is_ok());
    let many: Vec<Value> = (0..101).map(|n| json!({"value": n.to_string()})).collect();
    let body = json!({"schemas": [USER], "userName": "g", "emails": many});
    assert!(resource::read(&custom(), &body).is_err());
}

#[test]
fn paths_name_what_there_is() {
    let users = custom();
    for (text, unknown) in [
        ("userName", false),
        ("nobodyKnows", true),
        ("name.nobodyKnows", true),
        ("", false),
        ("two words", false),
        ("emails[", false),
    ] {
        assert_eq!(Path::is_unknown(&users, text), unknown, "{text}");
    }
    assert!(Path::parse(&users, "department").is_ok(), "extensions are found without their URN");
    assert!(Path::parse(&users, &format!("{USER}:department")).is_err());
    assert!(Path::parse(&users, "userName[value eq 1]").is_err());
    assert!(Path::parse(&users, "tags[value eq 1]").is_err());
    assert!(Path::parse(&users, "name[givenName eq 1]").is_err());
    let whole = Path::parse(&users, USER).expect("the schema");
    assert!(whole.extension.is_none() && whole.attribute.is_none());
    let extension = Path::parse(&users, ENTERPRISE).expect("the extension");
    assert_eq!(extension.extension.map(|one| &*one.id), Some(ENTERPRISE));
}

#[test]
fn values_are_read_by_their_types() {
    let users = custom();
    let read = |more: &Value| {
        let mut body = of(&json!({"schemas": [USER], "userName": "alex"}));
        body.extend(of(more));
        resource::read(&users, &body.into())
    };
    let own = "urn:sojourn:schemas:extension:custom:2.0:User";
    for (more, want) in [
        (json!({"active": "True"}), Some(("active", json!(true)))),
        (json!({"active": "FALSE"}), Some(("active", json!(false)))),
        (json!({"active": "no"}), None),
        (json!({"level": 5}), Some((own, json!({"level": 5})))),
        (json!({"level": 5.5}), None),
        (
            json!({"joined": "2026-01-02T00:00:00Z"}),
            Some((own, json!({"joined": "2026-01-02T00:00:00Z"}))),
        ),
        (json!({"joined": "soon"}), None),
        (json!({"emails": "a@x.test"}), Some(("emails", json!([{"value": "a@x.test"}])))),
        (json!({"name": "Alex"}), None),
        (json!({"tags": ["a", null, "b"]}), Some((own, json!({"tags": ["a", "b"]})))),
        (
            json!({own: {"level": 1, "vip": true}, "tags": ["a"]}),
            Some((own, json!({"level": 1, "vip": true, "tags": ["a"]}))),
        ),
        (
            json!({"emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
            None,
        ),
    ] {
        let found = read(&more);
        match want {
            Some((name, value)) => {
                assert_eq!(found.expect("read").get(name), Some(&value), "{more}")
            }
            None => assert!(found.is_err(), "{more}"),
        }
    }
    // The level is required, and may be in either form.
    assert!(resource::require(&users, &read(&json!({})).expect("read")).is_err());
    assert!(resource::require(&users, &read(&json!({"level": 1})).expect("read")).is_ok());
    let nobody = of(&json!({own: {"level": 1}}));
    assert!(resource::require(&users, &nobody).is_err(), "a user has a name");
}

#[test]
fn projections_show_what_is_asked_for() {
    let users = custom();
    let project = |attributes: Option<&str>, excluded: Option<&str>| {
        let projection = Projection::of(attributes, excluded).expect("a projection");
        let mut resource = somebody();
        projection.apply(&users, &mut resource);
        (projection, Value::Object(resource))
    };
    let (all, _) = project(None, None);
    assert!(all.shows(&users, "emails"));
    let (some, found) = project(Some("emails.value, level"), None);
    assert!(some.shows(&users, "emails") && !some.shows(&users, "groups"));
    assert_eq!(found["emails"], json!([{"value": "w@x.test"}, {"value": "h@x.test"}]));
    assert_eq!(found["urn:sojourn:schemas:extension:custom:2.0:User"], json!({"level": 5}));
    assert!(found.get("active").is_none());
    let (rest, found) = project(None, Some("emails.value,vip,active"));
    assert!(rest.shows(&users, "groups") && !rest.shows(&users, "active"));
    assert_eq!(found["emails"], json!([{"type": "work", "primary": true}, {}]));
    let own = "urn:sojourn:schemas:extension:custom:2.0:User";
    assert_eq!(found[own], json!({"level": 5, "joined": "2026-01-02T00:00:00Z"}));
}

/// What clients read about the types and their attributes; RFC 7643 §8.7 has the same for the core schemas.
#[test]
fn what_is_published() {
    let users = custom();
    let published = |of: &ResourceType, id: &str| {
        let found = of.schema_of(id).expect("a schema").published("https://id.test/scim2");
        let attribute = |name: &str| {
            let all = found["attributes"].as_array().expect("attributes");
            all.iter().find(|one| one["name"] == name).cloned()
        };
        (
            found.clone(),
            ["schemas", "id", "meta", "externalId"].map(attribute).map(|one| one.is_none()),
        )
    };
    let (schema, left_out) = published(&users, USER);
    assert_eq!(left_out, [true; 4], "what every resource has is in no schema");
    assert_eq!(schema["id"], USER);
    assert_eq!(schema["meta"]["location"], format!("https://id.test/scim2/Schemas/{USER}"));
    let found = |schema: &Value, name: &str| {
        let all = schema["attributes"].as_array().expect("attributes");
        all.iter().find(|one| one["name"] == name).cloned().expect(name)
    };
    assert_eq!(
        found(&schema, "userName"),
        json!({
            "name": "userName", "type": "string", "multiValued": false,
            "description": "The name to sign in with.", "required": true, "caseExact": false,
            "mutability": "readWrite", "returned": "default", "uniqueness": "server",
        })
    );
    let active = found(&schema, "active");
    assert!(active["type"] == "boolean" && active.get("caseExact").is_none(), "{active}");
    let name = found(&schema, "name");
    assert_eq!(
        (&name["type"], name["subAttributes"].as_array().map(Vec::len)),
        (&json!("complex"), Some(6))
    );
    assert_eq!(found(&schema, "profileUrl")["referenceTypes"], json!(["external"]));
    assert!(found(&schema, "userName").get("referenceTypes").is_none());
    let roles = found(&schema, "roles");
    assert!(!roles["subAttributes"].to_string().contains("$ref"), "{roles}");
    assert!(found(&schema, "groups")["subAttributes"].to_string().contains("$ref"));
    let own = "urn:sojourn:schemas:extension:custom:2.0:User";
    let (schema, _) = published(&users, own);
    let level = found(&schema, "level");
    assert_eq!(
        (&level["type"], &level["required"], &level["multiValued"]),
        (&json!("integer"), &json!(true), &json!(false))
    );
    assert!(level.get("caseExact").is_none(), "{level}");
    assert_eq!(found(&schema, "tags")["multiValued"], true);
    assert_eq!(found(&schema, "joined")["type"], "dateTime");
    let (group, _) = published(&schema::group(), GROUP);
    let parts = found(&group, "members")["subAttributes"].clone();
    let mutability = |name: &str| {
        let all = parts.as_array().expect("parts");
        all.iter().find(|one| one["name"] == name).map(|one| one["mutability"].clone())
    };
    assert_eq!(mutability("value"), Some(json!("immutable")));
    assert_eq!(mutability("display"), Some(json!("readOnly")));
    let kind = users.published("https://id.test/scim2");
    assert_eq!(
        (&kind["name"], &kind["endpoint"], &kind["schema"]),
        (&json!("User"), &json!("/Users"), &json!(USER))
    );
    assert_eq!(
        kind["schemaExtensions"],
        json!([
            {"schema": ENTERPRISE, "required": false},
            {"schema": OPENID, "required": false},
            {"schema": own, "required": true},
        ])
    );
    assert!(schema::user(&[]).schema_of(own).is_none());
}

#[test]
fn accounts_are_resources_and_back() {
    let mut account = User::deleted(TenantId::DEFAULT, UserId::from_slice(&[7; 16]).expect("id"));
    account.username = "alex".into();
    assert!(user::to_resource(&account).get(OPENID).is_none(), "nothing is known");
    account.profile = json!({
        "phone_number": "+64", "address": {"country": "NZ", "street_address": "1 Way"},
    })
    .to_string();
    account.email = Some("a@x.test".into());
    let shown = user::to_resource(&account);
    assert_eq!(shown["emails"], json!([{"value": "a@x.test", "primary": true}]));
    assert_eq!(shown["phoneNumbers"], json!([{"value": "+64", "primary": true}]));
    assert_eq!(
        shown["addresses"],
        json!([{"country": "NZ", "streetAddress": "1 Way", "primary": true}])
    );
    assert_eq!(shown[OPENID], json!({"emailVerified": false}));
    // What was sent stays as it was, with more than the claims hold.
    let sent = of(&json!({
        "userName": "alex",
        "addresses": [{"country": "NZ", "type": "work"}, {"country": "FR"}],
        "emails": [{"value": "b@x.test", "type": "work"}],
    }));
    let mut written = account.clone();
    user::write(&mut written, &sent);
    assert_eq!(written.email.as_deref(), Some("b@x.test"));
    let shown = user::to_resource(&written);
    assert_eq!((&shown["addresses"], &shown["emails"]), (&sent["addresses"], &sent["emails"]));
    // Changed or removed by other means, the account's own fields are shown.
    let mut other = written.clone();
    other.profile = json!({"address": {"country": "DE"}}).to_string();
    other.email = None;
    let shown = user::to_resource(&other);
    assert_eq!(shown["addresses"], json!([{"country": "DE", "type": "work"}, {"country": "FR"}]));
    assert!(shown.get("emails").is_none(), "{shown:?}");
    other.profile = "{}".into();
    assert!(user::to_resource(&other).get("addresses").is_none());
    assert_eq!(
        user::changes(&of(&json!({"a": 1, "b": 2, "c": 3})), &of(&json!({"a": 1, "c": 4, "d": 5}))),
        ["b", "c", "d"]
    );
    // A flag about a number that isn't there is not kept; a new number isn't verified.
    let mut verified = account.clone();
    verified.profile = json!({"phone_number": "+64", "phone_number_verified": true}).to_string();
    let mut sent = user::to_resource(&verified);
    sent.remove("phoneNumbers");
    user::write(&mut verified, &sent);
    assert!(!verified.profile.contains("phone"), "{}", verified.profile);
    let mut told = account.clone();
    user::write(
        &mut told,
        &of(&json!({"userName": "alex", OPENID: {"phoneNumberVerified": true}})),
    );
    assert!(!told.profile.contains("phone_number_verified"), "{}", told.profile);
}
