//! Sections about accounts: the account lock and custom attributes.

use serde::Deserialize;
use sojourn_engine::Lockout;
use sojourn_engine::scim::{Custom, Kind};

use super::values::Duration;

/// `[account_lock]`: locks accounts after failed attempts. Without this section, attempts are only throttled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountLockSection {
    /// Number of failed attempts within the window of `[throttle]` that locks an account, from 1 to `per_account` of
    /// `[throttle]`.
    pub(crate) attempts: i64,
    /// Time after which the account is unlocked automatically. If left out, only an administrator can unlock it.
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

/// `[[custom_attribute]]`: an additional attribute of users in SCIM, in
/// `urn:sojourn:schemas:extension:custom:2.0:User`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomAttributeSection {
    /// Name of the attribute: a letter, followed by letters, digits, `-` and `_`.
    pub(crate) name: String,
    /// Description of the attribute in the SCIM schema. Defaults to an empty text.
    #[serde(default)]
    pub(crate) description: String,
    /// Type of the attribute: "string" (the default), "boolean", "integer", "dateTime" or "reference".
    #[serde(default, rename = "type")]
    pub(crate) kind: AttributeType,
    /// Whether the attribute can have several values. Defaults to `false`.
    #[serde(default)]
    pub(crate) multi_valued: bool,
    /// Whether SCIM refuses users without the attribute. Defaults to `false`.
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
