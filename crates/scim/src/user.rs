//! An account as a resource, and back: what has a column of its own, what is a standard claim as well (OpenID
//! Connect Core 1.0 §5.1), and the rest, which is kept as it came.

use serde_json::{Map, Value, json};
use sojourn_model::{User, UserState};

use crate::resource::Resource;

/// Attributes that are claims too.
const CLAIMS: [(&str, &str); 4] = [
    ("nickName", "nickname"),
    ("profileUrl", "profile"),
    ("locale", "locale"),
    ("timezone", "zoneinfo"),
];

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// What an account has, as attributes. Groups, roles and `meta` are added by who knows them.
#[must_use]
pub fn to_resource(user: &User) -> Resource {
    let mut out = object(&user.attributes);
    let claims = object(&user.profile);
    let mut name = match out.remove("name") {
        Some(Value::Object(name)) => name,
        _ => Map::new(),
    };
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value.into());
        }
    };
    put("id", Some(&user.id.to_string()));
    put("userName", Some(&user.username));
    put("displayName", user.display_name.as_deref());
    put("externalId", user.external_id.as_deref());
    for (attribute, claim) in CLAIMS {
        put(attribute, claims.get(claim).and_then(Value::as_str));
    }
    for (part, value) in [
        ("givenName", user.given_name.as_deref()),
        ("familyName", user.family_name.as_deref()),
        ("middleName", claims.get("middle_name").and_then(Value::as_str)),
    ] {
        if let Some(value) = value {
            name.insert(part.into(), value.into());
        }
    }
    if !name.is_empty() {
        out.insert("name".into(), name.into());
    }
    out.insert("active".into(), (user.state == UserState::Active).into());
    first(&mut out, "emails", user.email.as_deref());
    first(&mut out, "phoneNumbers", claims.get("phone_number").and_then(Value::as_str));
    out
}

/// The place of the preferred value in a list: the primary one, else the first.
fn preferred(all: &[Value]) -> Option<usize> {
    let primary = all.iter().position(crate::resource::is_primary);
    primary.or((!all.is_empty()).then_some(0))
}

/// The preferred value of a list is the one in the account's own field.
fn first(out: &mut Resource, name: &str, value: Option<&str>) {
    let mut all = match out.remove(name) {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    match (preferred(&all).and_then(|at| all.get_mut(at)), value) {
        (Some(Value::Object(present)), Some(value)) => {
            present.insert("value".into(), value.into());
        }
        (None, Some(value)) => all.push(json!({ "value": value, "primary": true })),
        // It was taken from the account by other means.
        (Some(_), None) => all.clear(),
        _ => {}
    }
    if !all.is_empty() {
        out.insert(name.into(), all.into());
    }
}

fn take_text(resource: &mut Resource, name: &str) -> Option<String> {
    match resource.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn value_of_preferred(resource: &Resource, name: &str) -> Option<String> {
    let all = resource.get(name)?.as_array()?;
    let value = all.get(preferred(all)?)?.get("value")?.as_str()?;
    Some(value.to_owned())
}

/// Writes a whole resource into an account: what the resource leaves out is gone. Password, state and roles aren't
/// written here: they are acts with consequences.
pub fn write(user: &mut User, resource: &Resource) {
    let mut rest = resource.clone();
    for name in ["schemas", "id", "meta", "active", "password", "groups", "roles"] {
        rest.remove(name);
    }
    if let Some(name) = take_text(&mut rest, "userName") {
        user.username = name;
    }
    user.display_name = take_text(&mut rest, "displayName");
    user.external_id = take_text(&mut rest, "externalId");
    let mut claims = object(&user.profile);
    let mut claim = |name: &str, value: Option<String>| match value {
        Some(value) => claims.insert(name.to_owned(), value.into()),
        None => claims.remove(name),
    };
    for (attribute, name) in CLAIMS {
        claim(name, take_text(&mut rest, attribute));
    }
    let mut name = match rest.remove("name") {
        Some(Value::Object(name)) => name,
        _ => Map::new(),
    };
    user.given_name = take_text(&mut name, "givenName");
    user.family_name = take_text(&mut name, "familyName");
    claim("middle_name", take_text(&mut name, "middleName"));
    if !name.is_empty() {
        rest.insert("name".into(), name.into());
    }
    let phone = value_of_preferred(&rest, "phoneNumbers");
    if phone.as_deref() != claims.get("phone_number").and_then(Value::as_str) {
        // Another number hasn't been proved.
        claims.remove("phone_number_verified");
    }
    match phone {
        Some(phone) => claims.insert("phone_number".into(), phone.into()),
        None => claims.remove("phone_number"),
    };
    let email = value_of_preferred(&rest, "emails");
    if email != user.email {
        user.email_verified = false;
        user.email = email;
    }
    user.profile = Value::Object(claims).to_string();
    user.attributes = Value::Object(rest).to_string();
}

/// Which attributes of two states of a resource differ, by name.
#[must_use]
pub fn changes(before: &Resource, after: &Resource) -> Vec<String> {
    let mut names: Vec<String> = before
        .keys()
        .chain(after.keys())
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use sojourn_model::{TenantId, UserId};

    use super::*;
    use crate::schema;

    #[test]
    fn a_resource_survives_the_account_and_claims_follow() {
        let id = UserId::from_slice(&[7; 16]).expect("an id");
        let mut user = User::deleted(TenantId::DEFAULT, id);
        user.state = UserState::Active;
        let sent = json!({
            "userName": "alex", "displayName": "Alex", "externalId": "e7", "nickName": "al",
            "name": {"givenName": "A", "familyName": "B", "middleName": "M", "honorificPrefix": "Dr"},
            "emails": [{"value": "h", "type": "home"}, {"value": "w", "type": "work", "primary": true}],
            "phoneNumbers": [{"value": "+1"}], "title": "Boss", schema::ENTERPRISE: {"department": "d"},
        });
        let sent = sent.as_object().cloned().expect("an object");
        user.email_verified = true;
        write(&mut user, &sent);
        assert_eq!((user.email.as_deref(), user.email_verified), (Some("w"), false));
        let claims = object(&user.profile);
        assert_eq!((&claims["nickname"], &claims["phone_number"]), (&json!("al"), &json!("+1")));
        let mut shown = to_resource(&user);
        assert_eq!(shown.remove("id"), Some(id.to_string().into()));
        assert_eq!(shown.remove("active"), Some(true.into()));
        assert_eq!(changes(&sent, &shown), Vec::<String>::new(), "{shown:?}");
        user.email = Some("new".into());
        assert_eq!(to_resource(&user)["emails"][1]["value"], "new", "changed by other means");
        write(&mut user, &Resource::new());
        let bare = to_resource(&user);
        assert!(bare.len() == 3 && bare["userName"] == "alex", "{bare:?}");
    }
}
