//! Revocation (RFC 7009). A refresh token takes its grant with it, an access token only itself.

use sojourn_crypto::{OpenedAccess, TokenKind};
use sojourn_model::{Actor, Application, ChangeSet, EndReason, EndTarget, Millis, Op, Tenant};
use sojourn_oidc::OAuthError;

use super::TokenError;
use super::check::token_key;
use crate::end::EndPlan;
use crate::engine::Engine;

impl Engine {
    /// Revokes a token of the calling application. What isn't a token, or is dead already, is fine.
    ///
    /// # Errors
    /// `unauthorized_client` for a token of another application (§2.1), or [`TokenError::Failed`].
    pub async fn revoke(
        &self,
        tenant: &Tenant,
        app: &Application,
        text: &str,
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
            let target = EndTarget::Grant(token.grant);
            let actor = Actor::Application(app.id);
            let plan = EndPlan::new(target, EndReason::TokenRevoked, actor);
            self.end_sessions(tenant, plan).await?;
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
}
