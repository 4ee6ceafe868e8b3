//! An application's own token (RFC 6749 §4.4). It needs no row and no write: its validity depends on the
//! application's epoch and the list of revoked tokens.

use sojourn_crypto::{ClientToken, TokenKind};
use sojourn_model::time::random;
use sojourn_model::{AccessTokenFormat, Application, GrantType, Tenant};
use sojourn_oidc::{OAuthError, scope};

use super::TokenError;
use super::issue::{JwtAccessClaims, TokenAnswer, audience};
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Issues an access token to an application for itself.
    ///
    /// # Errors
    /// `unauthorized_client` if the application may not use this grant type, `invalid_scope` if a scope isn't
    /// allowed.
    pub async fn client_token(
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
        let own = &app.settings.oidc.own_scopes;
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
        let lifetime_ms = self.access_lifetime_ms(app);
        let token = ClientToken {
            app: app.id,
            epoch: app.epoch,
            id: random(&*self.rng),
            issued_at: self.now(),
            lifetime_ms,
            scopes: scopes.clone(),
        };
        Ok(TokenAnswer {
            access_token: self.client_token_text(tenant, app, &token).await?,
            token_type: "Bearer",
            expires_in: lifetime_ms / 1000,
            refresh_token: None,
            id_token: None,
            scope: scopes,
        })
    }

    async fn client_token_text(
        &self,
        tenant: &Tenant,
        app: &Application,
        token: &ClientToken,
    ) -> Result<String, EngineError> {
        if app.settings.oidc.access_token_format == AccessTokenFormat::Opaque {
            return Ok(self.sealer.seal_client(TokenKind::Access, tenant.id, token)?);
        }
        let jti = self.sealer.seal_client(TokenKind::JwtId, tenant.id, token)?;
        let issuer = self.issuer(tenant);
        let claims = JwtAccessClaims {
            iss: &issuer,
            // RFC 9068 §2.2: without a user, the subject is the client.
            sub: &app.client_id,
            aud: audience(app),
            client_id: &app.client_id,
            exp: token.issued_at.plus(token.lifetime_ms).seconds(),
            iat: token.issued_at.seconds(),
            jti: &jti,
            scope: &token.scopes,
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            sid: None,
            more: serde_json::Map::new(),
        };
        self.signed(tenant, app.settings.oidc.id_token_signed_response_alg, "at+jwt", &claims).await
    }
}
