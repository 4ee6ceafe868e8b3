//! The userinfo endpoint (OpenID Connect Core 1.0 §5.3).

use serde_json::{Map, Value};
use sojourn_model::{AccessTokenBinding, Tenant};
use sojourn_oidc::introspection::Authentication;
use sojourn_oidc::{claims, scope};

use super::binding::BindingProof;
use super::check::Bearer;
use super::detail::GrantDetail;
use crate::engine::Engine;
use crate::error::EngineError;

/// A userinfo response, in the format that the application registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Userinfo {
    /// Claims as a JSON object.
    Json(Map<String, Value>),
    /// Claims as a signed JWT.
    Jwt(String),
}

/// Reasons why userinfo is refused (RFC 6750 §3.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserinfoRefused {
    /// The token isn't valid.
    #[error("invalid_token")]
    InvalidToken,
    /// The token lacks the scope `openid`.
    #[error("insufficient_scope")]
    InsufficientScope,
    /// The request lacks the proof of the token's binding.
    #[error("invalid_request")]
    BindingMissing,
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl Engine {
    /// Returns the claims about a user that the token's application may know.
    ///
    /// # Errors
    /// [`UserinfoRefused`] if the token isn't sufficient or the database fails.
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
        let Some(alg) = access.app.settings.oidc.userinfo_signed_response_alg else {
            return Ok(Userinfo::Json(told));
        };
        // Core §5.3.2: a signed response names its issuer and its audience.
        told.insert("iss".to_owned(), self.issuer(tenant).into());
        told.insert("aud".to_owned(), access.app.client_id.clone().into());
        Ok(Userinfo::Jwt(self.signed(tenant, alg, "JWT", &told).await?))
    }
}
