//! Evaluates filters on resources (RFC 7644 §3.4.2.2).

use serde_json::Value;

use crate::error::ScimError;
use crate::filter::{Comparison, Filter, Literal, Operator};
use crate::path::Path;
use crate::resource::Resource;
use crate::schema::{Attribute, Kind, ResourceType};

/// Checks that every attribute of a filter exists and that its value can be compared with the operator.
///
/// # Errors
/// `invalidFilter` if an attribute is unknown or a comparison isn't allowed.
pub fn check(of: &ResourceType, filter: &Filter) -> Result<(), ScimError> {
    walk(filter, &|attribute| {
        let path = Path::parse(of, attribute);
        let path = path.map_err(|error| ScimError::invalid_filter(error.detail))?;
        let found = path.last();
        found.ok_or_else(|| ScimError::invalid_filter(format!("'{attribute}' has no value")))
    })
}

/// Checks a filter on the values of a complex attribute; its names are sub-attributes.
///
/// # Errors
/// `invalidFilter` if a sub-attribute is unknown or a comparison isn't allowed.
pub fn check_within(attribute: &Attribute, filter: &Filter) -> Result<(), ScimError> {
    walk(filter, &|name| {
        let unknown = || ScimError::invalid_filter(format!("'{}' has no '{name}'", attribute.name));
        attribute.part(name).ok_or_else(unknown)
    })
}

fn walk<'a>(
    filter: &Filter,
    find: &impl Fn(&str) -> Result<&'a Attribute, ScimError>,
) -> Result<(), ScimError> {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().try_for_each(|one| walk(one, find)),
        Filter::Not(inner) => walk(inner, find),
        Filter::Present(name) => find(name).map(|_| ()),
        Filter::Within(name, inner) => check_within(find(name)?, inner),
        Filter::Compare(comparison) => comparable(find(&comparison.attribute)?, comparison),
    }
}

/// Returns what a comparison uses: the sub-attribute `value` of a complex attribute, otherwise the attribute itself.
fn compared(attribute: &Attribute) -> Option<&Attribute> {
    if attribute.kind == Kind::Complex { attribute.part("value") } else { Some(attribute) }
}

fn comparable(attribute: &Attribute, comparison: &Comparison) -> Result<(), ScimError> {
    let name = &attribute.name;
    let Some(by) = compared(attribute) else {
        return Err(ScimError::invalid_filter(format!("'{name}' has parts: compare one of them")));
    };
    let fits = match (by.kind, &comparison.value) {
        (_, Literal::Null) => matches!(comparison.operator, Operator::Eq | Operator::Ne),
        (Kind::Boolean, value) => {
            matches!(comparison.operator, Operator::Eq | Operator::Ne) && flag(value).is_some()
        }
        (Kind::Integer, value) => matches!(value, Literal::Number(_)),
        (Kind::DateTime, value) => {
            value.text().parse::<jiff::Timestamp>().is_ok()
                && !matches!(comparison.operator, Operator::Co | Operator::Sw | Operator::Ew)
        }
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        let operator = comparison.operator.name();
        Err(ScimError::invalid_filter(format!("'{name}' can't be compared so with '{operator}'")))
    }
}

fn flag(value: &Literal) -> Option<bool> {
    match value {
        Literal::Flag(flag) => Some(*flag),
        Literal::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Literal::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether a resource matches a filter that [`check`] has accepted.
#[must_use]
pub fn passes(of: &ResourceType, resource: &Resource, filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| passes(of, resource, one)),
        Filter::Or(all) => all.iter().any(|one| passes(of, resource, one)),
        Filter::Not(inner) => !passes(of, resource, inner),
        Filter::Present(name) => {
            Path::parse(of, name).is_ok_and(|path| !values(resource, &path).is_empty())
        }
        Filter::Within(name, inner) => Path::parse(of, name).is_ok_and(|path| {
            let Some(attribute) = path.attribute else { return false };
            values(resource, &path).iter().any(|value| passes_within(attribute, value, inner))
        }),
        Filter::Compare(comparison) => Path::parse(of, &comparison.attribute).is_ok_and(|path| {
            let Some(attribute) = path.last() else { return false };
            holds(attribute, &values(resource, &path), comparison)
        }),
    }
}

/// Whether one value of a complex attribute matches a filter on its sub-attributes.
#[must_use]
pub fn passes_within(attribute: &Attribute, value: &Value, filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| passes_within(attribute, value, one)),
        Filter::Or(all) => all.iter().any(|one| passes_within(attribute, value, one)),
        Filter::Not(inner) => !passes_within(attribute, value, inner),
        Filter::Present(name) => part_of(attribute, value, name).is_some(),
        Filter::Within(..) => false,
        Filter::Compare(comparison) => {
            let Some(part) = attribute.part(&comparison.attribute) else { return false };
            let found = part_of(attribute, value, &comparison.attribute);
            holds(part, &found.into_iter().collect::<Vec<_>>(), comparison)
        }
    }
}

fn part_of<'a>(attribute: &Attribute, value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(&attribute.part(name)?.name)
}

/// Returns the values at a path; a multi-valued attribute contributes each of its values.
fn values<'a>(resource: &'a Resource, path: &Path<'_>) -> Vec<&'a Value> {
    let inside = match path.extension {
        Some(extension) => resource.get(&extension.id).and_then(Value::as_object),
        None => Some(resource),
    };
    let Some(inside) = inside else { return Vec::new() };
    let Some(attribute) = path.attribute else { return Vec::new() };
    let all: Vec<&Value> = match inside.get(&attribute.name) {
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    match path.part {
        Some(part) => all.into_iter().filter_map(|one| one.get(&part.name)).collect(),
        None => all,
    }
}

fn holds(attribute: &Attribute, values: &[&Value], comparison: &Comparison) -> bool {
    let Some(by) = compared(attribute) else { return false };
    let parts = values.iter().filter_map(|value| match value {
        Value::Object(object) => object.get(&by.name),
        other => Some(*other),
    });
    let mut parts = parts;
    match (comparison.operator, &comparison.value) {
        (Operator::Eq, Literal::Null) => values.is_empty(),
        (Operator::Ne, Literal::Null) => !values.is_empty(),
        (Operator::Ne, value) => !parts.any(|part| one_holds(by, part, Operator::Eq, value)),
        (operator, value) => parts.any(|part| one_holds(by, part, operator, value)),
    }
}

fn one_holds(attribute: &Attribute, value: &Value, operator: Operator, with: &Literal) -> bool {
    match (attribute.kind, value) {
        (Kind::Boolean, Value::Bool(value)) => flag(with) == Some(*value),
        (Kind::Integer, Value::Number(value)) => match (value.as_i64(), with) {
            (Some(value), Literal::Number(with)) => ordered(&value, operator, with),
            _ => false,
        },
        (Kind::DateTime, Value::String(value)) => {
            let read = |text: &str| text.parse::<jiff::Timestamp>().ok();
            match (read(value), read(&with.text())) {
                (Some(value), Some(with)) => ordered(&value, operator, &with),
                _ => false,
            }
        }
        (_, Value::String(value)) => text_holds(attribute, value, operator, &with.text()),
        _ => false,
    }
}

fn text_holds(attribute: &Attribute, value: &str, operator: Operator, with: &str) -> bool {
    let (lower_value, lower_with);
    let (value, with) = if attribute.case_exact {
        (value, with)
    } else {
        (lower_value, lower_with) = (value.to_lowercase(), with.to_lowercase());
        (lower_value.as_str(), lower_with.as_str())
    };
    match operator {
        Operator::Co => value.contains(with),
        Operator::Sw => value.starts_with(with),
        Operator::Ew => value.ends_with(with),
        other => ordered(&value, other, &with),
    }
}

fn ordered<T: PartialOrd>(value: &T, operator: Operator, with: &T) -> bool {
    match operator {
        Operator::Eq => value == with,
        Operator::Ne => value != with,
        Operator::Gt => value > with,
        Operator::Ge => value >= with,
        Operator::Lt => value < with,
        Operator::Le => value <= with,
        Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema;

    #[test]
    fn rfc_7644_3_4_2_2_evaluation() {
        let of = schema::user(&[]);
        let alex = json!({
            "id": "ab", "userName": "Alex", "active": true, "name": {"familyName": "O'Malley"},
            "emails": [{"value": "a@work.test", "type": "work"}, {"value": "b@home.test", "type": "home"}],
            "meta": {"lastModified": "2026-05-13T04:42:34.000Z"},
            schema::ENTERPRISE: {"department": "Post"},
        });
        let alex = alex.as_object().expect("an object");
        for (text, want) in [
            ("userName eq \"aLEX\"", true),
            ("id eq \"AB\"", false),
            ("name.familyName co \"o'm\"", true),
            ("emails co \"home.test\"", true),
            ("emails[type eq \"work\" and value ew \"work.test\"]", true),
            ("emails[type eq \"work\" and value ew \"home.test\"]", false),
            ("emails.type eq \"home\"", true),
            ("emails.type ne \"home\"", false),
            ("nickName pr", false),
            ("not (nickName pr)", true),
            ("nickName eq null", true),
            ("active eq true and userName sw \"a\"", true),
            ("active ne true", false),
            ("meta.lastModified ge \"2026-05-13T04:42:34Z\"", true),
            ("meta.lastModified gt \"2026-05-13T04:42:34Z\"", false),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"post\"",
                true,
            ),
        ] {
            let filter = Filter::parse(text).expect(text);
            check(&of, &filter).expect(text);
            assert_eq!(passes(&of, alex, &filter), want, "{text}");
        }
        for wrong in [
            "nothing eq \"a\"",
            "active gt true",
            "active eq \"maybe\"",
            "name eq \"a\"",
            "meta.created co \"2026\"",
            "emails[x eq \"a\"]",
        ] {
            let filter = Filter::parse(wrong).expect(wrong);
            assert_eq!(check(&of, &filter).expect_err(wrong).kind, Some("invalidFilter"));
        }
    }
}
