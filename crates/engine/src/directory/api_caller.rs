//! Authentication of callers of the administrative APIs, and their rights.

use sojourn_model::{Actor, PasswordDue, Proofs, Tenant, User, UserState};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::is_recovering;
use crate::rights::Rights;
use crate::settings::CertificateOwner;
use crate::sign_in::{Checked, Credentials, SignInError};
use crate::tokens::Bearer;

/// Reasons why a caller is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiRefused {
    /// The credentials are wrong, expired, revoked or not accepted here.
    #[error("not authenticated")]
    Unauthenticated,
    /// Too many failed attempts; the caller may retry later.
    #[error("too many attempts")]
    TooMany,
    /// The password is correct, but the account has a second factor, which can't be provided here.
    #[error(
        "this account signs in with a second factor: use an access token or a client certificate instead"
    )]
    SecondFactor,
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl Engine {
    /// Authenticates a caller by name and password. Creates no session; shares the rate limits of sign-in.
    ///
    /// # Errors
    /// [`ApiRefused`] if the caller is rejected or the database fails.
    pub async fn basic_caller(
        &self,
        tenant: &Tenant,
        username: &str,
        password: &str,
        ip: &str,
    ) -> Result<Authority, ApiRefused> {
        if !self.settings.basic_authentication {
            return Err(ApiRefused::Unauthenticated);
        }
        let known = self.user_called(tenant, username).await?;
        let hash = known.as_ref().and_then(|user| user.password_hash.as_deref());
        let user = if self.is_remembered(password, hash) {
            let may = |user: &User| {
                user.state == UserState::Active
                    && user.password_due == PasswordDue::No
                    && !is_recovering(user, &Proofs::default(), self.now())
            };
            let known = known.filter(may);
            if known.as_ref().is_some_and(|user| user.factors > 0) {
                return Err(ApiRefused::SecondFactor);
            }
            known
        } else {
            let typed = Credentials::new(username, password);
            match self.check_password_alone(tenant, &typed, (ip, None)).await {
                Ok(Checked { user, also, .. }) => {
                    // Cached, so that the next request is neither hashed nor counted.
                    let stored = user.password_hash.as_deref();
                    self.remember_verified(password, stored);
                    let mut change = also;
                    let event = sojourn_model::EventName::AuthenticationSuccess;
                    change.events.push(self.user_event(&user, event, &Actor::User(user.id)));
                    self.must_apply(change).await?;
                    Some(user)
                }
                Err(SignInError::TooMany) => return Err(ApiRefused::TooMany),
                Err(SignInError::Needs(pending)) if pending.step.is_second_factor() => {
                    return Err(ApiRefused::SecondFactor);
                }
                Err(SignInError::Failed(error)) => return Err(error.into()),
                Err(_) => None,
            }
        };
        let user = user.ok_or(ApiRefused::Unauthenticated)?;
        let rights = self.rights_of_user(tenant.id, user.id).await?;
        Ok(Authority::user(tenant.id, user.id, None, rights))
    }

    /// Authenticates a caller by access token. A user's token grants what both its scopes and the user's current
    /// roles allow.
    ///
    /// # Errors
    /// [`ApiRefused`] if the token isn't valid or the database fails.
    pub async fn bearer_caller(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Authority, ApiRefused> {
        let access = self.check_access(tenant, token).await?.ok_or(ApiRefused::Unauthenticated)?;
        let scopes = Rights::of_scopes(&access.scopes);
        Ok(match access.bearer {
            Bearer::User { user, session, .. } => {
                let roles = self.rights_of_user(tenant.id, user).await?;
                Authority::user(tenant.id, user, session, roles.narrowed_to(&scopes))
            }
            Bearer::Application => Authority::application(tenant.id, access.app.id, scopes),
        })
    }

    /// Authenticates a caller by a client certificate that the TLS handshake has verified.
    ///
    /// # Errors
    /// [`ApiRefused`] if the certificate has no owner who may sign in, or the database fails.
    pub async fn certificate_caller(
        &self,
        tenant: &Tenant,
        sha256: &[u8; 32],
    ) -> Result<Authority, ApiRefused> {
        let owner = self.settings.certificates.get(sha256);
        let owner = owner.filter(|_| tenant.id == sojourn_model::TenantId::DEFAULT);
        match owner.ok_or(ApiRefused::Unauthenticated)? {
            CertificateOwner::User(name) => {
                let user = self.store.user_by_name(tenant.id, name).await;
                let user = user.map_err(EngineError::from)?;
                let user = user.filter(|user| user.state == UserState::Active);
                let user = user.ok_or(ApiRefused::Unauthenticated)?;
                let rights = self.rights_of_user(tenant.id, user.id).await?;
                Ok(Authority::user(tenant.id, user.id, None, rights))
            }
            CertificateOwner::Application(client_id) => {
                let app = self.application_by_client(tenant.id, client_id).await?;
                let app = app.filter(|app| app.enabled).ok_or(ApiRefused::Unauthenticated)?;
                let rights = Rights::of_scopes(&app.settings.oidc.own_scopes.join(" "));
                Ok(Authority::application(tenant.id, app.id, rights))
            }
        }
    }
}
