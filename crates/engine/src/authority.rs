//! Who acts, and what they may: an argument of each use case that reads or changes something for someone.
//!
//! Rights are checked in the use case and nowhere else, so that SCIM, the REST APIs, the Console and the command line can't
//! disagree. Pages ask by the same functions what to offer.

use sojourn_model::{Actor, AppId, Role, SessionId, Tenant, TenantId, UserId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::{Right, Rights};

/// On whose behalf something is done, in which tenant, and their rights at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    who: Who,
    /// `None` for the command line and the program itself: every tenant.
    tenant: Option<TenantId>,
    rights: Rights,
}

/// The kinds of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A person, with the session behind the request where there is one.
    User(UserId, Option<SessionId>),
    /// An application with a token or certificate of its own.
    Application(AppId),
    /// The command line, used by whoever administers the machine.
    Operator,
    /// The program itself: declarations of the configuration file and background work.
    System,
}

impl Authority {
    /// A person in their tenant, with the rights that they have there.
    #[must_use]
    pub const fn user(
        tenant: TenantId,
        user: UserId,
        session: Option<SessionId>,
        rights: Rights,
    ) -> Self {
        Self { who: Who::User(user, session), tenant: Some(tenant), rights }
    }

    /// An application in its tenant, with the rights that it was given there.
    #[must_use]
    pub const fn application(tenant: TenantId, app: AppId, rights: Rights) -> Self {
        Self { who: Who::Application(app), tenant: Some(tenant), rights }
    }

    /// The command line, which may do everything in every tenant.
    #[must_use]
    pub fn operator() -> Self {
        Self { who: Who::Operator, tenant: None, rights: Rights::everything() }
    }

    /// The program itself, which may do everything in every tenant.
    #[must_use]
    pub fn system() -> Self {
        Self { who: Who::System, tenant: None, rights: Rights::everything() }
    }

    /// Who acts.
    #[must_use]
    pub const fn who(&self) -> Who {
        self.who
    }

    /// For the ledger and the audit log.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        match self.who {
            Who::User(user, _) => Actor::User(user),
            Who::Application(app) => Actor::Application(app),
            Who::Operator => Actor::Operator,
            Who::System => Actor::System,
        }
    }

    /// What they may.
    #[must_use]
    pub const fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Whether they have a right in their own tenant.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.rights.has(right)
    }

    /// Whether they hold everything that a role grants: you can only grant or revoke rights that you hold yourself.
    #[must_use]
    pub fn covers(&self, role: &Role) -> bool {
        self.rights.cover(&Rights::of_scopes(&role.permissions))
    }

    /// Fails unless they have a right in this tenant.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]
    pub(crate) fn must(&self, tenant: &Tenant, right: Right) -> Result<(), EngineError> {
        let here = self.tenant.is_none_or(|own| own == tenant.id);
        if here && self.may(right) { Ok(()) } else { Err(EngineError::Forbidden) }
    }

    /// Fails unless they have a right over tenants, which are managed from the default tenant.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]
    pub(crate) fn must_oversee(&self, right: Right) -> Result<(), EngineError> {
        let here = self.tenant.is_none_or(|own| own == TenantId::DEFAULT);
        if here && self.may(right) { Ok(()) } else { Err(EngineError::Forbidden) }
    }

    /// The same actor with every right in another tenant: for setting up a tenant that they create.
    pub(crate) fn over(&self, tenant: &Tenant) -> Self {
        Self { who: self.who, tenant: Some(tenant.id), rights: Rights::everything() }
    }

    /// Fails unless they hold everything that a role grants.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]
    pub(crate) fn must_cover_role(&self, role: &Role) -> Result<(), EngineError> {
        if self.covers(role) { Ok(()) } else { Err(EngineError::Forbidden) }
    }
}

impl Engine {
    /// What a person may do in a tenant at this moment.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn authority_of(
        &self,
        tenant: &Tenant,
        user: UserId,
        session: Option<SessionId>,
    ) -> Result<Authority, EngineError> {
        let rights = self.rights_of_user(tenant.id, user).await?;
        Ok(Authority::user(tenant.id, user, session, rights))
    }
}
