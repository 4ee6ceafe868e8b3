//! Exchanges a user's name and password for tokens (RFC 6749 §4.3), for applications that support nothing else and
//! were explicitly allowed to. There is no session; an end of all of the user's sessions also ends the grant.

use sojourn_model::grant::CodeState;
use sojourn_model::{
    Actor, AppId, Application, EventName, Grant, GrantId, GrantKind, GrantType, Millis, Op,
    Outcome, Sid, Tenant,
};
use sojourn_oidc::{OAuthError, scope};

use super::TokenError;
use super::issue::{Issue, TokenAnswer};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::sign_in::{Checked, Credentials, SignInError};

/// Parameters of a password grant request.
#[derive(Clone)]
pub struct PasswordGrant {
    /// Name and password of the user.
    pub typed: Credentials,
    /// Requested scopes; `None` if the request names none.
    pub scopes: Option<Vec<String>>,
    /// IP address of the client, for the rate limits.
    pub ip: String,
}

impl Engine {
    /// Issues tokens for a name and a password. Attempts share the rate limits of the sign-in page.
    ///
    /// # Errors
    /// `unauthorized_client` if the application may not use this grant type, `invalid_grant` if the credentials
    /// aren't accepted, `invalid_scope` if a scope isn't allowed, or [`TokenError::Failed`].
    pub async fn password_grant(
        &self,
        tenant: &Tenant,
        app: &Application,
        wanted: &PasswordGrant,
    ) -> Result<TokenAnswer, TokenError> {
        if !app.may(GrantType::Password) {
            let why = "password is not among the grant types";
            return Err(OAuthError::unauthorized_client(why).into());
        }
        let asked = wanted.scopes.clone().unwrap_or_default();
        let mut scopes = scope::allowed(&asked, &app.settings.oidc.scopes);
        if scopes.is_empty() && !asked.is_empty() {
            return Err(OAuthError::new("invalid_scope", "none of the scopes is registered").into());
        }
        let Checked { user, also, .. } = self.person_of(tenant, app.id, wanted).await?;
        let rights = self.rights_of_user(tenant.id, user.id).await?;
        scopes.retain(|one| {
            one != "offline_access" && (!one.starts_with("internal_") || rights.has_scope(one))
        });
        let now = self.now();
        let refresh = app.may(GrantType::RefreshToken);
        let longest = if refresh { self.refresh_lifetime_ms(app) } else { 0 };
        let grant = Grant {
            tenant: tenant.id,
            id: GrantId::new(now, &*self.rng),
            user: user.id,
            app: app.id,
            session: None,
            sid: Sid::random(&*self.rng),
            sub: self.subject(app, user.id),
            kind: GrantKind::Password,
            scopes: scopes.join(" "),
            offline: false,
            binding: app.settings.oidc.token_binding,
            auth_time: now,
            created_at: now,
            expires_at: now.plus(longest.max(self.access_lifetime_ms(app))),
            code: CodeState::Redeemed,
            token_number: 1,
            token_issued_at: now,
            refresh_generation: i64::from(refresh),
            refresh_issued_at: if refresh { now } else { Millis(0) },
            ended: false,
            outlives_logout: false,
            stay_cut: 0,
            detail: "{}".to_owned(),
        };
        let mut change = also;
        let event = EventName::AuthenticationSuccess;
        change.events.push(self.user_event(&user, event, &Actor::User(user.id)));
        let op = Op::IssueDetachedGrant { grant: Box::new(grant.clone()), epoch: user.epoch };
        change.ops.push(op);
        match self.apply(change).await? {
            Outcome::Applied(_) => {}
            // An end by user came between reading and writing.
            _ => return Err(OAuthError::invalid_grant("the account was changed meanwhile").into()),
        }
        let access = self.own_access(app, &grant, 1, now, None);
        let refresh = refresh.then_some((1, now));
        let issue = Issue { app, grant: &grant, access, refresh, nonce: None };
        self.answer(tenant, issue).await.map_err(|error: EngineError| error.into())
    }

    async fn person_of(
        &self,
        tenant: &Tenant,
        app: AppId,
        wanted: &PasswordGrant,
    ) -> Result<Checked, TokenError> {
        match self.check_password_alone(tenant, &wanted.typed, (&wanted.ip, Some(app))).await {
            Ok(checked) => Ok(checked),
            Err(SignInError::Failed(error)) => Err(error.into()),
            Err(SignInError::Needs(pending)) if pending.step.is_second_factor() => {
                let why =
                    "this account signs in with a second factor: use the authorization code flow";
                Err(OAuthError::invalid_grant(why).into())
            }
            // The response doesn't reveal which of them was wrong, nor that there were too many attempts.
            Err(_) => Err(OAuthError::invalid_grant("name or password is not right").into()),
        }
    }
}
