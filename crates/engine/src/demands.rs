//! What the organisation requires of a user's authentication in an application.

use sojourn_model::{AppId, EffectivePolicy, Level, Method, Millis, Session, Tenant};
use sojourn_oidc::authorize::Unmet;

use crate::engine::Engine;
use crate::error::EngineError;

/// Requirements on a user's authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demands {
    /// The maximum age of the authentication in milliseconds, if there is one.
    pub max_age_ms: Option<i64>,
    /// The level that the session doesn't reach, or reached too long ago, or by methods that aren't allowed. A user who
    /// can't reach it adds a factor at a sign-in.
    pub unmet: Option<Unmet>,
}

/// The time before which a second factor is too old to count.
pub(crate) fn counted_since(policy: &EffectivePolicy, now: Millis) -> Option<Millis> {
    policy.second_factor_age_ms.map(|age| now.plus(-age))
}

impl Engine {
    /// Requirements of the organisation on the authentication of a user who enters an application with a session.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn demands(
        &self,
        tenant: &Tenant,
        session: &Session,
        app: AppId,
    ) -> Result<Demands, EngineError> {
        let policy = self.policy(tenant, session.user, Some(app)).await?;
        let max_age_ms = policy.max_authentication_age_ms;
        let meets = |level: Level| {
            let since = counted_since(&policy, self.now()).filter(|_| level > Level::One);
            let counted = policy.methods.counted(&session.proofs, since);
            let trusts = policy.trust_browser_ms.is_some();
            counted.level().is_some_and(|reached| reached >= level)
                || (trusts && counted.meet(level))
        };
        let level = policy.second_factor.level();
        if meets(level) {
            return Ok(Demands { max_age_ms, unmet: None });
        }
        let reach = self.reach_in(tenant, session.user, policy.methods).await?;
        // During a grace, less is required of users who can't reach it.
        let less = policy.second_factor_without_one.level();
        if policy.grace_until.is_some() && reach < Some(level) && meets(less) {
            return Ok(Demands { max_age_ms, unmet: None });
        }
        let level = if policy.grace_until.is_some() && reach < Some(level) { less } else { level };
        // If the session started with a passkey that doesn't count, its user signs in with the password instead.
        let first = session.proofs.0.first().map(|proof| proof.method);
        let password = policy.methods.allow(Method::Password);
        let raised = first.is_some_and(|first| {
            first == Method::Password || policy.methods.allow(first) || !password
        });
        let in_reach = raised && reach >= Some(level);
        Ok(Demands { max_age_ms, unmet: Some(Unmet { level, in_reach }) })
    }
}
