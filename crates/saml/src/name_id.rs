//! Name identifiers of users (Core §8.3), and how they are written and compared.

use serde::{Deserialize, Serialize};
pub use sojourn_model::NameIdFormat as Format;

use crate::xml::{Element, Node, Read as _, XmlError};

/// Maximum length of a name, in characters: persistent ones can have 256 (Core §8.3.7), and mail addresses can be
/// longer.
const VALUE_MAX: usize = 1024;

/// The name of a user at one service provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NameId {
    /// The name itself; not empty.
    pub value: String,
    /// URI of the name's format.
    pub format: String,
    /// Entity id of the identity provider that assigned the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// Entity id of the service provider that the name is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sp_qualifier: Option<String>,
}

impl NameId {
    /// Creates a name without qualifiers.
    #[must_use]
    pub fn new(format: Format, value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            format: format.uri().to_owned(),
            qualifier: None,
            sp_qualifier: None,
        }
    }

    /// Returns the `NameID` element for assertions and logout requests.
    #[must_use]
    pub fn element(&self) -> Element {
        Element::new("saml:NameID")
            .maybe_attr("NameQualifier", self.qualifier.clone())
            .maybe_attr("SPNameQualifier", self.sp_qualifier.clone())
            .attr("Format", self.format.clone())
            .text(&self.value)
    }

    pub(crate) fn read(node: Node<'_, '_>) -> Result<Self, XmlError> {
        let value = node.value()?;
        if value.is_empty() || value.chars().count() > VALUE_MAX {
            return Err(XmlError::Invalid("NameID is empty or too long".into()));
        }
        let attr = |name| node.attr(name).filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(Self {
            value: value.to_owned(),
            format: attr("Format").unwrap_or_else(|| Format::Unspecified.uri().to_owned()),
            qualifier: attr("NameQualifier"),
            sp_qualifier: attr("SPNameQualifier"),
        })
    }

    /// Whether another name identifies the same user as this one. A qualifier that the other name omits has its
    /// default, the value with which the name was issued (Core §8.3.7, §8.3.8); so has an omitted format.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let same = |mine: &Option<String>, theirs: &Option<String>| {
            theirs.is_none() || mine.is_none() || mine == theirs
        };
        self.value == other.value
            && (self.format == other.format || other.format == Format::Unspecified.uri())
            && same(&self.qualifier, &other.qualifier)
            && same(&self.sp_qualifier, &other.sp_qualifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_itself_and_what_leaves_out_what_is_clear() {
        let mine = NameId {
            sp_qualifier: Some("sp".into()),
            qualifier: Some("idp".into()),
            ..NameId::new(Format::Persistent, "x")
        };
        let bare = NameId::new(Format::Persistent, "x");
        assert!(mine.matches(&mine) && mine.matches(&bare));
        assert!(mine.matches(&NameId::new(Format::Unspecified, "x")));
        assert!(!mine.matches(&NameId { sp_qualifier: Some("other".into()), ..mine.clone() }));
        assert!(!mine.matches(&NameId::new(Format::Transient, "x")));
        assert!(!mine.matches(&NameId::new(Format::Persistent, "y")));
    }
}
