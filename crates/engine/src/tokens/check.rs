//! Checks whether an access token is valid. Each check reads the database, so that tokens that were ended on another
//! node are refused immediately.

use std::sync::Arc;

use sojourn_crypto::{ClientToken, GrantToken, OpenedAccess, TokenKind};
use sojourn_model::{
    AccessTokenBinding, Application, GrantId, Millis, SessionId, Sid, Tenant, TenantId, UserId,
    UserState,
};
use sojourn_store::{ClientStanding, Standing};

use crate::engine::Engine;
use crate::error::EngineError;

/// A valid access token and its properties.
#[derive(Debug, Clone)]
pub struct ActiveAccess {
    /// The application that it was issued to.
    pub app: Arc<Application>,
    /// The owner of the token.
    pub bearer: Bearer,
    /// Scopes, separated by spaces.
    pub scopes: String,
    /// Time at which it was issued.
    pub issued_at: Millis,
    /// Time at which it expires.
    pub expires_at: Millis,
    /// What the token is bound to, if anything.
    pub binding: Option<AccessTokenBinding>,
    /// When the user authenticated; `None` for an application's own token, and for a token that sessions share.
    pub auth_time: Option<Millis>,
    /// The request details that the grant stores.
    pub(crate) detail: String,
}

/// The owner of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// A user, through an application.
    User {
        /// The user that the token is about.
        user: UserId,
        /// Login name of the user.
        username: String,
        /// Subject identifier of the user for this application.
        sub: String,
        /// Session on which the token depends.
        session: Option<SessionId>,
        /// Id of the stay; `None` if sessions share the token.
        sid: Option<Sid>,
    },
    /// The application itself, without a user.
    Application,
}

/// The key of a token in the list of revoked ones.
pub(crate) fn token_key(grant: GrantId, number: i64) -> Vec<u8> {
    let mut key = grant.to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Returns whether a grant's session is active. A detached grant, which has no session, needs none.
pub(crate) fn session_lives(standing: &Standing, now: Millis, slack_ms: i64) -> bool {
    match (&standing.grant.session, &standing.session) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(_), Some(session)) => session.lives(now, slack_ms),
    }
}

fn is_valid(standing: &Standing, token: &GrantToken, now: Millis, slack_ms: i64) -> bool {
    let grant = &standing.grant;
    !grant.ended
        && !standing.revoked
        && standing.in_use
        && standing.user_state == UserState::Active
        && (1..=grant.token_number).contains(&token.number)
        && (token.offline || session_lives(standing, now, slack_ms))
}

impl Engine {
    /// Checks an access token; `None` if it isn't valid.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn check_access(
        &self,
        tenant: &Tenant,
        text: &str,
    ) -> Result<Option<ActiveAccess>, EngineError> {
        match self.open_access(tenant, text).await? {
            None => Ok(None),
            Some(OpenedAccess::Grant(token)) if token.expires_at() <= self.now() => Ok(None),
            Some(OpenedAccess::Grant(token)) if token.shared => {
                self.check_shared(tenant.id, &token).await
            }
            Some(OpenedAccess::Grant(token)) => self.check_own(tenant.id, &token).await,
            Some(OpenedAccess::Client(token)) => self.check_client(tenant.id, token).await,
        }
    }

    /// Opens an access token: a sealed one, or a JWT, which is identified by its `jti` after its signature is
    /// verified.
    pub(crate) async fn open_access(
        &self,
        tenant: &Tenant,
        text: &str,
    ) -> Result<Option<OpenedAccess>, EngineError> {
        if text.starts_with(TokenKind::Access.prefix()) {
            return Ok(self.sealer.open_access(TokenKind::Access, tenant.id, text));
        }
        if !text.contains('.') {
            return Ok(None);
        }
        let keys = self.keys(tenant.id).await?;
        let Ok(claims) = sojourn_crypto::verify_jwt(keys.all(), "at+jwt", text) else {
            return Ok(None);
        };
        let jti = claims.get("jti").and_then(serde_json::Value::as_str);
        Ok(jti.and_then(|jti| self.sealer.open_access(TokenKind::JwtId, tenant.id, jti)))
    }

    async fn enabled_app(
        &self,
        tenant: TenantId,
        id: sojourn_model::AppId,
    ) -> Result<Option<Arc<Application>>, EngineError> {
        Ok(self.application(tenant, id).await?.filter(|app| app.enabled))
    }

    async fn check_own(
        &self,
        tenant: TenantId,
        token: &GrantToken,
    ) -> Result<Option<ActiveAccess>, EngineError> {
        let key = token_key(token.grant, token.number);
        let Some(standing) = self.store.standing(tenant, token.grant, key).await? else {
            return Ok(None);
        };
        // The stored deadline may lag behind by one flush. More recent accesses known to this process aren't needed,
        // because the slack covers them.
        if !is_valid(&standing, token, self.now(), self.settings.lifetimes.touch_flush_ms) {
            return Ok(None);
        }
        let Some(app) = self.enabled_app(tenant, standing.grant.app).await? else {
            return Ok(None);
        };
        let grant = standing.grant;
        let scopes = if token.narrowed.is_empty() { grant.scopes } else { token.narrowed.clone() };
        Ok(Some(ActiveAccess {
            app,
            bearer: Bearer::User {
                user: grant.user,
                username: standing.username,
                sub: grant.sub,
                session: grant.session,
                sid: Some(grant.sid),
            },
            scopes,
            issued_at: token.issued_at,
            expires_at: token.expires_at(),
            binding: Some(grant.binding),
            auth_time: Some(grant.auth_time),
            detail: grant.detail,
        }))
    }

    async fn check_shared(
        &self,
        tenant: TenantId,
        token: &GrantToken,
    ) -> Result<Option<ActiveAccess>, EngineError> {
        let key = token_key(token.grant, token.number);
        let Some(shared) = self.store.shared_standing(tenant, token.grant, key).await? else {
            return Ok(None);
        };
        let valid = shared.token.number == token.number
            && shared.token.issued_at == token.issued_at
            && !shared.revoked
            && shared.in_use
            && shared.user_state == UserState::Active;
        let app = if valid { self.enabled_app(tenant, shared.app).await? } else { None };
        Ok(app.map(|app| ActiveAccess {
            bearer: Bearer::User {
                user: shared.user,
                username: shared.username,
                sub: self.subject(&app, shared.user),
                session: None,
                sid: None,
            },
            scopes: shared.scopes,
            issued_at: token.issued_at,
            expires_at: token.expires_at(),
            binding: Some(AccessTokenBinding::None),
            auth_time: None,
            detail: String::new(),
            app,
        }))
    }

    async fn check_client(
        &self,
        tenant: TenantId,
        token: ClientToken,
    ) -> Result<Option<ActiveAccess>, EngineError> {
        let expires_at = token.issued_at.plus(token.lifetime_ms);
        if expires_at <= self.now() {
            return Ok(None);
        }
        let found = self.store.client_standing(tenant, token.app, token.id.to_vec()).await?;
        let valid =
            |found: &ClientStanding| found.in_use && !found.revoked && found.epoch == token.epoch;
        if !found.as_ref().is_some_and(valid) {
            return Ok(None);
        }
        let Some(app) = self.enabled_app(tenant, token.app).await? else { return Ok(None) };
        Ok(Some(ActiveAccess {
            app,
            bearer: Bearer::Application,
            scopes: token.scopes,
            issued_at: token.issued_at,
            expires_at,
            binding: None,
            auth_time: None,
            detail: String::new(),
        }))
    }
}
