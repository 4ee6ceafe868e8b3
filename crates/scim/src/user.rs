//! Maps accounts to resources and back. An attribute is stored in a column of its own, in a standard claim (OpenID
//! Connect Core 1.0 §5.1), or with the remaining attributes, which are stored as they were sent.

use serde_json::{Map, Value, json};
use sojourn_model::{User, UserState};

use crate::resource::Resource;
use crate::schema::OPENID;

/// Attributes that are also claims, as pairs of attribute and claim.
const CLAIMS: [(&str, &str); 4] = [
    ("nickName", "nickname"),
    ("profileUrl", "profile"),
    ("locale", "locale"),
    ("timezone", "zoneinfo"),
];

/// Claims that are attributes of the extension for OpenID Connect.
const OF_OPENID: [&str; 3] = ["website", "gender", "birthdate"];

/// The sub-attributes of an address, as pairs of attribute and member of the claim (OpenID Connect Core 1.0 §5.1.1).
const ADDRESS: [(&str, &str); 6] = [
    ("formatted", "formatted"),
    ("streetAddress", "street_address"),
    ("locality", "locality"),
    ("region", "region"),
    ("postalCode", "postal_code"),
    ("country", "country"),
];

/// Converts a telephone number to the form of the claim: E.164 with an extension as in RFC 3966, if it is a global
/// number. SCIM also allows `tel:+1-201-555-0123` (RFC 7643 §4.1.2).
fn claimed_number(text: &str) -> String {
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let (number, more) = text.split_once(';').unwrap_or((text, ""));
    let digits: String = number
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}'))
        .collect();
    let extension = more.split(';').find_map(|one| one.strip_prefix("ext="));
    match extension {
        Some(extension) => format!("{digits};ext={extension}"),
        None => digits,
    }
}

fn claimed_address(address: &Map<String, Value>) -> Map<String, Value> {
    let text = |name: &str| address.get(name).filter(|value| value.is_string()).cloned();
    ADDRESS
        .into_iter()
        .filter_map(|(attribute, claim)| Some((claim.to_owned(), text(attribute)?)))
        .collect()
}

/// Updates the preferred address from the claim, which may have been changed by other means than SCIM.
fn addresses(out: &mut Resource, claim: Option<&Map<String, Value>>) {
    let mut all = match out.remove("addresses") {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    let place = preferred(&all);
    let present = place.and_then(|at| all.get_mut(at)).and_then(Value::as_object_mut);
    match (present, claim) {
        (Some(present), Some(claim)) if claimed_address(present) != *claim => {
            for (attribute, name) in ADDRESS {
                match claim.get(name) {
                    Some(value) => present.insert(attribute.to_owned(), value.clone()),
                    None => present.remove(attribute),
                };
            }
        }
        (None, Some(claim)) => {
            let parts = ADDRESS.into_iter().filter_map(|(attribute, name)| {
                Some((attribute.to_owned(), claim.get(name)?.clone()))
            });
            let mut address: Map<String, Value> = parts.collect();
            address.insert("primary".into(), true.into());
            all.push(address.into());
        }
        (Some(_), None) => all.clear(),
        _ => {}
    }
    if !all.is_empty() {
        out.insert("addresses".into(), all.into());
    }
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Returns an account as a resource. The caller adds groups, roles and `meta`.
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
    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    first(&mut out, "emails", user.email.as_deref(), str::to_owned);
    first(&mut out, "phoneNumbers", claim("phone_number"), claimed_number);
    first(&mut out, "photos", claim("picture"), str::to_owned);
    addresses(&mut out, claims.get("address").and_then(Value::as_object));
    let mut openid = Map::new();
    for name in OF_OPENID {
        if let Some(value) = claim(name) {
            openid.insert(name.into(), value.into());
        }
    }
    if user.email.is_some() || user.email_verified {
        openid.insert("emailVerified".into(), user.email_verified.into());
    }
    if let Some(verified) = claims.get("phone_number_verified") {
        openid.insert("phoneNumberVerified".into(), verified.clone());
    }
    if !openid.is_empty() {
        out.insert(OPENID.into(), openid.into());
    }
    out
}

/// Returns the index of the preferred value in a list: the primary one, or else the first.
fn preferred(all: &[Value]) -> Option<usize> {
    let primary = all.iter().position(crate::resource::is_primary);
    primary.or((!all.is_empty()).then_some(0))
}

/// Sets the preferred value of a list to the value of the account's own field. `as_kept` converts a value of the list
/// to the form of the field, to compare them.
fn first(out: &mut Resource, name: &str, value: Option<&str>, as_kept: fn(&str) -> String) {
    let mut all = match out.remove(name) {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    match (preferred(&all).and_then(|at| all.get_mut(at)), value) {
        (Some(Value::Object(present)), Some(value)) => {
            let same = present.get("value").and_then(Value::as_str).map(as_kept);
            if same.as_deref() != Some(value) {
                present.insert("value".into(), value.into());
            }
        }
        (None, Some(value)) => all.push(json!({ "value": value, "primary": true })),
        // The value was removed from the account by other means than SCIM.
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

/// Writes a whole resource into an account; attributes that the resource leaves out are removed. Password, state and
/// roles aren't written here, because changing them has further effects, such as ending sessions.
// Long, because it names every attribute that has a field or claim in the account.
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
    claim("picture", value_of_preferred(&rest, "photos"));
    let openid = match rest.remove(OPENID) {
        Some(Value::Object(openid)) => openid,
        _ => Map::new(),
    };
    for name in OF_OPENID {
        claim(name, openid.get(name).and_then(Value::as_str).map(str::to_owned));
    }
    let address = rest.get("addresses").and_then(Value::as_array).and_then(|all| {
        let address = claimed_address(all.get(preferred(all)?)?.as_object()?);
        (!address.is_empty()).then_some(address)
    });
    match address {
        Some(address) => claims.insert("address".into(), address.into()),
        None => claims.remove("address"),
    };
    let phone = value_of_preferred(&rest, "phoneNumbers").map(|text| claimed_number(&text));
    let mut phone_was_proved = false;
    if phone.as_deref() != claims.get("phone_number").and_then(Value::as_str) {
        // The new number isn't verified.
        phone_was_proved = claims.remove("phone_number_verified") == Some(Value::Bool(true));
    }
    match phone {
        Some(phone) => claims.insert("phone_number".into(), phone.into()),
        None => claims.remove("phone_number"),
    };
    if let Some(Value::Bool(verified)) = openid.get("phoneNumberVerified")
        && claims.contains_key("phone_number")
    {
        // A client may send back the flag that it read for the old number; it says nothing about the new one.
        let proved = *verified && !phone_was_proved;
        claims.insert("phone_number_verified".into(), proved.into());
    }
    let email = value_of_preferred(&rest, "emails");
    let mut email_was_proved = false;
    if email != user.email {
        email_was_proved = user.email_verified;
        user.email_verified = false;
        user.email = email;
    }
    // A client that leaves the flag out doesn't change it.
    if let Some(Value::Bool(verified)) = openid.get("emailVerified") {
        user.email_verified = *verified && !email_was_proved;
    }
    user.profile = Value::Object(claims).to_string();
    user.attributes = Value::Object(rest).to_string();
}

/// Returns the names of the attributes that differ between two states of a resource, sorted.
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
    fn claims_of_openid_have_a_way_in_and_numbers_are_e_164() {
        let mut user = User::deleted(TenantId::DEFAULT, UserId::from_slice(&[7; 16]).expect("id"));
        let sent = json!({
            "userName": "alex",
            "emails": [{"value": "a@example.test"}],
            "phoneNumbers": [{"value": "tel:+1-201-555-0123;ext=7", "type": "work"}],
            "photos": [{"value": "https://x.test/a.png", "type": "photo"}],
            "addresses": [
                {"formatted": "Home", "type": "home"},
                {"streetAddress": "Road 1", "locality": "Town", "postalCode": "12345",
                 "country": "DE", "type": "work", "primary": true},
            ],
            OPENID: {"website": "https://alex.test", "gender": "female", "birthdate": "0000-02-29",
                     "emailVerified": true, "phoneNumberVerified": true},
        });
        let sent = sent.as_object().cloned().expect("an object");
        write(&mut user, &sent);
        let claims = object(&user.profile);
        assert_eq!(claims["phone_number"], "+12015550123;ext=7");
        assert_eq!(claims["phone_number_verified"], true);
        assert_eq!(claims["picture"], "https://x.test/a.png");
        assert_eq!(claims["birthdate"], "0000-02-29");
        assert_eq!(
            claims["address"],
            json!({"street_address": "Road 1", "locality": "Town", "postal_code": "12345", "country": "DE"})
        );
        assert!(user.email_verified);
        let mut shown = to_resource(&user);
        shown.remove("id");
        shown.remove("active");
        assert_eq!(changes(&sent, &shown), Vec::<String>::new(), "{shown:?}");
        // A changed address or number isn't verified; leaving the extension out changes nothing.
        let mut more = sent.clone();
        more.remove(OPENID);
        write(&mut user, &more);
        assert!(user.email_verified && !object(&user.profile).contains_key("website"));
        // The flag that was read for one address says nothing about another.
        let mut echoed = to_resource(&user);
        assert_eq!(echoed[OPENID]["emailVerified"], true);
        echoed.insert("emails".into(), json!([{"value": "c@example.test"}]));
        let mut other = user.clone();
        write(&mut other, &echoed);
        assert!(!other.email_verified, "{echoed:?}");
        more.insert("emails".into(), json!([{"value": "b@example.test"}]));
        more.insert("phoneNumbers".into(), json!([{"value": "+49 (30) 12 34"}]));
        write(&mut user, &more);
        let claims = object(&user.profile);
        assert!(!user.email_verified && !claims.contains_key("phone_number_verified"));
        assert_eq!(claims["phone_number"], "+49301234");
    }

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
        // The extension for OpenID Connect says whether address and number are verified, so it wasn't sent.
        shown.remove(OPENID);
        assert_eq!(changes(&sent, &shown), Vec::<String>::new(), "{shown:?}");
        user.email = Some("new".into());
        assert_eq!(to_resource(&user)["emails"][1]["value"], "new", "changed by other means");
        write(&mut user, &Resource::new());
        let bare = to_resource(&user);
        assert!(bare.len() == 3 && bare["userName"] == "alex", "{bare:?}");
    }
}
