//! Whether an access token is valid, here and now. Each check reads the database: what was ended a
//! moment ago on another node is refused.

use std::sync::Arc;

use sojourn_crypto::{ClientToken, GrantToken, OpenedAccess, TokenKind};
use sojourn_model::{
    AccessTokenBinding, Application, GrantId, Millis, SessionId, Sid, Tenant, TenantId, UserId,
    UserState,
};
use sojourn_store::{ClientStanding, Standing};

use crate::engine::Engine;
use crate::error::EngineError;

/// A valid access token.
#[derive(Debug, Clone)]
pub struct ActiveAccess {
    /// The application that it was issued to.
    pub app: Arc<Application>,
    /// Whose it is.
    pub bearer: Bearer,
    /// Scopes, separated by spaces.
    pub scopes: String,
    /// When it was issued.
    pub issued_at: Millis,
    /// When it dies of itself.
    pub expires_at: Millis,
    /// What it hangs on.
    pub binding: Option<AccessTokenBinding>,
    /// When its person proved who they are; nothing for an application's own token, and for one that sessions share.
    pub auth_time: Option<Millis>,
    /// What its grant keeps of the request.
    pub(crate) detail: String,
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// A user's.
    User {
        /// The account that it concerns.
        user: UserId,
        /// Login name.
        username: String,
        /// What the application knows the user by.
        sub: String,
        /// The session it hangs on.
        session: Option<SessionId>,
        /// The participation; none where sessions share the token.
        sid: Option<Sid>,
    },
    /// The application's own.
    Application,
}

/// Names a token in the list of revoked ones.
pub(crate) fn token_key(grant: GrantId, number: i64) -> Vec<u8> {
    let mut key = grant.to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Whether a grant's session lives. A grant without one (detached) needs none.
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
    /// Checks an access token; `None` for whatever isn't valid.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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

    /// Opens an access token: a sealed one, or a JWT of ours by its `jti`, once the signature is right.
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
        // The stored deadline may be a flush behind; what this process knows better isn't needed,
        // because the slack allows for it.
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
