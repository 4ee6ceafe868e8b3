//! Creates the response of the token endpoint.

use serde::Serialize;
use sojourn_crypto::{GrantToken, TokenKind};
use sojourn_model::{
    AccessTokenFormat, Application, ChangeSet, Grant, Level, Millis, Outcome, Tenant,
};
use sojourn_oidc::scope;

use super::detail::GrantDetail;
use super::id_token::IdToken;
use crate::engine::Engine;
use crate::error::EngineError;

/// A successful response (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenAnswer {
    /// Access token, opaque or a JWT.
    pub access_token: String,
    /// Type of the access token, always `Bearer`.
    pub token_type: &'static str,
    /// Remaining lifetime of the access token, in seconds.
    pub expires_in: i64,
    /// Refresh token, if the application may use one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// ID token, if the scope `openid` was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Granted scopes, separated by spaces.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
}

/// An access token before it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) token: GrantToken,
    pub(crate) scopes: String,
}

/// The parts of a response.
pub(crate) struct Issue<'a> {
    pub(crate) app: &'a Application,
    pub(crate) grant: &'a Grant,
    pub(crate) access: Access,
    /// Generation of the refresh token, and when it was issued.
    pub(crate) refresh: Option<(i64, Millis)>,
    pub(crate) nonce: Option<&'a str>,
}

impl Engine {
    /// The access token of a grant, with the given sequence number.
    pub(crate) fn own_access(
        &self,
        app: &Application,
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
                lifetime_ms: self.access_lifetime_ms(app),
                offline: grant.offline,
                shared: false,
                narrowed: narrowed.unwrap_or_default().to_owned(),
            },
            scopes: narrowed.unwrap_or(&grant.scopes).to_owned(),
        }
    }

    /// Writes a change set and signs the tokens while the write is in progress; `None` if something has changed since
    /// it was read. Signed tokens are returned only after the write succeeded.
    pub(crate) async fn written_and_signed(
        &self,
        tenant: &Tenant,
        change: ChangeSet,
        issue: Issue<'_>,
    ) -> Result<Option<TokenAnswer>, EngineError> {
        let (written, answer) = tokio::join!(self.apply(change), self.answer(tenant, issue));
        match written? {
            Outcome::Applied(_) => Ok(Some(answer?)),
            _ => Ok(None),
        }
    }

    /// Seals and signs all tokens of a response.
    pub(crate) async fn answer(
        &self,
        tenant: &Tenant,
        issue: Issue<'_>,
    ) -> Result<TokenAnswer, EngineError> {
        let now = self.now();
        let grant = issue.grant;
        let detail = GrantDetail::read(&grant.detail);
        let access_token =
            self.access_token(tenant, issue.app, grant, &issue.access, detail.amr()).await?;
        let refresh_token = match issue.refresh {
            None => None,
            Some((generation, issued_at)) => {
                let token = GrantToken {
                    grant: grant.id,
                    number: generation,
                    issued_at,
                    lifetime_ms: self.refresh_lifetime_ms(issue.app),
                    offline: grant.offline,
                    shared: false,
                    narrowed: String::new(),
                };
                Some(self.sealer.seal_grant(TokenKind::Refresh, tenant.id, &token)?)
            }
        };
        let id_token = if scope::has(&issue.access.scopes, "openid") {
            let wanted = IdToken {
                app: issue.app,
                user: grant.user,
                sub: &grant.sub,
                sid: grant.sid,
                session: grant.session,
                auth_time: grant.auth_time,
                amr: detail.amr(),
                nonce: issue.nonce,
                access_token: Some(&access_token),
                code: None,
                scopes: "",
                named: &detail.id_token,
                at_token_endpoint: true,
                granted: &grant.scopes,
            };
            Some(self.id_token(tenant, wanted).await?)
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

    /// The text of an access token, in the format that the application registered.
    pub(crate) async fn access_token(
        &self,
        tenant: &Tenant,
        app: &Application,
        grant: &Grant,
        access: &Access,
        amr: &str,
    ) -> Result<String, EngineError> {
        // Sessions share only opaque tokens, because a JWT names one session.
        if app.settings.oidc.access_token_format == AccessTokenFormat::Opaque || access.token.shared
        {
            return Ok(self.sealer.seal_grant(TokenKind::Access, tenant.id, &access.token)?);
        }
        let jti = self.sealer.seal_grant(TokenKind::JwtId, tenant.id, &access.token)?;
        let issuer = self.issuer(tenant);
        let claims = JwtAccessClaims {
            iss: &issuer,
            sub: &grant.sub,
            aud: audience(app),
            client_id: &app.client_id,
            exp: access.token.expires_at().seconds(),
            iat: access.token.issued_at.seconds(),
            jti: &jti,
            scope: &access.scopes,
            auth_time: Some(grant.auth_time.seconds()),
            acr: Level::of(amr).map(Level::acr),
            amr: amr.split(' ').filter(|method| !method.is_empty()).collect(),
            sid: Some(grant.sid.to_string()),
            more: self.memberships(tenant, app, grant.user, &access.scopes).await?,
        };
        self.signed(tenant, app.settings.oidc.id_token_signed_response_alg, "at+jwt", &claims).await
    }
}

/// The audience of an application's JWT access tokens.
pub(crate) fn audience(app: &Application) -> Vec<&str> {
    if app.settings.oidc.audiences.is_empty() {
        vec![&app.client_id]
    } else {
        app.settings.oidc.audiences.iter().map(String::as_str).collect()
    }
}

/// Claims of a JWT access token (RFC 9068 §2.2). Times are in seconds since 1970.
#[derive(Serialize)]
pub(crate) struct JwtAccessClaims<'a> {
    pub(crate) iss: &'a str,
    pub(crate) sub: &'a str,
    pub(crate) aud: Vec<&'a str>,
    pub(crate) client_id: &'a str,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    /// The sealed token, by which this server checks the JWT.
    pub(crate) jti: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) amr: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
    /// Roles and groups, if their scopes were granted.
    #[serde(flatten)]
    pub(crate) more: serde_json::Map<String, serde_json::Value>,
}
