//! Users, groups and roles as SCIM resources (RFC 7643, RFC 7644): lists, reads and writes. The effects of a write on
//! sessions are decided in the same place as for every other change of roles, passwords and accounts.

mod groups;
mod list;
mod resources;
mod roles;
pub(crate) mod types;
mod users;

pub use types::Types;
pub use users::{UserEdit, Writing};

use sojourn_model::Tenant;
use sojourn_scim::filter::Filter;
pub use sojourn_scim::schema::{Custom, Kind};
use sojourn_scim::{Projection, Resource, ScimError};

use crate::engine::Engine;
use crate::error::EngineError;

/// Maximum number of users, groups or roles that are scanned for one list.
pub const SCAN_MAX: usize = 10_000;
/// Maximum number of resources on a page.
pub const PAGE_MAX: usize = 1_000;
/// Number of resources on a page if the client doesn't specify it.
pub const PAGE: usize = 100;

/// Reasons why a SCIM request fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScimFailure {
    /// The request violates a rule of SCIM.
    #[error(transparent)]
    Refused(#[from] ScimError),
    /// The use case failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<sojourn_store::StoreError> for ScimFailure {
    fn from(error: sojourn_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A list request (RFC 7644 §3.4.2).
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// Filter that the resources must match.
    pub filter: Option<Filter>,
    /// Path of the attribute by which the list is sorted.
    pub sort_by: Option<String>,
    /// Whether the order is descending.
    pub descending: bool,
    /// The requested part of the list.
    pub page: Page,
    /// The attributes that are returned.
    pub shown: Projection,
}

/// The requested part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// By index of the first resource, starting with 1 (RFC 7644 §3.4.2.4).
    Index {
        /// Index of the first resource.
        start: usize,
        /// Maximum number of resources.
        count: usize,
    },
    /// After the end of another page (RFC 9865), or from the beginning if there is no cursor.
    Cursor {
        /// The cursor that the other page returned.
        at: Option<String>,
        /// Maximum number of resources.
        count: usize,
    },
}

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listed {
    /// Total number of results, if it is known.
    pub total: Option<usize>,
    /// Cursor of the next page, for pages by cursor.
    pub next: Option<String>,
    /// Resources on this page, in order.
    pub resources: Vec<Resource>,
}

impl Engine {
    /// The resource types, including custom attributes.
    #[must_use]
    pub fn scim_types(&self) -> &Types {
        &self.scim_types
    }

    /// The base URL of a tenant's SCIM endpoints.
    #[must_use]
    pub fn scim_base(&self, tenant: &Tenant) -> String {
        format!("{}/scim2", self.settings.address(tenant))
    }
}

/// The version in an entity tag: `W/"3.0a1b"` refers to version 3 of the resource.
#[must_use]
pub fn version_of(tag: &str) -> Option<i64> {
    let inner = tag.trim().strip_prefix("W/").unwrap_or(tag.trim());
    let inner = inner.strip_prefix('"')?.strip_suffix('"')?;
    inner.split('.').next()?.parse().ok()
}
