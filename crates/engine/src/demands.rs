//! What the organisation requires of a user's authentication in an application.

use sojourn_model::{AppId, Level, Session, Tenant, UserId};

use crate::engine::Engine;
use crate::error::EngineError;

/// Requirements on a user's authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demands {
    /// The maximum age of the authentication in milliseconds, if there is one.
    pub max_age_ms: Option<i64>,
    /// Minimum level of the authentication.
    pub level: Level,
    /// Whether a trusted browser counts as a second factor.
    pub trusts: bool,
}

impl Demands {
    /// Returns whether the authentication of a session reaches the required level.
    #[must_use]
    pub fn level_met_by(&self, session: &Session) -> bool {
        session.level() >= self.level || (self.trusts && session.proofs.meet(self.level))
    }
}

impl Engine {
    /// Requirements of the organisation on the authentication of a user who enters an application.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn demands(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: AppId,
    ) -> Result<Demands, EngineError> {
        let policy = self.policy(tenant, user, Some(app)).await?;
        let mut level = policy.second_factor.level();
        // During a grace, less is required of users who can't reach it.
        if policy.grace_until.is_some() && self.level_of(tenant, user).await? < level {
            level = policy.second_factor_without_one.level();
        }
        let trusts = policy.trust_browser_ms.is_some();
        Ok(Demands { max_age_ms: policy.max_authentication_age_ms, level, trusts })
    }
}
