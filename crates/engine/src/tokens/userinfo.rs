//! Userinfo (OpenID Connect Core 1.0 §5.3).

use serde_json::{Map, Value};
use sojourn_model::{AccessTokenBinding, Tenant};
use sojourn_oidc::introspection::Authentication;
use sojourn_oidc::{claims, scope};

use super::binding::BindingProof;
use super::check::Bearer;
use super::detail::GrantDetail;
use crate::engine::Engine;
use crate::error::EngineError;

/// What is told, in the form that the application registered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Userinfo {
    /// JSON.
    Json(Map<String, Value>),
    /// A JWT.
    Jwt(String),
}

/// Why userinfo isn't told (RFC 6750 §3.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserinfoRefused {
    /// The token isn't valid.
    #[error("invalid_token")]
    InvalidToken,
    /// The token has no scope `openid`.
    #[error("insufficient_scope")]
    InsufficientScope,
    /// What the token is bound to didn't come with it.
    #[error("invalid_request")]
    BindingMissing,
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl Engine {
    /// What an access token's owner may know of its user.
    ///
    /// # Errors
    /// [`UserinfoRefused`]
    pub async fn userinfo(
        &self,
        tenant: &Tenant,
        text: &str,
        presented: &BindingProof,
    ) -> Result<Userinfo, UserinfoRefused> {
        let access = self.check_access(tenant, text).await?.ok_or(UserinfoRefused::InvalidToken)?;
        let Bearer::User { user, sub, session, .. } = access.bearer else {
            return Err(UserinfoRefused::InvalidToken);
        };
        let binding = access.binding.unwrap_or(AccessTokenBinding::None);
        if !self.binding_holds(&access.app, binding, session, &access.detail, presented) {
            return Err(UserinfoRefused::BindingMissing);
        }
        if !scope::has(&access.scopes, "openid") {
            return Err(UserinfoRefused::InsufficientScope);
        }
        let user = self
            .store
            .user(tenant.id, user)
            .await
            .map_err(EngineError::from)?
            .ok_or(UserinfoRefused::InvalidToken)?;
        if let Some(session) = session.filter(|_| access.app.settings.coordinate_inactivity) {
            self.touch(tenant.id, session, Some(access.app.id));
        }
        let detail = GrantDetail::read(&access.detail);
        let mut told = claims::of_user(&user, &access.scopes, &detail.userinfo);
        told.extend(self.memberships(tenant, &access.app, user.id, &access.scopes).await?);
        told.insert("sub".to_owned(), sub.into());
        if let Some(at) = access.auth_time {
            let proven = Authentication::of(detail.amr(), at.seconds());
            if let Ok(serde_json::Value::Object(proven)) = serde_json::to_value(proven) {
                told.extend(proven);
            }
        }
        let Some(alg) = access.app.settings.userinfo_signed_response_alg else {
            return Ok(Userinfo::Json(told));
        };
        // Core §5.3.2: a signed answer says by whom and for whom.
        told.insert("iss".to_owned(), self.issuer(tenant).into());
        told.insert("aud".to_owned(), access.app.client_id.clone().into());
        Ok(Userinfo::Jwt(self.signed(tenant, alg, "JWT", &told).await?))
    }
}
