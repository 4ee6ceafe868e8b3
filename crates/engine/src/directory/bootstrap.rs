//! Objects that every installation has: the default tenant, its keys, the built-in applications and the administrator
//! role.

use sojourn_model::{
    AppKind, AppOwner, ApplicationSettings, ChangeSet, ClientAuthMethod, OidcSettings, Op, Role,
    Tenant,
};

use super::applications::NewApplication;
use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;

/// `client_id` of the self-service application, My Account.
pub const MY_ACCOUNT: &str = "MY_ACCOUNT";
/// `client_id` of the administration application, the Console.
pub const CONSOLE: &str = "CONSOLE";

impl Engine {
    /// Creates the objects that are missing. Changes nothing if the database is complete, and is safe to run on
    /// several nodes at once.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn bootstrap(&self) -> Result<Tenant, EngineError> {
        let tenant = Tenant { created_at: self.now(), ..Tenant::default_one() };
        self.ensure_tenant(&tenant).await?;
        self.complete_origins().await?;
        Ok(tenant)
    }

    /// Creates a tenant with its keys, built-in applications and administrator role, as far as they are missing.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn ensure_tenant(&self, tenant: &Tenant) -> Result<(), EngineError> {
        if self.store.tenant(tenant.id).await?.is_none() {
            // A duplicate means that another node was faster.
            self.apply(ChangeSet::of(tenant.id, Op::CreateTenant(tenant.clone()))).await?;
        }
        self.ensure_keys(tenant.id).await?;
        for (client_id, name) in [(MY_ACCOUNT, "My Account"), (CONSOLE, "Console")] {
            let built_in = NewApplication {
                client_id: client_id.to_owned(),
                name: name.to_owned(),
                secret: None,
                backchannel_logout_uri: None,
                settings: ApplicationSettings {
                    oidc: OidcSettings {
                        grant_types: Vec::new(),
                        scopes: Vec::new(),
                        token_endpoint_auth_method: ClientAuthMethod::None,
                        ..OidcSettings::default()
                    },
                    ..ApplicationSettings::default()
                },
                kind: AppKind::BuiltIn,
                owner: AppOwner::Program,
            };
            match self.declare_application(tenant, built_in).await {
                Ok(_) | Err(EngineError::Exists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if self.store.role_by_name(tenant.id, Role::ADMIN).await?.is_none() {
            match self.add_role(tenant, Role::ADMIN, "internal_*", &Authority::system()).await {
                Ok(_) | Err(EngineError::Exists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
