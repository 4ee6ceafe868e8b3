//! Exchanges a refresh token for tokens (RFC 6749 §6, RFC 9700 §4.14).

use sojourn_crypto::{GrantToken, TokenKind};
use sojourn_model::{
    Application, ChangeSet, Grant, GrantType, Millis, Op, Outcome, Tenant, UserState,
};
use sojourn_oidc::{OAuthError, scope};
use sojourn_store::Standing;

use super::binding::BindingProof;
use super::check::session_lives;
use super::issue::{Issue, TokenAnswer};
use super::{TRIES, TokenError};
use crate::engine::Engine;
use crate::error::EngineError;

fn invalid() -> OAuthError {
    OAuthError::invalid_grant("the refresh token is not valid, or not any more")
}

/// Relation of a presented generation to the stored one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presented {
    /// The current one, which is accepted.
    Newest,
    /// The previous one, and its successor wasn't used: the same response is returned again.
    JustReplaced,
    /// An older one, which someone else may have.
    Reused,
    /// Newer than the stored one: this database never issued it.
    Unknown,
}

fn judge(presented: i64, grant: &Grant, now: Millis, grace_ms: i64) -> Presented {
    let stored = grant.refresh_generation;
    // A time in the future means that the clock was ahead; the real age is unknown.
    let in_grace = (-grace_ms..=grace_ms).contains(&now.since(grant.refresh_issued_at));
    match presented {
        _ if presented < 1 || presented > stored => Presented::Unknown,
        _ if presented == stored => Presented::Newest,
        // The stored one was never used: its use would have stored a higher one.
        _ if presented + 1 == stored && in_grace => Presented::JustReplaced,
        _ => Presented::Reused,
    }
}

impl Engine {
    /// Redeems a refresh token.
    ///
    /// # Errors
    /// `invalid_grant` if the token isn't valid, `invalid_scope` if a scope wasn't granted, or
    /// [`TokenError::Failed`].
    pub async fn refresh(
        &self,
        tenant: &Tenant,
        app: &Application,
        text: &str,
        wanted: Option<&[String]>,
        presented: &BindingProof,
    ) -> Result<TokenAnswer, TokenError> {
        if !app.may(GrantType::RefreshToken) {
            return Err(OAuthError::unauthorized_client(
                "refresh_token is not among the grant types",
            )
            .into());
        }
        let token =
            self.sealer.open_grant(TokenKind::Refresh, tenant.id, text).ok_or_else(invalid)?;
        for _ in 0..TRIES {
            let standing = self
                .store
                .standing(tenant.id, token.grant, Vec::new())
                .await?
                .ok_or_else(invalid)?;
            self.check_refresh(&standing, app, &token)?;
            let grant = &standing.grant;
            if !self.binding_holds(app, grant.binding, grant.session, &grant.detail, presented) {
                let why = "Invalid token binding value is present in the request.";
                return Err(OAuthError::invalid_grant(why).into());
            }
            let narrowed = narrow(&standing.grant, wanted)?;
            let now = self.now();
            let grace = self.settings.lifetimes.refresh_grace_ms;
            let narrowed = narrowed.as_deref();
            let next = match judge(token.number, &standing.grant, now, grace) {
                Presented::Unknown => return Err(invalid().into()),
                Presented::Reused => {
                    self.end_reused(tenant, &standing.grant, app).await?;
                    return Err(invalid().into());
                }
                Presented::JustReplaced => self.again(tenant, app, &standing, narrowed).await?,
                Presented::Newest => self.advance(tenant, app, &standing, narrowed).await?,
            };
            if let Some(answer) = next {
                return Ok(answer);
            }
        }
        Err(EngineError::Contended.into())
    }

    fn check_refresh(
        &self,
        standing: &Standing,
        app: &Application,
        token: &GrantToken,
    ) -> Result<(), OAuthError> {
        let now = self.now();
        let grant = &standing.grant;
        let good = grant.app == app.id
            && !grant.ended
            && standing.in_use
            && standing.user_state == UserState::Active
            && token.expires_at() > now;
        if !good {
            return Err(invalid());
        }
        let slack = self.settings.lifetimes.touch_flush_ms;
        if grant.offline || session_lives(standing, now, slack) {
            Ok(())
        } else {
            // The client may know the reason, because it has proven that the token is its own.
            Err(OAuthError::invalid_grant(
                "the session that the refresh token belongs to has ended",
            ))
        }
    }

    /// Advances to the next generation; `None` if something has changed since it was read.
    async fn advance(
        &self,
        tenant: &Tenant,
        app: &Application,
        standing: &Standing,
        narrowed: Option<&str>,
    ) -> Result<Option<TokenAnswer>, TokenError> {
        let grant = &standing.grant;
        let now = self.now();
        let from = grant.refresh_generation;
        let to = if app.settings.oidc.refresh_rotation { from + 1 } else { from };
        let refresh_issued_at = if to > from { now } else { grant.refresh_issued_at };
        let mut change = ChangeSet::of(
            tenant.id,
            Op::Refresh {
                grant: grant.id,
                from_generation: from,
                to_generation: to,
                from_number: grant.token_number,
                at: now,
                expires_at: now.plus(self.refresh_lifetime_ms(app)),
            },
        );
        let (access, op) = self.access(app, grant, grant.token_number + 1, now, narrowed).await?;
        change.ops.extend(op);
        let refresh = Some((to, refresh_issued_at));
        let issue = Issue { app, grant, access, refresh, nonce: None };
        let Some(answer) = self.written_and_signed(tenant, change, issue).await? else {
            return Ok(None);
        };
        if let Some(session) = grant.session.filter(|_| app.settings.coordinate_inactivity) {
            self.touch(tenant.id, session, Some(app.id));
        }
        Ok(Some(answer))
    }

    /// Recreates the previous response, because the client didn't get it or asked twice. `None` if something has
    /// changed since it was read.
    async fn again(
        &self,
        tenant: &Tenant,
        app: &Application,
        standing: &Standing,
        narrowed: Option<&str>,
    ) -> Result<Option<TokenAnswer>, TokenError> {
        let grant = &standing.grant;
        let (access, op) =
            self.access(app, grant, grant.token_number, grant.token_issued_at, narrowed).await?;
        if let Some(op) = op
            && !matches!(self.apply(ChangeSet::of(tenant.id, op)).await?, Outcome::Applied(_))
        {
            return Ok(None);
        }
        let refresh = Some((grant.refresh_generation, grant.refresh_issued_at));
        let issue = Issue { app, grant, access, refresh, nonce: None };
        Ok(Some(self.answer(tenant, issue).await?))
    }
}

/// Limits the scopes if requested; fails if the grant doesn't have one of them (RFC 6749 §6).
fn narrow(grant: &Grant, wanted: Option<&[String]>) -> Result<Option<String>, OAuthError> {
    let Some(wanted) = wanted else { return Ok(None) };
    if wanted.iter().any(|one| !scope::has(&grant.scopes, one)) {
        return Err(OAuthError::new("invalid_scope", "a scope was not granted"));
    }
    let text = wanted.join(" ");
    Ok((!text.is_empty() && text != grant.scopes).then_some(text))
}

#[cfg(test)]
mod tests {
    use sojourn_model::grant::CodeState;
    use sojourn_model::{AccessTokenBinding, AppId, GrantId, GrantKind, Sid, TenantId, UserId};

    use super::*;

    fn grant(generation: i64, issued_at: i64) -> Grant {
        Grant {
            tenant: TenantId::DEFAULT,
            id: GrantId([0; 16]),
            user: UserId::from_slice(&[0; 16]).expect("id"),
            app: AppId::from_slice(&[0; 16]).expect("id"),
            session: None,
            sid: Sid([0; 16]),
            sub: String::new(),
            kind: GrantKind::Code,
            scopes: "openid profile".into(),
            offline: false,
            binding: AccessTokenBinding::SsoSession,
            auth_time: Millis(0),
            created_at: Millis(0),
            expires_at: Millis(0),
            code: CodeState::Redeemed,
            token_number: 1,
            token_issued_at: Millis(0),
            refresh_generation: generation,
            refresh_issued_at: Millis(issued_at),
            ended: false,
            outlives_logout: false,
            stay_cut: 0,
            detail: "{}".into(),
        }
    }

    #[test]
    fn generations() {
        for (presented, stored, now, want) in [
            (3, 3, 1_000_000, Presented::Newest),
            (2, 3, 10_000, Presented::JustReplaced),
            (2, 3, 10_001, Presented::Reused),
            (2, 3, -10_001, Presented::Reused),
            (1, 3, 0, Presented::Reused),
            (4, 3, 0, Presented::Unknown),
            (0, 3, 0, Presented::Unknown),
            (-1, 3, 0, Presented::Unknown),
        ] {
            assert_eq!(judge(presented, &grant(stored, 0), Millis(now), 10_000), want);
        }
    }

    #[test]
    fn narrowing() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let grant = grant(1, 0);
        assert_eq!(narrow(&grant, None), Ok(None));
        assert_eq!(narrow(&grant, Some(&list("openid"))), Ok(Some("openid".into())));
        assert_eq!(narrow(&grant, Some(&list("openid profile"))), Ok(None));
        assert!(narrow(&grant, Some(&list("email"))).is_err());
    }
}
