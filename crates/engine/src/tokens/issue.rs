//! The answer of the token endpoint.

use serde::Serialize;
use sojourn_crypto::{GrantToken, TokenKind};
use sojourn_model::{Application, Grant, Millis, Tenant};
use sojourn_oidc::{IdTokenClaims, claims, scope};

use crate::engine::Engine;
use crate::error::EngineError;

/// A successful answer (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenAnswer {
    /// Access token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds that the access token has left.
    pub expires_in: i64,
    /// Refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Scopes that were given, separated by spaces.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
}

/// An access token before it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) token: GrantToken,
    pub(crate) scopes: String,
}

/// What the answer is made of.
pub(crate) struct Issue<'a> {
    pub(crate) app: &'a Application,
    pub(crate) grant: &'a Grant,
    pub(crate) access: Access,
    /// Generation and issue of the refresh token.
    pub(crate) refresh: Option<(i64, Millis)>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) amr: &'a str,
}

impl Engine {
    /// The access token of a grant with the given number.
    pub(crate) fn own_access(
        &self,
        grant: &Grant,
        number: i64,
        issued_at: Millis,
        narrowed: Option<&str>,
    ) -> Access {
        Access {
            token: GrantToken {
                grant: grant.id,
                number,
                issued_at,
                lifetime_ms: self.settings.lifetimes.access_token_ms,
                offline: grant.offline,
                shared: false,
                narrowed: narrowed.unwrap_or_default().to_owned(),
            },
            scopes: narrowed.unwrap_or(&grant.scopes).to_owned(),
        }
    }

    /// Seals and signs everything.
    pub(crate) async fn answer(
        &self,
        tenant: &Tenant,
        issue: Issue<'_>,
    ) -> Result<TokenAnswer, EngineError> {
        let now = self.now();
        let grant = issue.grant;
        let access_token =
            self.sealer.seal_grant(TokenKind::Access, tenant.id, &issue.access.token)?;
        let refresh_token = match issue.refresh {
            None => None,
            Some((generation, issued_at)) => {
                let token = GrantToken {
                    grant: grant.id,
                    number: generation,
                    issued_at,
                    lifetime_ms: self.settings.lifetimes.refresh_token_ms,
                    offline: grant.offline,
                    shared: false,
                    narrowed: String::new(),
                };
                Some(self.sealer.seal_grant(TokenKind::Refresh, tenant.id, &token)?)
            }
        };
        let id_token = if scope::has(&issue.access.scopes, "openid") {
            Some(self.id_token(tenant, &issue, &access_token, now).await?)
        } else {
            None
        };
        Ok(TokenAnswer {
            access_token,
            token_type: "Bearer",
            expires_in: issue.access.token.expires_at().since(now).max(0) / 1000,
            refresh_token,
            id_token,
            scope: issue.access.scopes,
        })
    }

    async fn id_token(
        &self,
        tenant: &Tenant,
        issue: &Issue<'_>,
        access_token: &str,
        now: Millis,
    ) -> Result<String, EngineError> {
        let keys = self.keys(tenant.id).await?;
        let alg = issue.app.settings.id_token_signed_response_alg;
        let key = keys
            .signer(alg)
            .ok_or_else(|| EngineError::Key(format!("the tenant has no {} key", alg.as_str())))?;
        let issuer = self.issuer(tenant);
        let iat = now.seconds();
        let claims = IdTokenClaims {
            iss: &issuer,
            sub: &issue.grant.sub,
            aud: &issue.app.client_id,
            exp: iat + self.settings.lifetimes.id_token_ms / 1000,
            iat,
            auth_time: issue.grant.auth_time.seconds(),
            nonce: issue.nonce,
            at_hash: Some(claims::half_hash(access_token)),
            sid: issue.grant.sid.to_string(),
            amr: issue.amr.split(' ').filter(|method| !method.is_empty()).collect(),
        };
        Ok(sojourn_crypto::sign_jwt(key, "JWT", &claims)?)
    }
}
