//! Rights: what a user's roles, an application's registration and a token's scopes allow.

use sojourn_model::{Role, RoleState, TenantId, UserId};

use crate::engine::Engine;
use crate::error::EngineError;

/// The scopes of the administrative APIs that exist.
pub const ADMIN_SCOPES: &[&str] = &[
    "internal_login",
    "internal_session_view",
    "internal_session_delete",
    "internal_session_delivery_manage",
    "internal_session_policy_update",
    "internal_config_view",
    "internal_config_update",
    "internal_event_handler_view",
    "internal_event_handler_manage",
    "internal_audit_view",
    "internal_application_mgt",
    "internal_application_mgt_view",
    "internal_application_mgt_create",
    "internal_application_mgt_update",
    "internal_application_mgt_delete",
    "internal_tenant_mgt",
    "internal_tenant_mgt_list",
    "internal_tenant_mgt_view",
    "internal_tenant_mgt_create",
    "internal_tenant_mgt_update",
    "internal_tenant_mgt_delete",
    "internal_user_mgt",
    "internal_user_mgt_list",
    "internal_user_mgt_view",
    "internal_user_mgt_create",
    "internal_user_mgt_update",
    "internal_user_mgt_delete",
    "internal_group_mgt",
    "internal_group_mgt_list",
    "internal_group_mgt_view",
    "internal_group_mgt_create",
    "internal_group_mgt_update",
    "internal_group_mgt_delete",
    "internal_role_mgt",
    "internal_role_mgt_list",
    "internal_role_mgt_view",
    "internal_role_mgt_create",
    "internal_role_mgt_update",
    "internal_role_mgt_delete",
];

const EVERYTHING: &str = "internal_*";

/// A set of rights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    scopes: Vec<String>,
}

impl Rights {
    /// The rights that a list of scopes stands for.
    #[must_use]
    pub fn of_scopes(scopes: &str) -> Self {
        Self { scopes: scopes.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect() }
    }

    /// Every administrative right.
    #[must_use]
    pub fn everything() -> Self {
        Self::of_scopes(EVERYTHING)
    }

    /// The rights that roles give. A role that is being removed gives nothing.
    #[must_use]
    pub fn of_roles(roles: &[Role]) -> Self {
        let mut rights = Self::of_scopes("internal_login");
        for role in roles.iter().filter(|role| role.state == RoleState::Active) {
            rights.scopes.extend(Self::of_scopes(&role.permissions).scopes);
        }
        rights
    }

    /// The scopes, separated by blanks.
    #[must_use]
    pub fn as_scopes(&self) -> String {
        self.scopes.join(" ")
    }

    /// Whether they include a scope.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|mine| {
            mine == scope
                || (mine == EVERYTHING && scope.starts_with("internal_"))
                // `internal_user_mgt` stands for `internal_user_mgt_create` and its like.
                || (mine.starts_with("internal_")
                    && scope.strip_prefix(mine.as_str()).is_some_and(|rest| rest.starts_with('_')))
        })
    }

    /// Only those that the other set has as well.
    #[must_use]
    pub fn narrowed_to(&self, other: &Self) -> Self {
        let mut scopes: Vec<String> = self
            .scopes
            .iter()
            .filter(|scope| other.has(scope) || other.scopes.contains(scope))
            .chain(other.scopes.iter().filter(|scope| self.has(scope)))
            .cloned()
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self { scopes }
    }

    /// Whether nobody has more administrative rights than these.
    #[must_use]
    pub fn cover_everyone(&self) -> bool {
        self.scopes.iter().any(|scope| scope == EVERYTHING)
    }

    /// Whether the other isn't above these: every administrative right of the other is here too.
    #[must_use]
    pub fn cover(&self, other: &Self) -> bool {
        other
            .scopes
            .iter()
            .filter(|scope| scope.starts_with("internal_") && *scope != "internal_login")
            .all(|scope| self.has(scope) || self.scopes.contains(scope))
    }

    /// Whether they include an administrative right.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        ADMIN_SCOPES.iter().skip(1).any(|scope| self.has(scope))
    }
}

impl Engine {
    /// A user's rights.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn rights_of_user(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Rights, EngineError> {
        Ok(Rights::of_roles(&self.store.roles_of_user(tenant, user).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_narrowing_and_rank() {
        let admin = Rights::of_scopes("internal_login internal_*");
        let viewer = Rights::of_scopes("internal_login internal_session_view");
        let plain = Rights::of_scopes("internal_login");
        assert!(admin.has("internal_session_delete") && !admin.has("openid"));
        assert!(admin.cover(&viewer) && admin.cover(&admin) && viewer.cover(&plain));
        assert!(!viewer.cover(&admin) && !plain.cover(&viewer));
        assert!(Rights::default().cover(&plain));
        let token = Rights::of_scopes("openid internal_session_view");
        let narrowed = admin.narrowed_to(&token);
        assert!(narrowed.has("internal_session_view"));
        assert!(!narrowed.has("internal_session_delete") && !narrowed.has("internal_login"));
        assert!(admin.is_administrator() && viewer.is_administrator() && !plain.is_administrator());
    }
}
