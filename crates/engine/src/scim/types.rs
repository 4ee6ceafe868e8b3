//! The resource types that SCIM serves.

use sojourn_scim::schema::Custom;
use sojourn_scim::{ResourceType, schema};

/// The resource types that the tenant's SCIM endpoints serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    /// Accounts, with the organisation's custom attributes.
    pub user: ResourceType,
    /// Groups, with their members and roles.
    pub group: ResourceType,
    /// Roles with permissions, users and groups.
    pub role: ResourceType,
}

impl Types {
    /// Creates the types; `custom` adds the organisation's attributes to users.
    #[must_use]
    pub fn new(custom: &[Custom]) -> Self {
        Self { user: schema::user(custom), group: schema::group(), role: schema::role() }
    }
}
