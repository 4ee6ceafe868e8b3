//! Who calls an administrative API, and what they may.

use sojourn_model::{Actor, AppId, PasswordDue, SessionId, Tenant, User, UserId, UserState};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;
use crate::session::{Checked, SignInError};
use crate::settings::CertificateOwner;
use crate::tokens::Bearer;

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCaller {
    /// Who.
    pub kind: CallerKind,
    /// What they may.
    pub rights: Rights,
}

/// What kind of caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerKind {
    /// A person, with the session behind the token if there is one.
    User(UserId, Option<SessionId>),
    /// An application with its own token.
    Application(AppId),
    /// Whoever has the machine: the command line.
    Operator,
}

impl ApiCaller {
    /// For the ledger and the audit log.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self.kind {
            CallerKind::User(user, _) => Actor::User(user),
            CallerKind::Application(app) => Actor::Application(app),
            CallerKind::Operator => Actor::Operator,
        }
    }

    /// The command line, which may do everything.
    #[must_use]
    pub fn operator() -> Self {
        Self { kind: CallerKind::Operator, rights: Rights::everything() }
    }
}

/// Why a caller isn't let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiRefused {
    /// Credentials are wrong, dead or not accepted here.
    #[error("not authenticated")]
    Unauthenticated,
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany,
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl Engine {
    /// Lets a caller in by name and password. Makes no session; shares the limits of sign-in.
    ///
    /// # Errors
    /// [`ApiRefused`]
    pub async fn basic_caller(
        &self,
        tenant: &Tenant,
        username: &str,
        password: &str,
        ip: &str,
    ) -> Result<ApiCaller, ApiRefused> {
        if !self.settings.basic_authentication {
            return Err(ApiRefused::Unauthenticated);
        }
        let known = self.user_called(tenant, username).await?;
        let hash = known.as_ref().and_then(|user| user.password_hash.as_deref());
        let user = if self.is_remembered(password, hash) {
            let may = |user: &User| {
                user.state == UserState::Active && user.password_due == PasswordDue::No
            };
            known.filter(may)
        } else {
            match self.check_password(tenant, username, password, (ip, None)).await {
                Ok(Checked { user, forgive }) => {
                    // Remembered, so that the next request neither hashes nor counts.
                    let stored = user.password_hash.as_deref();
                    self.remember_verified(password, stored);
                    let mut change = sojourn_model::ChangeSet::of(tenant.id, forgive);
                    let event = sojourn_model::EventName::AuthenticationSuccess;
                    change.events.push(self.user_event(&user, event, &Actor::User(user.id)));
                    self.must_apply(change).await?;
                    Some(user)
                }
                Err(SignInError::TooMany) => return Err(ApiRefused::TooMany),
                Err(SignInError::Failed(error)) => return Err(error.into()),
                Err(_) => None,
            }
        };
        let user = user.ok_or(ApiRefused::Unauthenticated)?;
        let rights = self.rights_of_user(tenant.id, user.id).await?;
        Ok(ApiCaller { kind: CallerKind::User(user.id, None), rights })
    }

    /// Lets a caller in by an access token. A user's token allows what both its scopes and the user's
    /// roles allow now.
    ///
    /// # Errors
    /// [`ApiRefused`]
    pub async fn bearer_caller(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<ApiCaller, ApiRefused> {
        let access = self.check_access(tenant, token).await?.ok_or(ApiRefused::Unauthenticated)?;
        let scopes = Rights::of_scopes(&access.scopes);
        Ok(match access.bearer {
            Bearer::User { user, session, .. } => {
                let roles = self.rights_of_user(tenant.id, user).await?;
                ApiCaller {
                    kind: CallerKind::User(user, session),
                    rights: roles.narrowed_to(&scopes),
                }
            }
            Bearer::Application => {
                ApiCaller { kind: CallerKind::Application(access.app.id), rights: scopes }
            }
        })
    }

    /// Lets a caller in by a certificate that the TLS handshake has verified.
    ///
    /// # Errors
    /// [`ApiRefused`]
    pub async fn certificate_caller(
        &self,
        tenant: &Tenant,
        sha256: &[u8; 32],
    ) -> Result<ApiCaller, ApiRefused> {
        let owner = self.settings.certificates.get(sha256);
        let owner = owner.filter(|_| tenant.id == sojourn_model::TenantId::DEFAULT);
        match owner.ok_or(ApiRefused::Unauthenticated)? {
            CertificateOwner::User(name) => {
                let user = self.store.user_by_name(tenant.id, name).await;
                let user = user.map_err(EngineError::from)?;
                let user = user.filter(|user| user.state == UserState::Active);
                let user = user.ok_or(ApiRefused::Unauthenticated)?;
                let rights = self.rights_of_user(tenant.id, user.id).await?;
                Ok(ApiCaller { kind: CallerKind::User(user.id, None), rights })
            }
            CertificateOwner::Application(client_id) => {
                let app = self.application_by_client(tenant.id, client_id).await?;
                let app = app.filter(|app| app.enabled).ok_or(ApiRefused::Unauthenticated)?;
                let rights = Rights::of_scopes(&app.settings.own_scopes.join(" "));
                Ok(ApiCaller { kind: CallerKind::Application(app.id), rights })
            }
        }
    }

    /// Refuses when a caller would reach someone with more rights than their own.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]
    pub async fn must_cover(
        &self,
        tenant: &Tenant,
        caller: &Rights,
        target: UserId,
    ) -> Result<(), EngineError> {
        let target = self.rights_of_user(tenant.id, target).await?;
        if caller.cover(&target) { Ok(()) } else { Err(EngineError::Forbidden) }
    }
}
