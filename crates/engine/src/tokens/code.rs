//! A code for tokens (RFC 6749 §4.1.3, OpenID Connect Core 1.0 §3.1.3).

use sojourn_crypto::{GrantToken, TokenKind};
use sojourn_model::grant::CodeState;
use sojourn_model::{
    Actor, Application, ChangeSet, EndReason, EndTarget, Grant, GrantType, Op, Tenant, UserState,
};
use sojourn_oidc::{OAuthError, pkce};
use sojourn_store::Standing;

use super::check::session_lives;
use super::issue::{Issue, TokenAnswer};
use super::{TRIES, TokenError};
use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

fn invalid() -> OAuthError {
    OAuthError::invalid_grant("the code is not valid, or not any more")
}

impl Engine {
    /// Redeems a code.
    ///
    /// A wrong client, redirect URI or verifier doesn't use the code up. A second redemption by the
    /// right client ends everything that the first one got: someone else may hold it.
    ///
    /// # Errors
    /// `invalid_grant`, or [`TokenError::Failed`].
    pub async fn redeem_code(
        &self,
        tenant: &Tenant,
        app: &Application,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
    ) -> Result<TokenAnswer, TokenError> {
        if !app.may(GrantType::AuthorizationCode) {
            return Err(OAuthError::unauthorized_client(
                "authorization_code is not among the grant types",
            )
            .into());
        }
        let token = self.sealer.open_grant(TokenKind::Code, tenant.id, code).ok_or_else(invalid)?;
        for _ in 0..TRIES {
            let standing = self
                .store
                .standing(tenant.id, token.grant, Vec::new())
                .await?
                .ok_or_else(invalid)?;
            if standing.grant.app != app.id || standing.grant.ended {
                return Err(invalid().into());
            }
            let CodeState::Issued { redirect_uri: asked, challenge, nonce } =
                standing.grant.code.clone()
            else {
                self.end_reused(tenant, &standing.grant, app).await?;
                return Err(invalid().into());
            };
            if redirect_uri != Some(asked.as_str()) {
                return Err(OAuthError::invalid_grant(
                    "redirect_uri is not the one of the authorization request",
                )
                .into());
            }
            check_verifier(challenge.as_deref(), verifier)?;
            self.check_standing(&standing, &token)?;
            if let Some(answer) = self.redeem(tenant, app, &standing, nonce.as_deref()).await? {
                return Ok(answer);
            }
        }
        Err(EngineError::Contended.into())
    }

    fn check_standing(&self, standing: &Standing, token: &GrantToken) -> Result<(), OAuthError> {
        let now = self.now();
        let lives = session_lives(standing, now, self.settings.lifetimes.touch_flush_ms);
        let usable = standing.in_use && standing.user_state == UserState::Active;
        if token.expires_at() <= now || !usable || !lives {
            return Err(invalid());
        }
        Ok(())
    }

    /// One try; `None` when something changed since it was read.
    async fn redeem(
        &self,
        tenant: &Tenant,
        app: &Application,
        standing: &Standing,
        nonce: Option<&str>,
    ) -> Result<Option<TokenAnswer>, TokenError> {
        let grant = &standing.grant;
        let now = self.now();
        let refresh = app.may(GrantType::RefreshToken);
        let longest = if refresh { self.refresh_lifetime_ms(app) } else { 0 };
        let expires_at = now.plus(longest.max(self.access_lifetime_ms(app)));
        let mut change = ChangeSet::of(
            tenant.id,
            Op::RedeemCode { grant: grant.id, at: now, refresh, expires_at },
        );
        let (access, op) = self.access(app, grant, grant.token_number + 1, now, None).await?;
        change.ops.extend(op);
        let amr = standing.session.as_ref().map_or("", |session| &session.amr);
        let refresh = refresh.then_some((1, now));
        let issue = Issue { app, grant, access, refresh, nonce, amr };
        let Some(answer) = self.written_and_signed(tenant, change, issue).await? else {
            return Ok(None);
        };
        if let Some(session) = grant.session {
            self.touch(tenant.id, session, Some(app.id));
        }
        Ok(Some(answer))
    }

    pub(crate) async fn end_reused(
        &self,
        tenant: &Tenant,
        grant: &Grant,
        app: &Application,
    ) -> Result<(), EngineError> {
        let target = EndTarget::Grant(grant.id);
        let plan = EndPlan::new(target, EndReason::TokenReuse, Actor::Application(app.id));
        self.end_sessions(tenant, plan).await.map(|_| ())
    }
}

/// The verifier is checked whenever a challenge was sent, and refused when none was (RFC 9700 §2.1.1).
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let good = match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => pkce::verifies(verifier, challenge),
        _ => false,
    };
    if good { Ok(()) } else { Err(OAuthError::invalid_grant("code_verifier does not fit")) }
}
