//! Partial changes of resources with PATCH (RFC 7644 §3.5.2).

use serde_json::{Value, json};

use crate::error::ScimError;
use crate::evaluate::{check_within, passes_within};
use crate::filter::{Filter, Operator};
use crate::path::Path;
use crate::resource::{Resource, checked, is_primary, too_many, values_max, within};
use crate::schema::{Attribute, Kind, Mutability, ResourceType};

/// The schema URN of a PATCH request.
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Maximum number of operations in one request.
const OPERATIONS_MAX: usize = 1_000;

/// The kind of an operation (`op`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// Adds a value, or members to a complex value.
    Add,
    /// Replaces the existing value.
    Replace,
    /// Removes the value, or values of a list.
    Remove,
}

/// One operation on one attribute.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    /// Whether the operation adds, replaces or removes.
    pub kind: PatchKind,
    /// The attribute or sub-attribute that is changed.
    pub path: Path<'a>,
    /// The value to write, or the values to remove; null if a removal names none.
    pub value: Value,
}

impl Operation<'_> {
    /// Returns the name of the changed attribute of the resource's own schema; empty for an extension.
    #[must_use]
    pub fn attribute(&self) -> &str {
        match (self.path.extension, self.path.attribute) {
            (None, Some(attribute)) => &attribute.name,
            _ => "",
        }
    }
}

/// Parses the operations of a request. An operation without a path is split into one for each attribute of its value.
///
/// # Errors
/// `invalidSyntax` if the body isn't a PATCH request, `invalidPath` or `invalidFilter` if a path can't be parsed,
/// `noTarget` if `remove` has no path, `invalidValue` if a value is missing or isn't an object where it has to be,
/// and `mutability` if a path names a read-only attribute or removes `active`.
pub fn operations<'a>(of: &'a ResourceType, body: &Value) -> Result<Vec<Operation<'a>>, ScimError> {
    let field = |object: &Value, name: &str| {
        let object = object.as_object()?;
        let found = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    let named = field(body, "schemas").is_some_and(|all| {
        let all = all.as_array().into_iter().flatten();
        all.filter_map(Value::as_str).any(|urn| urn.eq_ignore_ascii_case(PATCH_SCHEMA))
    });
    if !named {
        return Err(ScimError::invalid_syntax(format!("'schemas' names {PATCH_SCHEMA}")));
    }
    let all = field(body, "Operations");
    let all = all.as_ref().and_then(Value::as_array).filter(|all| !all.is_empty());
    let all = all.ok_or_else(|| ScimError::invalid_syntax("'Operations' is a list"))?;
    if all.len() > OPERATIONS_MAX {
        let why = format!("a request has {OPERATIONS_MAX} operations at most");
        return Err(ScimError::invalid_syntax(why));
    }
    let mut out = Vec::new();
    for one in all {
        let word = field(one, "op");
        let kind = match word.as_ref().and_then(Value::as_str).map(str::to_ascii_lowercase) {
            Some(word) if word == "add" => PatchKind::Add,
            Some(word) if word == "replace" => PatchKind::Replace,
            Some(word) if word == "remove" => PatchKind::Remove,
            _ => return Err(ScimError::invalid_syntax("'op' is add, replace or remove")),
        };
        let value = field(one, "value").unwrap_or_default();
        match field(one, "path") {
            // Unknown attributes are ignored, so that the valid part of the request still takes effect.
            Some(Value::String(path)) if Path::is_unknown(of, &path) => {}
            Some(Value::String(path)) => {
                let path = Path::parse(of, &path)?;
                expand(of, kind, path, value, false, &mut out)?;
            }
            None | Some(Value::Null) if kind == PatchKind::Remove => {
                return Err(ScimError::no_target("'remove' needs a 'path'"));
            }
            None | Some(Value::Null) => {
                let Value::Object(object) = value else {
                    let why = "without a 'path' the 'value' is an object of attributes";
                    return Err(ScimError::invalid_value(why));
                };
                for (name, value) in object {
                    if Path::is_unknown(of, &name) {
                        continue;
                    }
                    let path = Path::parse(of, &name)?;
                    expand(of, kind, path, value, true, &mut out)?;
                }
            }
            Some(_) => return Err(ScimError::invalid_path("'path' is text")),
        }
    }
    Ok(out)
}

/// Splits an operation on an extension into one for each attribute of it. With `whole` the client sent a complete
/// object without a path, so read-only attributes in it are ignored instead of rejected.
fn expand<'a>(
    of: &'a ResourceType,
    kind: PatchKind,
    path: Path<'a>,
    value: Value,
    whole: bool,
    out: &mut Vec<Operation<'a>>,
) -> Result<(), ScimError> {
    let (Some(attribute), last) = (path.attribute, path.last()) else {
        let schema = path.extension.unwrap_or(&of.schema);
        match (kind, value) {
            (PatchKind::Remove, _) => {
                for attribute in &schema.attributes {
                    let attribute = Some(attribute);
                    let path = Path { attribute, ..path.clone() };
                    out.push(Operation { kind, path, value: Value::Null });
                }
            }
            (_, Value::Object(object)) => {
                // Some clients write `schemas` into extensions too.
                let object = object.into_iter().filter(|(name, _)| name != "schemas");
                for (name, value) in object {
                    let name = format!("{}:{name}", schema.id);
                    if Path::is_unknown(of, &name) {
                        continue;
                    }
                    let path = Path::parse(of, &name)?;
                    expand(of, kind, path, value, whole, out)?;
                }
            }
            _ => return Err(ScimError::invalid_value("the value of an extension is an object")),
        }
        return Ok(());
    };
    let locked = |one: &Attribute| one.mutability == Mutability::ReadOnly;
    if locked(attribute) || last.is_some_and(locked) || attribute.name == "schemas" {
        return if whole || attribute.name == "schemas" {
            Ok(())
        } else {
            Err(ScimError::mutability(format!("'{}' can't be written", attribute.name)))
        };
    }
    if let Some(filter) = &path.filter {
        check_within(attribute, filter)?;
    }
    // An account is always active or inactive: without a value its state would be undefined.
    if kind == PatchKind::Remove && attribute.name == "active" {
        return Err(ScimError::mutability(
            "'active' can't be removed: replace it with true or false",
        ));
    }
    let missing = value.is_null() && kind == PatchKind::Add;
    if missing && path.filter.is_none() {
        return Err(ScimError::invalid_value(format!("'{}' needs a value", attribute.name)));
    }
    out.push(Operation { kind, path, value });
    Ok(())
}

/// Applies an operation to a resource.
///
/// # Errors
/// `invalidValue` if a value doesn't fit its attribute, `noTarget` if a filter matches no value, `mutability` if a
/// required attribute would be removed.
pub fn apply(resource: &mut Resource, operation: &Operation<'_>) -> Result<(), ScimError> {
    let Some(attribute) = operation.path.attribute else { return Ok(()) };
    let gone = operation.kind == PatchKind::Remove
        || (operation.kind == PatchKind::Replace && operation.value.is_null());
    if attribute.required && gone && operation.path.part.is_none() {
        return Err(ScimError::mutability(format!("'{}' is required", attribute.name)));
    }
    within(resource, operation.path.extension, |inside| {
        if attribute.multi_valued {
            plural(inside, attribute, operation)
        } else {
            singular(inside, attribute, operation)
        }
    })
}

fn singular(
    inside: &mut Resource,
    attribute: &Attribute,
    operation: &Operation<'_>,
) -> Result<(), ScimError> {
    let Operation { kind, path, value } = operation;
    if let Some(part) = path.part {
        let mut object = match inside.remove(&attribute.name) {
            Some(Value::Object(object)) => object,
            _ => Resource::new(),
        };
        let written = match kind {
            PatchKind::Remove => None,
            _ => checked(part, value)?,
        };
        match written {
            Some(value) => object.insert(part.name.clone(), value),
            None => object.remove(&part.name),
        };
        if !object.is_empty() {
            inside.insert(attribute.name.clone(), object.into());
        }
        return Ok(());
    }
    let written = match kind {
        PatchKind::Remove => None,
        _ => checked(attribute, value)?,
    };
    match (kind, written, inside.get_mut(&attribute.name)) {
        (PatchKind::Add, Some(Value::Object(more)), Some(Value::Object(present))) => {
            present.extend(more);
        }
        (_, Some(value), _) => {
            inside.insert(attribute.name.clone(), value);
        }
        (_, None, _) => {
            inside.remove(&attribute.name);
        }
    }
    Ok(())
}

/// The values of a list after the operation, and the indexes of those that the operation wrote.
struct Values {
    all: Vec<Value>,
    written: Vec<usize>,
}

fn plural(
    inside: &mut Resource,
    attribute: &Attribute,
    operation: &Operation<'_>,
) -> Result<(), ScimError> {
    let all = match inside.get(&attribute.name) {
        Some(Value::Array(all)) => all.clone(),
        _ => Vec::new(),
    };
    let mut values = Values { all, written: Vec::new() };
    match (&operation.path.filter, operation.path.part) {
        (Some(filter), part) => chosen(&mut values, attribute, filter, part, operation)?,
        (None, Some(part)) => {
            let everyone: Vec<usize> = (0..values.all.len()).collect();
            if everyone.is_empty() && operation.kind != PatchKind::Remove {
                values.all.push(json!({}));
                values.written.push(0);
            } else {
                values.written = everyone;
            }
            write_part(&mut values, part, operation)?;
        }
        (None, None) => listed(&mut values, attribute, operation)?,
    }
    if values.all.len() > values_max(attribute) {
        return Err(too_many(attribute));
    }
    one_primary(&mut values);
    values.all.retain(|one| !one.as_object().is_some_and(serde_json::Map::is_empty));
    if values.all.is_empty() {
        inside.remove(&attribute.name);
    } else {
        inside.insert(attribute.name.clone(), values.all.into());
    }
    Ok(())
}

/// Applies an operation without a filter to the list as a whole.
fn listed(
    values: &mut Values,
    attribute: &Attribute,
    operation: &Operation<'_>,
) -> Result<(), ScimError> {
    let given = match checked(attribute, &operation.value)? {
        Some(Value::Array(given)) => given,
        _ => Vec::new(),
    };
    match operation.kind {
        PatchKind::Add => {
            for one in given {
                if !values.all.iter().any(|present| same(present, &one)) {
                    values.written.push(values.all.len());
                    values.all.push(one);
                }
            }
        }
        PatchKind::Replace => values.all = given,
        // Some clients list the values to remove.
        PatchKind::Remove if !given.is_empty() => {
            values.all.retain(|present| !given.iter().any(|one| same(present, one)));
        }
        PatchKind::Remove => values.all.clear(),
    }
    Ok(())
}

/// Whether two values are the same: `present` has every member of `one` with an equal value.
fn same(present: &Value, one: &Value) -> bool {
    match (present, one) {
        (Value::Object(present), Value::Object(one)) => {
            one.iter().all(|(name, value)| present.get(name) == Some(value))
        }
        _ => present == one,
    }
}

/// Applies an operation with a filter to the values that match it.
fn chosen(
    values: &mut Values,
    attribute: &Attribute,
    filter: &Filter,
    part: Option<&Attribute>,
    operation: &Operation<'_>,
) -> Result<(), ScimError> {
    let pass = |value: &Value| passes_within(attribute, value, filter);
    values.written =
        values.all.iter().enumerate().filter(|(_, one)| pass(one)).map(|(at, _)| at).collect();
    if values.written.is_empty() {
        match operation.kind {
            PatchKind::Remove => return Ok(()),
            PatchKind::Replace => {
                let why = format!("no value of '{}' passes the filter", attribute.name);
                return Err(ScimError::no_target(why));
            }
            // A value with the properties that the filter names is created.
            PatchKind::Add => {
                values.written.push(values.all.len());
                values.all.push(described(attribute, filter)?);
            }
        }
    }
    if let Some(part) = part {
        return write_part(values, part, operation);
    }
    if operation.kind == PatchKind::Remove {
        let gone = std::mem::take(&mut values.written);
        let mut at = 0;
        values.all.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        return Ok(());
    }
    let given = match checked(attribute, &operation.value)? {
        Some(Value::Array(given)) => given.into_iter().next(),
        _ => None,
    };
    let given = given
        .ok_or_else(|| ScimError::invalid_value(format!("'{}' needs a value", attribute.name)))?;
    for at in &values.written {
        let Some(present) = values.all.get_mut(*at) else { continue };
        match (operation.kind, present.as_object_mut(), given.as_object()) {
            (PatchKind::Add, Some(present), Some(more)) => present.extend(more.clone()),
            _ => *present = given.clone(),
        }
    }
    Ok(())
}

fn write_part(
    values: &mut Values,
    part: &Attribute,
    operation: &Operation<'_>,
) -> Result<(), ScimError> {
    let value = match operation.kind {
        PatchKind::Remove => None,
        _ => checked(part, &operation.value)?,
    };
    for at in &values.written {
        let Some(object) = values.all.get_mut(*at).and_then(Value::as_object_mut) else { continue };
        match &value {
            Some(value) => object.insert(part.name.clone(), value.clone()),
            None => object.remove(&part.name),
        };
    }
    Ok(())
}

/// Returns the value that the equality comparisons of a filter describe.
///
/// # Errors
/// `noTarget` if the filter has no such comparison.
fn described(attribute: &Attribute, filter: &Filter) -> Result<Value, ScimError> {
    let mut object = Resource::new();
    for comparison in filter.required() {
        if let (Operator::Eq, Some(part)) =
            (comparison.operator, attribute.part(&comparison.attribute))
        {
            let value = match part.kind {
                Kind::Boolean => json!(comparison.value.text().eq_ignore_ascii_case("true")),
                _ => json!(comparison.value.text()),
            };
            object.insert(part.name.clone(), value);
        }
    }
    if object.is_empty() {
        let why = format!("no value of '{}' passes the filter", attribute.name);
        return Err(ScimError::no_target(why));
    }
    Ok(object.into())
}

/// Clears `primary` of all other values if the operation wrote a primary one (RFC 7644 §3.5.2).
fn one_primary(values: &mut Values) {
    let Values { all, written } = values;
    let fresh = written.iter().rev().find(|at| all.get(**at).is_some_and(is_primary)).copied();
    let Some(fresh) = fresh else { return };
    for (at, one) in all.iter_mut().enumerate() {
        if at != fresh
            && is_primary(one)
            && let Some(object) = one.as_object_mut()
        {
            object.insert("primary".into(), false.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn patched(before: &Value, operations_json: Value) -> Result<Value, ScimError> {
        let of = schema::user(&[]);
        let mut resource = before.as_object().cloned().expect("an object");
        let body = json!({"schemas": [PATCH_SCHEMA], "Operations": operations_json});
        for operation in operations(&of, &body)? {
            apply(&mut resource, &operation)?;
        }
        Ok(resource.into())
    }

    #[test]
    fn rfc_7644_3_5_2_operations() {
        let before = json!({
            "userName": "alex", "name": {"givenName": "A"},
            "emails": [{"value": "w", "type": "work", "primary": true}, {"value": "h", "type": "home"}],
        });
        let work = json!({"value": "w", "type": "work", "primary": true});
        let home = json!({"value": "h", "type": "home"});
        for (operation, change) in [
            (json!({"op": "Add", "path": "nickName", "value": "al"}), json!({"nickName": "al"})),
            (
                json!({"op": "add", "value": {"nickName": "al", "id": "x"}}),
                json!({"nickName": "al"}),
            ),
            (
                json!({"op": "add", "path": "name", "value": {"familyName": "B"}}),
                json!({"name": {"givenName": "A", "familyName": "B"}}),
            ),
            (
                json!({"op": "replace", "path": "name", "value": {"familyName": "B"}}),
                json!({"name": {"familyName": "B"}}),
            ),
            (
                json!({"op": "replace", "value": {"name.givenName": "C"}}),
                json!({"name": {"givenName": "C"}}),
            ),
            (json!({"op": "remove", "path": "name.givenName"}), json!({"name": null})),
            (
                json!({"op": "add", "path": "emails", "value": [{"value": "n", "primary": true}, home]}),
                json!({"emails": [{"value": "w", "type": "work", "primary": false}, home, {"value": "n", "primary": true}]}),
            ),
            (
                json!({"op": "replace", "path": "emails[type eq \"home\"].value", "value": "x"}),
                json!({"emails": [work, {"value": "x", "type": "home"}]}),
            ),
            (
                json!({"op": "add", "path": "emails[type eq \"other\"].value", "value": "o"}),
                json!({"emails": [work, home, {"type": "other", "value": "o"}]}),
            ),
            (
                json!({"op": "remove", "path": "emails[type eq \"work\"]"}),
                json!({"emails": [home]}),
            ),
            (
                json!({"op": "remove", "path": "emails", "value": [{"value": "h"}]}),
                json!({"emails": [work]}),
            ),
            (json!({"op": "remove", "path": "emails"}), json!({"emails": null})),
            (json!({"op": "remove", "path": "emails[type eq \"fax\"]"}), json!({})),
            (
                json!({"op": "add", "path": schema::ENTERPRISE, "value": {"department": "d"}}),
                json!({schema::ENTERPRISE: {"department": "d"}}),
            ),
            (
                json!({"op": "add", "path": format!("{}:department", schema::ENTERPRISE), "value": "d"}),
                json!({schema::ENTERPRISE: {"department": "d"}}),
            ),
        ] {
            let mut want = before.as_object().cloned().expect("an object");
            for (name, value) in change.as_object().expect("an object") {
                if value.is_null() {
                    want.remove(name);
                } else {
                    want.insert(name.clone(), value.clone());
                }
            }
            let found = patched(&before, json!([operation])).expect("done");
            assert_eq!(found, Value::Object(want), "{operation}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let before = json!({"userName": "alex"});
        for (operation, kind) in [
            (json!({"op": "move", "path": "nickName"}), "invalidSyntax"),
            (json!({"op": "add", "path": "emails[", "value": 1}), "invalidPath"),
            (json!({"op": "add", "path": "id", "value": "x"}), "mutability"),
            (json!({"op": "remove", "path": "userName"}), "mutability"),
            (json!({"op": "remove"}), "noTarget"),
            (json!({"op": "remove", "path": "active"}), "mutability"),
            (
                json!({"op": "replace", "path": "emails[type eq \"x\"].value", "value": "y"}),
                "noTarget",
            ),
            (json!({"op": "replace", "path": "active", "value": "perhaps"}), "invalidValue"),
            (json!({"op": "add", "value": "x"}), "invalidValue"),
            (json!({"op": "add", "path": "emails[x eq \"y\"]", "value": "x"}), "invalidFilter"),
        ] {
            let error = patched(&before, json!([operation])).expect_err("refused");
            assert_eq!(error.kind, Some(kind), "{operation}");
        }
    }
}
