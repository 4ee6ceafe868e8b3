//! Exchanges a code for tokens (RFC 6749 §4.1.3, OpenID Connect Core 1.0 §3.1.3).

use sojourn_crypto::{GrantToken, TokenKind};
use sojourn_model::grant::CodeState;
use sojourn_model::{
    Actor, Application, ChangeSet, EndReason, EndTarget, Grant, GrantType, Millis, Op, Tenant,
    UserState,
};
use sojourn_oidc::{OAuthError, pkce, scope};
use sojourn_store::{CodeStanding, Standing};

use super::check::session_lives;
use super::issue::{Issue, TokenAnswer};
use super::sealed_code::SealedCode;
use super::{TRIES, TokenError};
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

fn invalid() -> OAuthError {
    OAuthError::invalid_grant("the code is not valid, or not any more")
}

impl Engine {
    /// Redeems a code.
    ///
    /// A wrong client, redirect URI or verifier doesn't use the code up. A second redemption by the right client ends
    /// everything that the first one obtained, because someone else may have it.
    ///
    /// # Errors
    /// `invalid_grant` if the code can't be redeemed, or [`TokenError::Failed`].
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
        let body = self.sealer.open(TokenKind::Code, tenant.id, code).ok_or_else(invalid)?;
        if let Some(code) = SealedCode::read(&body) {
            return self.redeem_sealed(tenant, app, &code, redirect_uri, verifier).await;
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
            check_redirect_uri(&asked, redirect_uri)?;
            check_verifier(challenge.as_deref(), verifier)?;
            self.check_standing(&standing, &token)?;
            if let Some(answer) = self.redeem(tenant, app, &standing, nonce.as_deref()).await? {
                return Ok(answer);
            }
        }
        Err(EngineError::Contended.into())
    }

    /// Redeems a code that carries its grant: inserts the grant.
    async fn redeem_sealed(
        &self,
        tenant: &Tenant,
        app: &Application,
        code: &SealedCode,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
    ) -> Result<TokenAnswer, TokenError> {
        if code.app != app.id {
            return Err(invalid().into());
        }
        for _ in 0..TRIES {
            let standing = self
                .store
                .code_standing(tenant.id, code.session, app.id, code.sid, code.grant)
                .await?;
            let Some(standing) = standing.filter(|standing| !standing.redeemed) else {
                return self.refuse_sealed(tenant, app, code).await;
            };
            check_redirect_uri(&code.redirect_uri, redirect_uri)?;
            check_verifier(code.challenge.as_deref(), verifier)?;
            let now = self.now();
            let usable = standing.in_use
                && standing.user_state == UserState::Active
                && standing.cut == code.cut
                && standing.session.lives(now, self.settings.lifetimes.touch_flush_ms);
            if code.expires_at() <= now || !usable {
                return Err(invalid().into());
            }
            if let Some(answer) = self.make_grant(tenant, app, code, &standing).await? {
                return Ok(answer);
            }
        }
        Err(EngineError::Contended.into())
    }

    /// Refuses a code that was redeemed before, or with a stay that has ended. A second redemption ends the grant of
    /// the first one.
    async fn refuse_sealed(
        &self,
        tenant: &Tenant,
        app: &Application,
        code: &SealedCode,
    ) -> Result<TokenAnswer, TokenError> {
        let standing = self.store.standing(tenant.id, code.grant, Vec::new()).await?;
        if let Some(standing) = standing.filter(|standing| !standing.grant.ended) {
            self.end_reused(tenant, &standing.grant, app).await?;
        }
        Err(invalid().into())
    }

    /// A single attempt; `None` if something has changed since it was read.
    async fn make_grant(
        &self,
        tenant: &Tenant,
        app: &Application,
        code: &SealedCode,
        standing: &CodeStanding,
    ) -> Result<Option<TokenAnswer>, TokenError> {
        let now = self.now();
        let (refresh, expires_at) = self.lifetime_of_grant(app, now);
        let grant = code.grant(tenant.id, standing, now, refresh, expires_at);
        let mut change = ChangeSet::new(tenant.id);
        if let Some(approved) = &code.approved {
            let given = self.consent(tenant, standing.user, app.id).await?;
            let scopes = given.map(|(scopes, _)| scopes).unwrap_or_default();
            // Another tab may have approved more scopes in the meantime.
            if !approved.split(' ').all(|one| scope::has(&scopes, one)) {
                return Err(invalid().into());
            }
            let (user, session, app) = (standing.user, code.session, app.id);
            change.ops.push(Op::RequireApproval { user, session, app, scopes });
        }
        change.ops.push(Op::IssueGrant { grant: Box::new(grant.clone()), now });
        let (access, op) = self.access(app, &grant, 1, now, None).await?;
        change.ops.extend(op);
        let refresh = refresh.then_some((1, now));
        let nonce = code.nonce.as_deref();
        let issue = Issue { app, grant: &grant, access, refresh, nonce };
        let answer = self.written_and_signed(tenant, change, issue).await?;
        if answer.is_some() {
            self.touch(tenant.id, code.session, Some(app.id));
        }
        Ok(answer)
    }

    /// Returns whether a redeemed code yields a refresh token, and when everything that the grant issues now has
    /// expired.
    fn lifetime_of_grant(&self, app: &Application, now: Millis) -> (bool, Millis) {
        let refresh = app.may(GrantType::RefreshToken);
        let longest = if refresh { self.refresh_lifetime_ms(app) } else { 0 };
        (refresh, now.plus(longest.max(self.access_lifetime_ms(app))))
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

    /// A single attempt; `None` if something has changed since it was read.
    async fn redeem(
        &self,
        tenant: &Tenant,
        app: &Application,
        standing: &Standing,
        nonce: Option<&str>,
    ) -> Result<Option<TokenAnswer>, TokenError> {
        let grant = &standing.grant;
        let now = self.now();
        let (refresh, expires_at) = self.lifetime_of_grant(app, now);
        let mut change = ChangeSet::of(
            tenant.id,
            Op::RedeemCode { grant: grant.id, at: now, refresh, expires_at },
        );
        let (access, op) = self.access(app, grant, grant.token_number + 1, now, None).await?;
        change.ops.extend(op);
        let refresh = refresh.then_some((1, now));
        let issue = Issue { app, grant, access, refresh, nonce };
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
        self.carry_out_end(tenant, plan).await.map(|_| ())
    }
}

fn check_redirect_uri(asked: &str, repeated: Option<&str>) -> Result<(), OAuthError> {
    if repeated == Some(asked) {
        return Ok(());
    }
    Err(OAuthError::invalid_grant("redirect_uri is not the one of the authorization request"))
}

/// The verifier is required if a challenge was sent, and refused if none was (RFC 9700 §2.1.1).
fn check_verifier(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let good = match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => pkce::verifies(verifier, challenge),
        _ => false,
    };
    if good { Ok(()) } else { Err(OAuthError::invalid_grant("code_verifier does not fit")) }
}
