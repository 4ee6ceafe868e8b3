//! People, groups and roles as SCIM has them (RFC 7643, RFC 7644): lists, reads and writes. What a write does to
//! sessions is decided where every other change of roles, passwords and accounts is.

mod groups;
mod list;
mod resources;
mod roles;
mod users;

pub use users::{UserEdit, Writing};

use sojourn_model::Tenant;
use sojourn_scim::filter::Filter;
use sojourn_scim::schema;
pub use sojourn_scim::schema::{Custom, Kind};
use sojourn_scim::{Projection, Resource, ResourceType, ScimError};

use crate::engine::Engine;
use crate::error::EngineError;

/// Most users, groups or roles that are looked at for one list.
pub const SCAN_MAX: usize = 10_000;
/// Most resources on a page.
pub const PAGE_MAX: usize = 1_000;
/// Resources on a page when nobody says how many.
pub const PAGE: usize = 100;

/// What isn't served, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScimFailure {
    /// The request breaks a rule of SCIM.
    #[error(transparent)]
    Refused(#[from] ScimError),
    /// What was asked for can't be done, or failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<sojourn_store::StoreError> for ScimFailure {
    fn from(error: sojourn_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// The types of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    /// People's accounts.
    pub user: ResourceType,
    /// Groups of users.
    pub group: ResourceType,
    /// Roles.
    pub role: ResourceType,
}

impl Types {
    /// With what an organisation adds to users.
    #[must_use]
    pub fn new(custom: &[Custom]) -> Self {
        Self { user: schema::user(custom), group: schema::group(), role: schema::role() }
    }
}

/// A list that a client asks for (RFC 7644 §3.4.2).
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// What passes.
    pub filter: Option<Filter>,
    /// The attribute by which it is sorted.
    pub sort_by: Option<String>,
    /// Whether the greatest come first.
    pub descending: bool,
    /// Which part of it.
    pub page: Page,
    /// Which attributes are shown.
    pub shown: Projection,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// From a place on, the first being 1 (RFC 7644 §3.4.2.4).
    Index {
        /// The place.
        start: usize,
        /// At most so many.
        count: usize,
    },
    /// From where another page ended (RFC 9865); from the beginning without a cursor.
    Cursor {
        /// What that page answered.
        at: Option<String>,
        /// At most so many.
        count: usize,
    },
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    /// How many there are in all, where that is known.
    pub total: Option<usize>,
    /// Where the next page begins, for pages by cursor.
    pub next: Option<String>,
    /// The page.
    pub resources: Vec<Resource>,
}

impl Engine {
    /// The types of resources.
    #[must_use]
    pub fn scim_types(&self) -> &Types {
        &self.scim_types
    }

    /// Where a tenant's resources are.
    #[must_use]
    pub fn scim_base(&self, tenant: &Tenant) -> String {
        format!("{}/scim2", self.settings.address(tenant))
    }
}

/// The part of an entity tag that says which version of the resource was read: `W/"3.0a1b"` is of version 3.
#[must_use]
pub fn version_of(tag: &str) -> Option<i64> {
    let inner = tag.trim().strip_prefix("W/").unwrap_or(tag.trim());
    let inner = inner.strip_prefix('"')?.strip_suffix('"')?;
    inner.split('.').next()?.parse().ok()
}
