//! Who an application is.

use std::sync::Arc;

use sojourn_crypto::secret::SecretCheck;
use sojourn_model::{Application, ClientAuthMethod, Tenant};
use sojourn_oidc::{ClientCredentials, OAuthError};

use super::TokenError;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Authenticates an application. A registered secret may come by header or body; a public client
    /// sends none.
    ///
    /// # Errors
    /// `invalid_client` for whatever doesn't fit; which part it was isn't told.
    pub async fn authenticate_client(
        &self,
        tenant: &Tenant,
        presented: &ClientCredentials,
    ) -> Result<Arc<Application>, TokenError> {
        let app = self
            .application_by_client(tenant.id, &presented.client_id)
            .await?
            .filter(|app| app.enabled)
            .ok_or_else(OAuthError::invalid_client)?;
        let good = match (&presented.secret, &app.secret_hash) {
            (None, _) => app.is_public() && presented.method == ClientAuthMethod::None,
            (Some(_), None) => false,
            (Some(secret), Some(stored)) => {
                !app.is_public() && self.check_secret(secret, stored).await?
            }
        };
        if good { Ok(app) } else { Err(OAuthError::invalid_client().into()) }
    }

    async fn check_secret(&self, secret: &str, stored: &str) -> Result<bool, EngineError> {
        match self.hasher.check(secret, stored) {
            SecretCheck::Done(good) => Ok(good),
            SecretCheck::NeedsPasswordHash => self.verify_remembered(secret, Some(stored)).await,
        }
    }
}
