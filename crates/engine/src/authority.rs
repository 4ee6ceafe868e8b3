//! The actor and their rights: an argument of every use case that reads or changes something for someone.
//!
//! Rights are checked in the use case and nowhere else, so that SCIM, the REST APIs, the Console and the command line
//! can't disagree. Pages use the same functions to decide what to offer.

use sojourn_model::{Actor, AppId, Role, SessionId, Tenant, TenantId, UserId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::{Right, Rights};

/// The actor, the tenant, and the actor's rights at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    who: Who,
    /// `None` means every tenant: the command line and the program itself.
    tenant: Option<TenantId>,
    rights: Rights,
}

/// The kinds of actors, with their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A person, and the session behind the request if there is one.
    User(UserId, Option<SessionId>),
    /// An application with its own token or certificate.
    Application(AppId),
    /// The command line, used by someone who administers the machine.
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

    /// An application in its tenant, with the rights that it was granted there.
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

    /// The actor of the use case.
    #[must_use]
    pub const fn who(&self) -> Who {
        self.who
    }

    /// The actor as the ledger and the audit log record it.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        match self.who {
            Who::User(user, _) => Actor::User(user),
            Who::Application(app) => Actor::Application(app),
            Who::Operator => Actor::Operator,
            Who::System => Actor::System,
        }
    }

    /// The actor's rights in their own tenant.
    #[must_use]
    pub const fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Returns whether the actor has a right in their own tenant.
    #[must_use]
    pub fn may(&self, right: Right) -> bool {
        self.rights.has(right)
    }

    /// Returns whether the actor holds everything that a role grants: you can only grant or revoke rights that you
    /// hold yourself.
    #[must_use]
    pub fn covers(&self, role: &Role) -> bool {
        self.rights.cover(&Rights::of_scopes(&role.permissions))
    }

    /// Returns whether this is the command line or the program itself, which may do everything.
    pub(crate) const fn is_program(&self) -> bool {
        matches!(self.who, Who::Operator | Who::System)
    }

    /// Returns whether the actor is this user of this tenant.
    pub(crate) fn is(&self, tenant: &Tenant, user: UserId) -> bool {
        self.tenant == Some(tenant.id) && matches!(self.who, Who::User(own, _) if own == user)
    }

    /// Requires a right in this tenant.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] if the actor lacks the right or belongs to another tenant.
    pub(crate) fn must(&self, tenant: &Tenant, right: Right) -> Result<(), EngineError> {
        let here = self.tenant.is_none_or(|own| own == tenant.id);
        if here && self.may(right) { Ok(()) } else { Err(EngineError::Forbidden) }
    }

    /// Requires a right over tenants, which are managed from the default tenant.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] if the actor lacks the right or belongs to another tenant than the default one.
    pub(crate) fn must_oversee(&self, right: Right) -> Result<(), EngineError> {
        let here = self.tenant.is_none_or(|own| own == TenantId::DEFAULT);
        if here && self.may(right) { Ok(()) } else { Err(EngineError::Forbidden) }
    }

    /// The same actor with every right in another tenant, for setting up a tenant that they create.
    pub(crate) fn over(&self, tenant: &Tenant) -> Self {
        Self { who: self.who, tenant: Some(tenant.id), rights: Rights::everything() }
    }

    /// Requires that the actor holds everything that a role grants.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] if the role grants a right that the actor lacks.
    pub(crate) fn must_cover_role(&self, role: &Role) -> Result<(), EngineError> {
        if self.covers(role) { Ok(()) } else { Err(EngineError::Forbidden) }
    }
}

impl Engine {
    /// Loads a person's current rights in a tenant.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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
