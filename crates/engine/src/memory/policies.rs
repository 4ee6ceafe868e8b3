//! A tenant's policies, as the catalog keeps them.

use std::collections::HashMap;

use sojourn_model::{AppId, GroupId, RoleId, SessionPolicy};

/// A tenant's policies, cached in memory.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    pub(crate) tenant: SessionPolicy,
    pub(crate) applications: HashMap<AppId, SessionPolicy>,
    pub(crate) roles: HashMap<RoleId, SessionPolicy>,
    pub(crate) groups: HashMap<GroupId, SessionPolicy>,
    /// Whether any user has their own policy; if none has, the lookup is skipped.
    pub(crate) users: bool,
}
