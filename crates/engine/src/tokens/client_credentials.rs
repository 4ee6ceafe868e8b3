//! An application's own token (RFC 6749 §4.4). Neither a row nor a write: it is valid by the
//! application's epoch and the list of revoked tokens.

use sojourn_crypto::ClientToken;
use sojourn_model::time::random;
use sojourn_model::{Application, GrantType, Tenant};
use sojourn_oidc::{OAuthError, scope};

use super::TokenError;
use super::issue::TokenAnswer;
use crate::engine::Engine;

impl Engine {
    /// Gives an application a token for itself.
    ///
    /// # Errors
    /// `unauthorized_client` or `invalid_scope`.
    pub fn client_token(
        &self,
        tenant: &Tenant,
        app: &Application,
        wanted: Option<&[String]>,
    ) -> Result<TokenAnswer, TokenError> {
        if !app.may(GrantType::ClientCredentials) || app.is_public() {
            return Err(OAuthError::unauthorized_client(
                "client_credentials is not among the grant types",
            )
            .into());
        }
        let own = &app.settings.own_scopes;
        let scopes = match wanted {
            None => own.join(" "),
            Some(wanted) => {
                let given = scope::allowed(wanted, own);
                if given.is_empty() {
                    return Err(OAuthError::new(
                        "invalid_scope",
                        "the application has none of these scopes for itself",
                    )
                    .into());
                }
                given.join(" ")
            }
        };
        let lifetime_ms = self.settings.lifetimes.access_token_ms;
        let token = ClientToken {
            app: app.id,
            epoch: app.epoch,
            id: random(&*self.rng),
            issued_at: self.now(),
            lifetime_ms,
            scopes: scopes.clone(),
        };
        Ok(TokenAnswer {
            access_token: self.sealer.seal_client(tenant.id, &token)?,
            token_type: "Bearer",
            expires_in: lifetime_ms / 1000,
            refresh_token: None,
            id_token: None,
            scope: scopes,
        })
    }
}
