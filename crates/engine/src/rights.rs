//! Rights: what a user's roles, an application's registration and a token's scopes allow.

use sojourn_model::{Role, RoleState, TenantId, UserId};

use crate::engine::Engine;
use crate::error::EngineError;

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $scope:literal,)*) => {
        /// What the administrative APIs and pages ask for. Each right is a scope of that name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Right {
            $($(#[$doc])* $name,)*
        }

        impl Right {
            /// Every right.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The scope that a token, a role or an application needs for it.
            #[must_use]
            pub const fn as_scope(self) -> &'static str {
                match self {
                    $(Self::$name => $scope,)*
                }
            }
        }

        /// The scopes of all rights, as discovery names them.
        pub const ADMIN_SCOPES: &[&str] = &[$($scope,)*];
    };
}

rights! {
    /// Signing in to the APIs for oneself.
    Login = "internal_login",
    /// Finding sessions of others, and what applications were told of their ends.
    SessionView = "internal_session_view",
    /// Ending sessions of others, and jobs that do.
    SessionDelete = "internal_session_delete",
    /// Sending notices again, and giving them up.
    SessionDeliveryManage = "internal_session_delivery_manage",
    /// Setting session policies.
    SessionPolicyUpdate = "internal_session_policy_update",
    /// Reading settings, keys and the look of a tenant.
    ConfigView = "internal_config_view",
    /// Changing settings, keys and the look of a tenant.
    ConfigUpdate = "internal_config_update",
    /// Seeing handlers and what they have to do.
    EventHandlerView = "internal_event_handler_view",
    /// Repeating and giving up what handlers have to do.
    EventHandlerManage = "internal_event_handler_manage",
    /// Reading the audit log.
    AuditView = "internal_audit_view",
    /// All that concerns applications.
    ApplicationManage = "internal_application_mgt",
    /// Reading applications.
    ApplicationView = "internal_application_mgt_view",
    /// Making applications.
    ApplicationCreate = "internal_application_mgt_create",
    /// Changing applications.
    ApplicationUpdate = "internal_application_mgt_update",
    /// Removing applications.
    ApplicationDelete = "internal_application_mgt_delete",
    /// All that concerns tenants.
    TenantManage = "internal_tenant_mgt",
    /// Listing tenants.
    TenantList = "internal_tenant_mgt_list",
    /// Reading tenants.
    TenantView = "internal_tenant_mgt_view",
    /// Making tenants.
    TenantCreate = "internal_tenant_mgt_create",
    /// Changing tenants.
    TenantUpdate = "internal_tenant_mgt_update",
    /// Removing tenants.
    TenantDelete = "internal_tenant_mgt_delete",
    /// All that concerns accounts.
    UserManage = "internal_user_mgt",
    /// Listing accounts.
    UserList = "internal_user_mgt_list",
    /// Reading accounts.
    UserView = "internal_user_mgt_view",
    /// Seeing the passkeys and second factors of accounts by the API.
    UserFactorView = "internal_user_factor_view",
    /// Making accounts.
    UserCreate = "internal_user_mgt_create",
    /// Changing accounts.
    UserUpdate = "internal_user_mgt_update",
    /// Removing the passkeys and second factors of accounts by the API, besides changing accounts.
    UserFactorReset = "internal_user_factor_reset",
    /// Securing accounts that somebody else may be in by the API, besides changing accounts.
    UserSecure = "internal_user_secure",
    /// Removing accounts.
    UserDelete = "internal_user_mgt_delete",
    /// All that concerns groups.
    GroupManage = "internal_group_mgt",
    /// Listing groups.
    GroupList = "internal_group_mgt_list",
    /// Reading groups.
    GroupView = "internal_group_mgt_view",
    /// Making groups.
    GroupCreate = "internal_group_mgt_create",
    /// Changing groups.
    GroupUpdate = "internal_group_mgt_update",
    /// Removing groups.
    GroupDelete = "internal_group_mgt_delete",
    /// All that concerns roles.
    RoleManage = "internal_role_mgt",
    /// Listing roles.
    RoleList = "internal_role_mgt_list",
    /// Reading roles.
    RoleView = "internal_role_mgt_view",
    /// Making roles.
    RoleCreate = "internal_role_mgt_create",
    /// Changing roles.
    RoleUpdate = "internal_role_mgt_update",
    /// Removing roles.
    RoleDelete = "internal_role_mgt_delete",
}

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
        let mut rights = Self::of_scopes(Right::Login.as_scope());
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

    /// Whether they include a right.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.has_scope(right.as_scope())
    }

    /// Whether they include a scope, also one that isn't a right.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
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
            .filter(|scope| other.has_scope(scope) || other.scopes.contains(scope))
            .chain(other.scopes.iter().filter(|scope| self.has_scope(scope)))
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

    /// Whether a role gives every administrative right.
    #[must_use]
    pub fn is_everything(role: &Role) -> bool {
        Self::of_scopes(&role.permissions).cover_everyone()
    }

    /// Whether the other isn't above these: every administrative right of the other is here too.
    #[must_use]
    pub fn cover(&self, other: &Self) -> bool {
        other
            .scopes
            .iter()
            .filter(|scope| scope.starts_with("internal_") && *scope != Right::Login.as_scope())
            .all(|scope| self.has_scope(scope) || self.scopes.contains(scope))
    }

    /// Whether they include an administrative right.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        Right::ALL.iter().any(|right| *right != Right::Login && self.has(*right))
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
        assert!(admin.has(Right::SessionDelete) && !admin.has_scope("openid"));
        assert!(admin.cover(&viewer) && admin.cover(&admin) && viewer.cover(&plain));
        assert!(!viewer.cover(&admin) && !plain.cover(&viewer));
        assert!(Rights::default().cover(&plain));
        let token = Rights::of_scopes("openid internal_session_view");
        let narrowed = admin.narrowed_to(&token);
        assert!(narrowed.has(Right::SessionView));
        assert!(!narrowed.has(Right::SessionDelete) && !narrowed.has(Right::Login));
        assert!(admin.is_administrator() && viewer.is_administrator() && !plain.is_administrator());
    }
}
