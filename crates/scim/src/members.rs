//! Changes to the members of a resource, recorded as the ids to add and remove, so that adding one member doesn't
//! require reading a list of a hundred thousand.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::ScimError;
use crate::filter::{Filter, Operator};
use crate::patch::{Operation, PatchKind};
use crate::resource::{Resource, checked};

/// The result of all changes to a list of members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// Whether `add` is the complete new list: all other members are removed.
    pub only: bool,
    /// The ids of members to add.
    pub add: BTreeSet<String>,
    /// The ids of members to remove.
    pub remove: BTreeSet<String>,
}

impl Members {
    /// Creates a change that sets the list to exactly these ids.
    #[must_use]
    pub fn exactly(ids: Vec<String>) -> Self {
        Self { only: true, add: ids.into_iter().collect(), remove: BTreeSet::new() }
    }

    /// Whether the list stays as it is.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.only && self.add.is_empty() && self.remove.is_empty()
    }

    fn join(&mut self, ids: Vec<String>) {
        for id in ids {
            self.remove.remove(&id);
            self.add.insert(id);
        }
    }

    fn leave(&mut self, ids: Vec<String>) {
        for id in ids {
            self.add.remove(&id);
            if !self.only {
                self.remove.insert(id);
            }
        }
    }

    /// Applies a patch operation to the list of members.
    ///
    /// # Errors
    /// `invalidFilter` if members are selected by anything but their ids, `invalidValue` if the value doesn't fit the
    /// attribute, `mutability` if a sub-attribute of a member would change.
    pub fn apply(&mut self, operation: &Operation<'_>) -> Result<(), ScimError> {
        let Some(attribute) = operation.path.attribute else { return Ok(()) };
        if operation.path.part.is_some() {
            let why = format!("a value of '{}' is added or removed, not changed", attribute.name);
            return Err(ScimError::mutability(why));
        }
        let given = match checked(attribute, &operation.value)? {
            Some(value) => ids_of(&value),
            None => Vec::new(),
        };
        let chosen = operation.path.filter.as_ref().map(chosen).transpose()?;
        match (operation.kind, chosen) {
            (PatchKind::Remove, Some(chosen)) => self.leave(chosen),
            // Some clients list the members to remove in the value.
            (PatchKind::Remove, None) if !given.is_empty() => self.leave(given),
            (PatchKind::Remove, None) => *self = Self::exactly(Vec::new()),
            (PatchKind::Add, None) => self.join(given),
            (PatchKind::Replace, None) => *self = Self::exactly(given),
            (PatchKind::Add, Some(chosen)) => self.join(chosen),
            (PatchKind::Replace, Some(chosen)) => {
                self.leave(chosen);
                self.join(given);
            }
        }
        Ok(())
    }
}

/// Returns the ids in a list of members of a resource.
#[must_use]
pub fn of(resource: &Resource, name: &str) -> Vec<String> {
    resource.get(name).map(ids_of).unwrap_or_default()
}

fn ids_of(value: &Value) -> Vec<String> {
    let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let id = |one: &Value| one.get("value").and_then(Value::as_str).map(str::to_owned);
    all.iter().filter_map(id).collect()
}

/// Returns the ids that a filter selects: `value eq "a"`, or several of these joined by `or`.
fn chosen(filter: &Filter) -> Result<Vec<String>, ScimError> {
    let wrong = || ScimError::invalid_filter("choose by id: value eq \"…\"");
    match filter {
        Filter::Compare(one)
            if one.operator == Operator::Eq && one.attribute.eq_ignore_ascii_case("value") =>
        {
            Ok(vec![one.value.text()])
        }
        Filter::Or(all) => {
            let ids: Result<Vec<_>, _> = all.iter().map(chosen).collect();
            Ok(ids?.into_iter().flatten().collect())
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::patch::{PATCH_SCHEMA, operations};
    use crate::schema;

    fn after(operations_json: Value) -> Result<Members, ScimError> {
        let of = schema::group();
        let body = json!({"schemas": [PATCH_SCHEMA], "Operations": operations_json});
        let mut members = Members::default();
        for operation in operations(&of, &body)? {
            members.apply(&operation)?;
        }
        Ok(members)
    }

    #[test]
    fn members_come_and_go_without_the_list() {
        let add = |ids: &[&str]| {
            let ids: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
            json!({"op": "add", "path": "members", "value": ids})
        };
        let gone = json!({"op": "remove", "path": "members[value eq \"a\" or value eq \"c\"]"});
        let text = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let members = after(json!([add(&["a", "b"]), gone])).expect("fine");
        assert_eq!((members.add, members.remove), (text(&["b"]), text(&["a", "c"])));
        let members = after(json!([gone, add(&["a"])])).expect("fine");
        assert_eq!((members.add, members.remove), (text(&["a"]), text(&["c"])));
        let replaced =
            json!({"op": "replace", "value": {"members": [{"value": "x"}, {"value": "a"}]}});
        let members = after(json!([add(&["b"]), replaced, gone])).expect("fine");
        assert_eq!(members, Members::exactly(vec!["x".into()]));
        let listed = json!({"op": "remove", "path": "members", "value": [{"value": "b"}]});
        assert_eq!(after(json!([listed])).expect("fine").remove, text(&["b"]));
        let none = json!({"op": "remove", "path": "members"});
        assert_eq!(after(json!([none])).expect("fine"), Members::exactly(Vec::new()));
        for (wrong, kind) in [
            (json!({"op": "remove", "path": "members[display eq \"a\"]"}), "invalidFilter"),
            (
                json!({"op": "replace", "path": "members[value eq \"a\"].value", "value": "b"}),
                "mutability",
            ),
        ] {
            assert_eq!(after(json!([wrong])).expect_err("refused").kind, Some(kind));
        }
    }
}
