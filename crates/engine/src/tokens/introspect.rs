//! Introspection (RFC 7662): only the token's own client and registered resource servers get a result.

use sojourn_crypto::TokenKind;
use sojourn_model::ids::hex;
use sojourn_model::{Application, SessionId, Tenant, UserState};
use sojourn_oidc::introspection::{ActiveToken, Authentication};
use sojourn_oidc::scope;

use super::check::{ActiveAccess, Bearer, session_lives};
use super::detail::GrantDetail;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Returns the properties of a token that a caller may know; `None` means `{"active":false}`.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn introspect(
        &self,
        tenant: &Tenant,
        caller: &Application,
        text: &str,
    ) -> Result<Option<ActiveToken>, EngineError> {
        if text.starts_with(TokenKind::Refresh.prefix()) {
            return self.introspect_refresh(tenant, caller, text).await;
        }
        let Some(access) = self.check_access(tenant, text).await? else { return Ok(None) };
        if access.app.id != caller.id && !caller.settings.oidc.resource_server {
            return Ok(None);
        }
        if let Bearer::User { session: Some(session), .. } = &access.bearer
            && access.app.settings.coordinate_inactivity
        {
            self.touch(tenant.id, *session, Some(access.app.id));
        }
        let more = match &access.bearer {
            Bearer::User { user, .. } => {
                self.memberships(tenant, &access.app, *user, &access.scopes).await?
            }
            Bearer::Application => serde_json::Map::new(),
        };
        Ok(Some(ActiveToken { more, ..self.describe(tenant, access, caller) }))
    }

    fn describe(&self, tenant: &Tenant, access: ActiveAccess, caller: &Application) -> ActiveToken {
        let client_id = access.app.client_id.clone();
        let detail = GrantDetail::read(&access.detail);
        let proven = access.auth_time.map(|at| Authentication::of(detail.amr(), at.seconds()));
        let of_browser = detail.binding;
        let (sub, username, session, sid) = match access.bearer {
            Bearer::User { username, sub, session, sid, .. } => (sub, Some(username), session, sid),
            Bearer::Application => (client_id.clone(), None, None, None),
        };
        let told = may_know_the_name(caller, &access.app, &access.scopes);
        ActiveToken {
            active: true,
            sub,
            username: username.filter(|_| told),
            client_id: client_id.clone(),
            scope: access.scopes,
            exp: access.expires_at.seconds(),
            iat: access.issued_at.seconds(),
            token_type: "Bearer",
            sid: sid.map(|sid| sid.to_string()),
            binding_type: access.binding.map(sojourn_model::AccessTokenBinding::as_str),
            binding_ref: of_browser
                .or_else(|| session.map(|id| self.binding_reference(&access.app, id))),
            iss: self.issuer(tenant),
            aud: client_id,
            authentication: proven.unwrap_or_default(),
            more: serde_json::Map::new(),
        }
    }

    async fn introspect_refresh(
        &self,
        tenant: &Tenant,
        caller: &Application,
        text: &str,
    ) -> Result<Option<ActiveToken>, EngineError> {
        let now = self.now();
        let Some(token) = self.sealer.open_grant(TokenKind::Refresh, tenant.id, text) else {
            return Ok(None);
        };
        let Some(standing) = self.store.standing(tenant.id, token.grant, Vec::new()).await? else {
            return Ok(None);
        };
        let grant = &standing.grant;
        let slack = self.settings.lifetimes.touch_flush_ms;
        let valid = grant.app == caller.id
            && !grant.ended
            && standing.in_use
            && token.expires_at() > now
            && token.number == grant.refresh_generation
            && standing.user_state == UserState::Active
            && (grant.offline || session_lives(&standing, now, slack));
        Ok(valid.then(|| ActiveToken {
            active: true,
            sub: grant.sub.clone(),
            username: may_know_the_name(caller, caller, &grant.scopes)
                .then(|| standing.username.clone()),
            client_id: caller.client_id.clone(),
            scope: grant.scopes.clone(),
            exp: token.expires_at().seconds(),
            iat: token.issued_at.seconds(),
            token_type: "refresh_token",
            sid: Some(grant.sid.to_string()),
            binding_type: Some(grant.binding.as_str()),
            binding_ref: GrantDetail::read(&grant.detail)
                .binding
                .or_else(|| grant.session.map(|id| self.binding_reference(caller, id))),
            iss: self.issuer(tenant),
            aud: caller.client_id.clone(),
            authentication: Authentication::of(
                GrantDetail::read(&grant.detail).amr(),
                grant.auth_time.seconds(),
            ),
            more: serde_json::Map::new(),
        }))
    }

    /// A reference to a session that is specific to one application and doesn't reveal the session.
    fn binding_reference(&self, app: &Application, session: SessionId) -> String {
        let parts = [app.id.0.as_bytes().as_slice(), &session.0];
        let hash = self.hasher.keyed_for_good("token binding session", &parts);
        hex(hash.split_at(16).0)
    }
}

/// Returns whether the caller may know the login name. It is part of the profile: a third-party application gets it
/// only with the scope `profile`.
fn may_know_the_name(caller: &Application, app: &Application, scopes: &str) -> bool {
    caller.settings.oidc.resource_server
        || app.settings.first_party
        || scope::has(scopes, "profile")
}
