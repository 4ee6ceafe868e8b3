//! Resources as clients send and receive them: parses and checks them against the schemas, drops what clients can't
//! write, and selects attributes for responses (RFC 7643 §2, RFC 7644 §3.9).

use serde_json::{Map, Value, json};

use crate::error::ScimError;
use crate::path::Path;
use crate::schema::{Attribute, Kind, Mutability, ResourceType, Returned, Schema};

/// A resource as a JSON object.
pub type Resource = Map<String, Value>;

/// Maximum number of values of one attribute: values are compared with each other and stored with the account.
const VALUES_MAX: usize = 100;
/// Maximum number of members in one request; it can be higher because only the ids are kept.
const MEMBERS_MAX: usize = 100_000;

/// Returns the maximum number of values that an attribute can have.
pub(crate) fn values_max(attribute: &Attribute) -> usize {
    match &*attribute.name {
        "members" | "users" => MEMBERS_MAX,
        _ => VALUES_MAX,
    }
}

pub(crate) fn too_many(attribute: &Attribute) -> ScimError {
    let why = format!("'{}' has {} values at most", attribute.name, values_max(attribute));
    ScimError::invalid_value(why)
}

/// Parses a resource that a client sent. The result has attribute names as the schemas write them and values of the
/// right types, without read-only attributes. Null and empty values count as unassigned (RFC 7643 §2.5).
///
/// # Errors
/// `invalidSyntax` if the body isn't a resource of this type, `invalidValue` if a value doesn't fit its attribute.
pub fn read(of: &ResourceType, body: &Value) -> Result<Resource, ScimError> {
    let object = body.as_object();
    let object = object.ok_or_else(|| ScimError::invalid_syntax("send a JSON object"))?;
    let mut out = Resource::new();
    let mut named = false;
    for (name, value) in object {
        if name.eq_ignore_ascii_case("schemas") {
            named = check_schemas(of, value)?;
        } else if let Some(schema) = of.schema_of(name) {
            let inner = value
                .as_object()
                .ok_or_else(|| ScimError::invalid_value(format!("'{}' is an object", schema.id)))?;
            let inner = read_attributes(schema, inner)?;
            if schema.id == of.schema.id {
                out.extend(inner);
            } else {
                // Attributes of the extension may also be given without its URN.
                within(&mut out, Some(schema), |inside| inside.extend(inner));
            }
        } else {
            // Unknown attributes are ignored, and the rest is accepted (RFC 7644 §3.3).
            let Ok(path) = Path::parse(of, name) else { continue };
            let (Some(attribute), None) = (path.attribute, path.part) else { continue };
            if let Some(value) = checked(attribute, value)? {
                let name = attribute.name.clone();
                within(&mut out, path.extension, |inside| inside.insert(name, value));
            }
        }
    }
    if !named {
        let why = format!("'schemas' names {}", of.schema.id);
        return Err(ScimError::invalid_syntax(why));
    }
    Ok(out)
}

fn check_schemas(of: &ResourceType, value: &Value) -> Result<bool, ScimError> {
    let all = value.as_array();
    let all = all.ok_or_else(|| ScimError::invalid_syntax("'schemas' is a list of URNs"))?;
    let mut named = false;
    for urn in all {
        let urn = urn.as_str().unwrap_or_default();
        // Unknown extensions are ignored.
        named |= of.schema_of(urn).is_some_and(|schema| schema.id == of.schema.id);
    }
    Ok(named)
}

fn read_attributes(schema: &Schema, object: &Resource) -> Result<Resource, ScimError> {
    let mut out = Resource::new();
    // Some clients write `schemas` into extensions too.
    for (name, value) in object.iter().filter(|(name, _)| *name != "schemas") {
        let Some(attribute) = schema.attribute(name) else { continue };
        if let Some(value) = checked(attribute, value)? {
            out.insert(attribute.name.clone(), value);
        }
    }
    Ok(out)
}

/// Calls `work` with the object that contains the attributes of a schema. The object of an extension is created if
/// necessary and removed if it is empty afterwards.
pub(crate) fn within<T>(
    resource: &mut Resource,
    extension: Option<&Schema>,
    work: impl FnOnce(&mut Resource) -> T,
) -> T {
    let Some(extension) = extension else { return work(resource) };
    let mut inner = match resource.remove(&extension.id) {
        Some(Value::Object(inner)) => inner,
        _ => Resource::new(),
    };
    let result = work(&mut inner);
    if !inner.is_empty() {
        resource.insert(extension.id.clone(), inner.into());
    }
    result
}

/// Checks a value of an attribute and returns it in the form in which it is stored; `None` if it is unassigned or the
/// attribute is read-only.
///
/// # Errors
/// `invalidValue` if the value doesn't fit the attribute, there are too many, or several are primary.
pub(crate) fn checked(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    if attribute.mutability == Mutability::ReadOnly || value.is_null() {
        return Ok(None);
    }
    if !attribute.multi_valued {
        return single(attribute, value);
    }
    let all = match value {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    if all.len() > values_max(attribute) {
        return Err(too_many(attribute));
    }
    let mut out = Vec::with_capacity(all.len());
    for one in all {
        out.extend(single(attribute, one)?);
    }
    if out.iter().filter(|one| is_primary(one)).count() > 1 {
        let why = format!("one value of '{}' is primary, not several", attribute.name);
        return Err(ScimError::invalid_value(why));
    }
    Ok((!out.is_empty()).then_some(Value::Array(out)))
}

pub(crate) fn is_primary(value: &Value) -> bool {
    value.get("primary").and_then(Value::as_bool) == Some(true)
}

fn single(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    let wrong = || {
        let kind = attribute.kind.as_str();
        ScimError::invalid_value(format!("'{}' is of the type {kind}", attribute.name))
    };
    Ok(Some(match (attribute.kind, value) {
        (_, Value::Null) => return Ok(None),
        (Kind::String | Kind::Reference | Kind::Binary, Value::String(_)) => value.clone(),
        (Kind::DateTime, Value::String(text)) => {
            text.parse::<jiff::Timestamp>().map_err(|_| wrong())?;
            value.clone()
        }
        (Kind::Boolean, Value::Bool(_)) => value.clone(),
        // Some clients write Booleans as text.
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => true.into(),
        (Kind::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => false.into(),
        (Kind::Integer, Value::Number(number)) if number.is_i64() => value.clone(),
        (Kind::Complex, Value::Object(object)) => {
            let mut out = Resource::new();
            for (name, value) in object {
                let Some(part) = attribute.part(name) else { continue };
                if let Some(value) = checked(part, value)? {
                    out.insert(part.name.clone(), value);
                }
            }
            return Ok((!out.is_empty()).then_some(out.into()));
        }
        // A text for a complex attribute is its `value`.
        (Kind::Complex, Value::String(_)) if attribute.part("value").is_some() => {
            json!({ "value": value })
        }
        _ => return Err(wrong()),
    }))
}

/// Checks that a resource has all required attributes.
///
/// # Errors
/// `invalidValue` with the name of the first attribute that is missing.
pub fn require(of: &ResourceType, resource: &Resource) -> Result<(), ScimError> {
    let missing = |attribute: &&Attribute, inside: Option<&Resource>| {
        attribute.required && inside.is_none_or(|inside| !inside.contains_key(&attribute.name))
    };
    let lacks = of.schema.attributes.iter().find(|one| missing(one, Some(resource)));
    let lacks = lacks.or_else(|| {
        of.extensions.iter().find_map(|extension| {
            let inside = resource.get(&extension.id).and_then(Value::as_object);
            extension.attributes.iter().find(|one| missing(one, inside))
        })
    });
    match lacks {
        Some(attribute) => {
            Err(ScimError::invalid_value(format!("'{}' is required", attribute.name)))
        }
        None => Ok(()),
    }
}

/// The attributes to include in a response (RFC 7644 §3.9).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// If not empty, only these attributes are included, and those that are always returned.
    pub attributes: Vec<String>,
    /// All attributes are included except these.
    pub excluded: Vec<String>,
}

impl Projection {
    /// Creates a projection from the parameters `attributes` and `excludedAttributes`, both separated by commas.
    ///
    /// # Errors
    /// `invalidValue` if both are given.
    pub fn of(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, ScimError> {
        let list = |text: Option<&str>| -> Vec<String> {
            let names = text.unwrap_or_default().split(',').map(str::trim);
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let both = Self { attributes: list(attributes), excluded: list(excluded) };
        if !both.attributes.is_empty() && !both.excluded.is_empty() {
            return Err(ScimError::invalid_value(
                "give 'attributes' or 'excludedAttributes', not both",
            ));
        }
        Ok(both)
    }

    /// Whether an attribute is included; if it isn't, the caller can skip an expensive read.
    #[must_use]
    pub fn shows(&self, of: &ResourceType, name: &str) -> bool {
        let names = |list: &[String]| {
            list.iter().any(|one| {
                let path = Path::parse(of, one);
                path.is_ok_and(|path| path.attribute.is_some_and(|found| found.name == name))
            })
        };
        if self.attributes.is_empty() { !names(&self.excluded) } else { names(&self.attributes) }
    }

    /// Removes the attributes that aren't included. Unknown names are ignored, as the specification requires.
    pub fn apply(&self, of: &ResourceType, resource: &mut Resource) {
        if !self.attributes.is_empty() {
            let full = std::mem::take(resource);
            for attribute in &of.schema.attributes {
                if attribute.returned == Returned::Always
                    && let Some(value) = full.get(&attribute.name)
                {
                    resource.insert(attribute.name.clone(), value.clone());
                }
            }
            for path in self.attributes.iter().filter_map(|name| Path::parse(of, name).ok()) {
                pick(&full, resource, &path);
            }
        }
        for path in self.excluded.iter().filter_map(|name| Path::parse(of, name).ok()) {
            leave_out(resource, &path);
        }
    }
}

fn pick(full: &Resource, out: &mut Resource, path: &Path<'_>) {
    let Some(attribute) = path.attribute else {
        if let Some((urn, value)) = path.extension.and_then(|one| full.get_key_value(&one.id)) {
            out.insert(urn.clone(), value.clone());
        }
        return;
    };
    let inside = match path.extension {
        Some(extension) => full.get(&extension.id).and_then(Value::as_object),
        None => Some(full),
    };
    let Some(value) = inside.and_then(|inside| inside.get(&attribute.name)) else { return };
    let Some(part) = path.part else {
        let (name, value) = (attribute.name.clone(), value.clone());
        within(out, path.extension, |into| into.insert(name, value));
        return;
    };
    let only = |value: &Value| value.get(&part.name).map(|found| json!({ &*part.name: found }));
    let picked = match value {
        Value::Array(all) => Value::Array(all.iter().filter_map(only).collect()),
        one => match only(one) {
            Some(one) => one,
            None => return,
        },
    };
    within(out, path.extension, |into| match into.get_mut(&attribute.name) {
        Some(present) => merge(present, &picked),
        None => {
            into.insert(attribute.name.clone(), picked);
        }
    });
}

/// Adds the members of `more` to those that are present, element by element in lists.
fn merge(present: &mut Value, more: &Value) {
    match (present, more) {
        (Value::Object(present), Value::Object(more)) => present.extend(more.clone()),
        (Value::Array(present), Value::Array(more)) => {
            for (present, more) in present.iter_mut().zip(more) {
                merge(present, more);
            }
        }
        _ => {}
    }
}

fn leave_out(resource: &mut Resource, path: &Path<'_>) {
    let Some(attribute) = path.attribute else {
        if let Some(extension) = path.extension {
            resource.remove(&extension.id);
        }
        return;
    };
    if attribute.returned == Returned::Always {
        return;
    }
    let inside = match path.extension {
        Some(extension) => resource.get_mut(&extension.id).and_then(Value::as_object_mut),
        None => Some(resource),
    };
    let Some(inside) = inside else { return };
    match (path.part, inside.get_mut(&attribute.name)) {
        (None, _) => {
            inside.remove(&attribute.name);
        }
        (Some(part), Some(Value::Object(object))) => {
            object.remove(&part.name);
        }
        (Some(part), Some(Value::Array(all))) => {
            for object in all.iter_mut().filter_map(Value::as_object_mut) {
                object.remove(&part.name);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn what_a_client_sends_is_read_by_the_schemas() {
        let of = schema::user(&[]);
        let body = json!({
            "schemas": [schema::USER, schema::ENTERPRISE],
            "USERNAME": "alex", "id": "x", "meta": {"version": "7"}, "nickName": null,
            "emails": "a@example.test", "active": "True", "groups": [{"value": "g"}],
            schema::ENTERPRISE: {"department": "post"},
        });
        let want = json!({
            "userName": "alex", "emails": [{"value": "a@example.test"}], "active": true,
            schema::ENTERPRISE: {"department": "post"},
        });
        assert_eq!(Value::Object(read(&of, &body).expect("fine")), want);
        for (wrong, kind) in [
            (json!([]), "invalidSyntax"),
            (json!({"userName": "a"}), "invalidSyntax"),
            (json!({"schemas": [schema::GROUP], "userName": "a"}), "invalidSyntax"),
            (json!({"schemas": [schema::USER], "userName": 7}), "invalidValue"),
            (
                json!({"schemas": [schema::USER], "emails": [
                    {"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
                "invalidValue",
            ),
        ] {
            let error = read(&of, &wrong).expect_err("refused");
            assert_eq!(error.kind, Some(kind), "{wrong}");
        }
        // Unknown attributes and extensions are ignored, and the rest is accepted.
        let unknown = json!({
            "schemas": [schema::USER, "urn:x:y"], "userName": "a", "user": "b",
            "name": {"first": "a", "givenName": "c"}, "urn:x:y": {"z": 1}
        });
        let read = Value::Object(read(&of, &unknown).expect("fine"));
        assert_eq!(read, json!({"userName": "a", "name": {"givenName": "c"}}));
        assert!(require(&of, &Resource::new()).is_err());
    }

    #[test]
    fn rfc_7644_3_9_attributes_are_chosen() {
        let of = schema::user(&[]);
        let full = json!({
            "schemas": [], "id": "7", "userName": "alex", "name": {"givenName": "A", "familyName": "B"},
            "emails": [{"value": "a", "type": "work"}], schema::ENTERPRISE: {"department": "d", "division": "e"},
        });
        let enterprise = schema::ENTERPRISE;
        for (attributes, excluded, want) in [
            ("userName", "", json!({"schemas": [], "id": "7", "userName": "alex"})),
            (
                "emails.value,nothing",
                "",
                json!({"schemas": [], "id": "7", "emails": [{"value": "a"}]}),
            ),
            (
                "name.givenName, name.familyName",
                "",
                json!({"schemas": [], "id": "7", "name": {"givenName": "A", "familyName": "B"}}),
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                "",
                json!({"schemas": [], "id": "7", enterprise: {"department": "d"}}),
            ),
            (
                "",
                "id,name.givenName,emails,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                json!({"schemas": [], "id": "7", "userName": "alex", "name": {"familyName": "B"}}),
            ),
        ] {
            let chosen = Projection::of(Some(attributes), Some(excluded)).expect("one of them");
            let mut resource = full.as_object().cloned().expect("an object");
            chosen.apply(&of, &mut resource);
            assert_eq!(Value::Object(resource), want, "{attributes} {excluded}");
        }
        assert!(Projection::of(Some("a"), Some("b")).is_err());
    }
}
