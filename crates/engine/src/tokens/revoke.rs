//! Revocation (RFC 7009). Revoking a refresh token ends its grant; revoking an access token affects only that token.

use sojourn_crypto::{OpenedAccess, TokenKind};
use sojourn_model::{
    Actor, Application, ChangeSet, EndReason, EndTarget, Grant, Millis, Op, Tenant,
};
use sojourn_oidc::OAuthError;

use super::TokenError;
use super::binding::BindingProof;
use super::check::token_key;
use crate::end_plan::EndPlan;
use crate::engine::Engine;

impl Engine {
    /// Revokes a token of the calling application. Succeeds for texts that aren't valid tokens, too.
    ///
    /// # Errors
    /// `unauthorized_client` if the token belongs to another application (§2.1), or [`TokenError::Failed`].
    pub async fn revoke(
        &self,
        tenant: &Tenant,
        app: &Application,
        text: &str,
        presented: &BindingProof,
    ) -> Result<(), TokenError> {
        let not_yours = || OAuthError::unauthorized_client("the token is another application's");
        if text.starts_with(TokenKind::Refresh.prefix()) {
            let Some(token) = self.sealer.open_grant(TokenKind::Refresh, tenant.id, text) else {
                return Ok(());
            };
            let standing = self.store.standing(tenant.id, token.grant, Vec::new()).await?;
            let Some(standing) = standing else { return Ok(()) };
            if standing.grant.app != app.id {
                return Err(not_yours().into());
            }
            self.must_hold(app, &standing.grant, presented)?;
            let target = EndTarget::Grant(token.grant);
            let actor = Actor::Application(app.id);
            let plan = EndPlan::new(target, EndReason::TokenRevoked, actor);
            self.carry_out_end(tenant, plan).await?;
            return Ok(());
        }
        let (owner, key, until) = match self.open_access(tenant, text).await? {
            None => return Ok(()),
            Some(OpenedAccess::Client(token)) => {
                (Some(token.app), token.id.to_vec(), token.issued_at.plus(token.lifetime_ms))
            }
            Some(OpenedAccess::Grant(token)) => {
                let owner = if token.shared {
                    let found =
                        self.store.shared_standing(tenant.id, token.grant, Vec::new()).await?;
                    found.map(|found| found.app)
                } else {
                    let found = self.store.standing(tenant.id, token.grant, Vec::new()).await?;
                    if let Some(found) = found.as_ref().filter(|found| found.grant.app == app.id) {
                        self.must_hold(app, &found.grant, presented)?;
                    }
                    found.map(|found| found.grant.app)
                };
                (owner, token_key(token.grant, token.number), token.expires_at())
            }
        };
        match owner {
            None => Ok(()),
            Some(owner) if owner != app.id => Err(not_yours().into()),
            Some(_) => self.remember_revoked(tenant, key, until).await,
        }
    }

    async fn remember_revoked(
        &self,
        tenant: &Tenant,
        key: Vec<u8>,
        until: Millis,
    ) -> Result<(), TokenError> {
        if until > self.now() {
            self.must_apply(ChangeSet::of(tenant.id, Op::RevokeToken { key, until })).await?;
        }
        Ok(())
    }

    fn must_hold(
        &self,
        app: &Application,
        grant: &Grant,
        presented: &BindingProof,
    ) -> Result<(), OAuthError> {
        if self.binding_holds(app, grant.binding, grant.session, &grant.detail, presented) {
            Ok(())
        } else {
            let why = "Valid token binding value not present in the request.";
            Err(OAuthError::invalid_request(why))
        }
    }
}
