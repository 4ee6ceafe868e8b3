//! Rights: what a user's roles, an application's registration and a token's scopes allow.

use sojourn_model::{Role, RoleState, TenantId, UserId};

use crate::engine::Engine;
use crate::error::EngineError;

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident = $scope:literal,)*) => {
        /// Rights that the administrative APIs and pages check. Each right is a scope of the same name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Right {
            $($(#[$doc])* $name,)*
        }

        impl Right {
            /// Every right, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The scope that a token, a role or an application needs for this right.
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
    /// Allows a user to call the APIs for their own account.
    Login = "internal_login",
    /// Allows finding other people's sessions, and the notices that applications got about their ends.
    SessionView = "internal_session_view",
    /// Allows ending other people's sessions, and running bulk sign-outs.
    SessionDelete = "internal_session_delete",
    /// Allows resending notices to applications, and giving them up.
    SessionDeliveryManage = "internal_session_delivery_manage",
    /// Allows setting session policies for the tenant, applications, roles, groups and users.
    SessionPolicyUpdate = "internal_session_policy_update",
    /// Allows reading the settings, keys and branding of a tenant.
    ConfigView = "internal_config_view",
    /// Allows changing the settings, keys and branding of a tenant.
    ConfigUpdate = "internal_config_update",
    /// Allows viewing event handlers and their tasks.
    EventHandlerView = "internal_event_handler_view",
    /// Allows retrying and giving up tasks of event handlers.
    EventHandlerManage = "internal_event_handler_manage",
    /// Allows reading the audit log.
    AuditView = "internal_audit_view",
    /// Includes the rights to view, create, change and delete applications.
    ApplicationManage = "internal_application_mgt",
    /// Allows reading the registered applications.
    ApplicationView = "internal_application_mgt_view",
    /// Allows registering new applications.
    ApplicationCreate = "internal_application_mgt_create",
    /// Allows changing registered applications.
    ApplicationUpdate = "internal_application_mgt_update",
    /// Allows deleting registered applications.
    ApplicationDelete = "internal_application_mgt_delete",
    /// Includes the rights to list, view, create, change and delete tenants.
    TenantManage = "internal_tenant_mgt",
    /// Allows listing tenants, from the default tenant.
    TenantList = "internal_tenant_mgt_list",
    /// Allows reading a tenant, from the default tenant.
    TenantView = "internal_tenant_mgt_view",
    /// Allows creating tenants, from the default tenant.
    TenantCreate = "internal_tenant_mgt_create",
    /// Allows changing tenants, from the default tenant.
    TenantUpdate = "internal_tenant_mgt_update",
    /// Allows deleting tenants, from the default tenant.
    TenantDelete = "internal_tenant_mgt_delete",
    /// Includes the rights to list, view, create, change and delete accounts.
    UserManage = "internal_user_mgt",
    /// Allows listing and searching accounts.
    UserList = "internal_user_mgt_list",
    /// Allows reading a single account.
    UserView = "internal_user_mgt_view",
    /// Allows viewing the passkeys and second factors of accounts through the API.
    UserFactorView = "internal_user_factor_view",
    /// Allows creating accounts for other people.
    UserCreate = "internal_user_mgt_create",
    /// Allows changing other people's accounts.
    UserUpdate = "internal_user_mgt_update",
    /// Required in addition to `UserUpdate` to remove passkeys and second factors of accounts through the API.
    UserFactorReset = "internal_user_factor_reset",
    /// Required in addition to `UserUpdate` to secure possibly compromised accounts through the API.
    UserSecure = "internal_user_secure",
    /// Allows deleting other people's accounts.
    UserDelete = "internal_user_mgt_delete",
    /// Includes the rights to list, view, create, change and delete groups.
    GroupManage = "internal_group_mgt",
    /// Allows listing and searching groups.
    GroupList = "internal_group_mgt_list",
    /// Allows reading a single group.
    GroupView = "internal_group_mgt_view",
    /// Allows creating groups with members.
    GroupCreate = "internal_group_mgt_create",
    /// Allows changing groups and their members.
    GroupUpdate = "internal_group_mgt_update",
    /// Allows deleting groups of users.
    GroupDelete = "internal_group_mgt_delete",
    /// Includes the rights to list, view, create, change and delete roles.
    RoleManage = "internal_role_mgt",
    /// Allows listing and searching roles.
    RoleList = "internal_role_mgt_list",
    /// Allows reading a single role.
    RoleView = "internal_role_mgt_view",
    /// Allows creating roles with permissions.
    RoleCreate = "internal_role_mgt_create",
    /// Allows changing roles, their permissions and their members.
    RoleUpdate = "internal_role_mgt_update",
    /// Allows deleting roles of the tenant.
    RoleDelete = "internal_role_mgt_delete",
}

const EVERYTHING: &str = "internal_*";

/// A set of rights, stored as scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    scopes: Vec<String>,
}

impl Rights {
    /// Parses a list of scopes, separated by spaces.
    #[must_use]
    pub fn of_scopes(scopes: &str) -> Self {
        Self { scopes: scopes.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect() }
    }

    /// The set with every administrative right (`internal_*`).
    #[must_use]
    pub fn everything() -> Self {
        Self::of_scopes(EVERYTHING)
    }

    /// The rights that roles grant. A role that is being removed grants nothing.
    #[must_use]
    pub fn of_roles(roles: &[Role]) -> Self {
        let mut rights = Self::of_scopes(Right::Login.as_scope());
        for role in roles.iter().filter(|role| role.state == RoleState::Active) {
            rights.scopes.extend(Self::of_scopes(&role.permissions).scopes);
        }
        rights
    }

    /// The scopes, separated by spaces.
    #[must_use]
    pub fn as_scopes(&self) -> String {
        self.scopes.join(" ")
    }

    /// Returns whether the set includes a right, directly or through a broader scope.
    #[must_use]
    pub fn has(&self, right: Right) -> bool {
        self.has_scope(right.as_scope())
    }

    /// Returns whether the set includes a scope, which needn't be a right.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|mine| {
            mine == scope
                || (mine == EVERYTHING && scope.starts_with("internal_"))
                // `internal_user_mgt` includes `internal_user_mgt_create` and so on.
                || (mine.starts_with("internal_")
                    && scope.strip_prefix(mine.as_str()).is_some_and(|rest| rest.starts_with('_')))
        })
    }

    /// The intersection with another set.
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

    /// Returns whether nobody has more administrative rights than this set.
    #[must_use]
    pub fn cover_everyone(&self) -> bool {
        self.scopes.iter().any(|scope| scope == EVERYTHING)
    }

    /// Returns whether a role grants every administrative right.
    #[must_use]
    pub fn is_everything(role: &Role) -> bool {
        Self::of_scopes(&role.permissions).cover_everyone()
    }

    /// Returns whether this set includes every administrative right of the other set.
    #[must_use]
    pub fn cover(&self, other: &Self) -> bool {
        other
            .scopes
            .iter()
            .filter(|scope| scope.starts_with("internal_") && *scope != Right::Login.as_scope())
            .all(|scope| self.has_scope(scope) || self.scopes.contains(scope))
    }

    /// Returns whether the set includes any administrative right, that is, more than [`Right::Login`].
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        Right::ALL.iter().any(|right| *right != Right::Login && self.has(*right))
    }
}

impl Engine {
    /// Loads the rights that a user's roles grant at this moment.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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
