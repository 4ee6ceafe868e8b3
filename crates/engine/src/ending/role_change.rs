//! What a change of roles would end, for pages that ask before.

use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{
    Actor, Effects, EndReason, EndSummary, EndTarget, EventName, RoleId, Tenant, UserId,
};

use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::handlers::RoleChanged;
use crate::settings::RoleDirection;

/// The events of a role that users gain or lose: directly, through the role or through a group.
const EVENTS: [EventName; 3] = [
    EventName::PostUpdateRoleListOfUser,
    EventName::PostUpdateUserListOfRole,
    EventName::PostUpdateGroupListOfRole,
];

impl Engine {
    /// What would end if users gained or lost roles, according to handlers and policies. An upper limit: users who
    /// have such a role in another way too are counted, although nothing changes for them.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn forecast_role_change(
        &self,
        tenant: &Tenant,
        roles: &[RoleId],
        users: &[UserId],
        direction: RoleDirection,
    ) -> Result<EndSummary, EngineError> {
        let mut summary = EndSummary::default();
        let mut ends = false;
        for role in roles {
            let Some(role) = self.store.role(tenant.id, *role).await? else { continue };
            let changed = RoleChanged { events: &EVENTS, role: &role, direction };
            let reaction = self.on_role_change(tenant, changed).await?;
            let effects = reaction.and_then(|reaction| reaction.effects);
            ends |= effects.is_some_and(|effects| effects.session);
        }
        if !ends {
            return Ok(summary);
        }
        for some in users.chunks(INLINE_END_USERS_MAX) {
            let targets = some.iter().copied().map(EndTarget::User).collect();
            let reason = EndReason::RoleChanged;
            let plan = EndPlan {
                targets,
                effects: Effects::for_reason(&reason),
                applications: None,
                reason,
                actor: Actor::System,
                in_browser: false,
            };
            summary += self.count_end(tenant, plan).await?.summary;
        }
        Ok(summary)
    }
}
