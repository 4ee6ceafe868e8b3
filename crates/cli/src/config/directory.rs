//! Sections about accounts: the account lock and custom attributes.

use serde::Deserialize;
use sojourn_engine::Lockout;
use sojourn_engine::scim::{Custom, Kind};

use super::values::Duration;

/// `[account_lock]`: locks accounts after failed attempts. Without it they are throttled and never locked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountLockSection {
    /// So many failed attempts within the window of `[throttle]`; fewer than its `per_account`.
    pub(crate) attempts: i64,
    /// When it opens by itself; without it an administrator opens it.
    pub(crate) unlock_after: Option<Duration>,
}

impl AccountLockSection {
    pub(crate) fn lockout(&self) -> Lockout {
        Lockout { attempts: self.attempts, unlock_after_ms: self.unlock_after.map(|after| after.0) }
    }
}

/// The type of a custom attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AttributeType {
    #[default]
    String,
    Boolean,
    Integer,
    DateTime,
    Reference,
}

/// `[[custom_attribute]]`: an attribute of users in SCIM, in `urn:sojourn:schemas:extension:custom:2.0:User`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomAttributeSection {
    /// Its name: letters, digits, `-` and `_`.
    pub(crate) name: String,
    /// What it is, for people.
    #[serde(default)]
    pub(crate) description: String,
    /// "string", "boolean", "integer", "dateTime" or "reference".
    #[serde(default, rename = "type")]
    pub(crate) kind: AttributeType,
    /// Whether it has several values.
    #[serde(default)]
    pub(crate) multi_valued: bool,
    /// Whether SCIM takes no user without it.
    #[serde(default)]
    pub(crate) required: bool,
}

impl CustomAttributeSection {
    /// Whether the name is a valid attribute name (RFC 7643 §2.1).
    pub(crate) fn has_a_name(&self) -> bool {
        self.name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    }

    pub(crate) fn custom(&self) -> Custom {
        Custom {
            name: self.name.clone(),
            description: self.description.clone(),
            kind: match self.kind {
                AttributeType::String => Kind::String,
                AttributeType::Boolean => Kind::Boolean,
                AttributeType::Integer => Kind::Integer,
                AttributeType::DateTime => Kind::DateTime,
                AttributeType::Reference => Kind::Reference,
            },
            multi_valued: self.multi_valued,
            required: self.required,
        }
    }
}
