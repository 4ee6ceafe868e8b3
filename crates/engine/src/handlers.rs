//! Reactions to events that are part of the change that caused them.

use sojourn_model::{Actor, EndReason, EndTarget, EventName, UserId};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::settings::RoleDirection;

/// The handler of the article: a role change ends the sessions of the users concerned.
pub(crate) const SESSION_TERMINATION: &str = "sessionTermination";

impl Engine {
    /// What `sessionTermination` does about a role change, if it is registered for the event.
    pub(crate) fn on_role_change(
        &self,
        event: EventName,
        direction: RoleDirection,
        users: &[UserId],
        actor: &Actor,
    ) -> Option<EndPlan> {
        let concerned = self.settings.handlers.iter().any(|handler| {
            handler.name == SESSION_TERMINATION
                && handler.subscriptions.contains(&event)
                && (handler.on == RoleDirection::Any || handler.on == direction)
        });
        if !concerned || users.is_empty() {
            return None;
        }
        let reason = EndReason::RoleChanged;
        Some(EndPlan {
            targets: users.iter().map(|user| EndTarget::User(*user)).collect(),
            effects: sojourn_model::Effects::for_reason(&reason),
            applications: None,
            reason,
            actor: actor.clone(),
            in_browser: false,
        })
    }
}

impl Engine {
    /// Whether taking a role from a user ends the user's sessions, as the handlers are registered.
    #[must_use]
    pub fn ends_sessions_on_role_removal(&self) -> bool {
        let anyone = UserId(sojourn_model::ids::nil());
        let event = EventName::PostUpdateRoleListOfUser;
        self.on_role_change(event, RoleDirection::Removed, &[anyone], &Actor::System).is_some()
    }
}
