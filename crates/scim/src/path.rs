//! Parses attribute names and paths (RFC 7644 §3.5.2, figure 7, and §3.10).

use crate::error::ScimError;
use crate::filter::Filter;
use crate::schema::{Attribute, Kind, ResourceType, Schema};

/// A place in a resource, resolved against its schemas.
#[derive(Debug, Clone)]
pub struct Path<'a> {
    /// The extension that contains the attribute; `None` for the resource's own schema.
    pub extension: Option<&'a Schema>,
    /// The attribute; `None` if the path names a whole extension.
    pub attribute: Option<&'a Attribute>,
    /// Selects values of a multi-valued attribute.
    pub filter: Option<Filter>,
    /// The sub-attribute, if the path names one.
    pub part: Option<&'a Attribute>,
}

impl<'a> Path<'a> {
    /// Parses a path: `userName`, `name.familyName`, `emails[type eq "work"].value`, with or without a URN prefix.
    ///
    /// # Errors
    /// `invalidPath` if it names no attribute, or has a filter where none is possible; `invalidFilter` if the filter
    /// can't be parsed.
    pub fn parse(of: &'a ResourceType, text: &str) -> Result<Self, ScimError> {
        let text = text.trim();
        let unknown = || ScimError::invalid_path(format!("there is no attribute '{text}'"));
        if let Some(schema) = of.schema_of(text) {
            let extension = (schema.id != of.schema.id).then_some(schema);
            return Ok(Self { extension, attribute: None, filter: None, part: None });
        }
        let (schema, rest) = split_urn(of, text).ok_or_else(unknown)?;
        let extension = (schema.id != of.schema.id).then_some(schema);
        let (name, filter, part) = match rest.split_once('[') {
            Some((name, rest)) => {
                let (inner, after) = rest.rsplit_once(']').ok_or_else(unknown)?;
                let filter = Filter::parse(inner)
                    .map_err(|error| ScimError::invalid_filter(error.to_string()))?;
                let part = match after {
                    "" => None,
                    _ => Some(after.strip_prefix('.').ok_or_else(unknown)?),
                };
                (name, Some(filter), part)
            }
            None => match rest.split_once('.') {
                Some((name, part)) => (name, None, Some(part)),
                None => (rest, None, None),
            },
        };
        // Without a URN, an attribute that the resource's own schema lacks is looked up in the extensions.
        let bare = rest.len() == text.len();
        let of_extension = || {
            let mut all = of.extensions.iter().filter(|_| bare);
            all.find_map(|one| Some((Some(one), one.attribute(name)?)))
        };
        let own = schema.attribute(name).map(|attribute| (extension, attribute));
        let (extension, attribute) = own.or_else(of_extension).ok_or_else(unknown)?;
        if filter.is_some() && !(attribute.multi_valued && attribute.kind == Kind::Complex) {
            let why = format!("'{}' has no values among which to choose", attribute.name);
            return Err(ScimError::invalid_path(why));
        }
        let part = match part {
            Some(part) => Some(attribute.part(part).ok_or_else(unknown)?),
            None => None,
        };
        Ok(Self { extension, attribute: Some(attribute), filter, part })
    }

    /// Whether a text has the form of an attribute name, and there is no such attribute. RFC 7644 §3.3 and §3.5.2 let
    /// the server decide how to handle these.
    #[must_use]
    pub fn is_unknown(of: &'a ResourceType, text: &str) -> bool {
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '$');
        !text.is_empty() && text.chars().all(named) && Self::parse(of, text).is_err()
    }

    /// Returns the attribute that a comparison uses: the sub-attribute if there is one, otherwise the attribute.
    #[must_use]
    pub fn last(&self) -> Option<&'a Attribute> {
        self.part.or(self.attribute)
    }
}

/// Returns the schema that a URN prefix names, and the rest of the text. URNs contain dots and colons, so they can't
/// be split off by a separator.
fn split_urn<'a, 't>(of: &'a ResourceType, text: &'t str) -> Option<(&'a Schema, &'t str)> {
    if !text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        return Some((&of.schema, text));
    }
    std::iter::once(&of.schema).chain(&of.extensions).find_map(|schema| {
        let start = text.get(..schema.id.len())?;
        let rest = text.get(schema.id.len()..)?.strip_prefix(':')?;
        start.eq_ignore_ascii_case(&schema.id).then_some((schema, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn rfc_7644_3_5_2_paths() {
        let of = schema::user(&[]);
        for (text, attribute, part, filtered) in [
            ("userName", "userName", None, false),
            ("USERNAME", "userName", None, false),
            ("name.familyName", "name", Some("familyName"), false),
            ("emails[type eq \"work\"]", "emails", None, true),
            ("emails[type eq \"a.b]\"].value", "emails", Some("value"), true),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
                "name",
                Some("givenName"),
                false,
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
                "manager",
                Some("value"),
                false,
            ),
        ] {
            let path = Path::parse(&of, text).expect(text);
            assert_eq!(path.attribute.map(|one| one.name.as_str()), Some(attribute), "{text}");
            assert_eq!(path.part.map(|one| one.name.as_str()), part, "{text}");
            assert_eq!(path.filter.is_some(), filtered, "{text}");
        }
        let whole = Path::parse(&of, schema::ENTERPRISE).expect("an extension");
        assert!(whole.attribute.is_none() && whole.extension.is_some());
        for wrong in [
            "",
            "x",
            "name.x",
            "userName[a eq b]",
            "emails[",
            "emails[type]",
            "urn:x:y",
            "emails[a eq b]x",
        ] {
            assert!(Path::parse(&of, wrong).is_err(), "{wrong}");
        }
    }
}
