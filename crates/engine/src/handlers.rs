//! Reactions to events: those that are part of the change that caused them, and the tasks for all others.

use serde_json::Value;
use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, NewEvent, OnRoleChange, Op, Role, RoleId,
    Subject, Tenant, UserId,
};

use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::reaction::Reaction;
use crate::settings::{HandlerKind, HandlerSettings, RoleDirection, Termination};

/// A change of a role: the events, the role and the direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoleChanged<'a> {
    pub(crate) events: &'a [EventName],
    pub(crate) role: &'a Role,
    pub(crate) direction: RoleDirection,
}

impl Engine {
    fn terminations(&self) -> impl Iterator<Item = (&HandlerSettings, &Termination)> {
        self.settings.handlers.iter().filter_map(|handler| match &handler.kind {
            HandlerKind::SessionTermination(termination) => Some((handler, termination)),
            HandlerKind::Webhook(_) => None,
        })
    }

    /// Determines, from handlers and policies, what a role change does to the sessions of the affected users.
    pub(crate) async fn on_role_change(
        &self,
        tenant: &Tenant,
        changed: RoleChanged<'_>,
    ) -> Result<Option<Reaction>, EngineError> {
        let RoleChanged { events, role, direction } = changed;
        let by_policy = match self.on_change_of(tenant, role.id).await? {
            OnRoleChange::Nothing => false,
            OnRoleChange::Removed => direction == RoleDirection::Removed,
            OnRoleChange::Any => true,
        };
        let reason = EndReason::RoleChanged;
        let mut reaction = by_policy.then(|| Reaction::of(&Termination::default(), reason.clone()));
        for (handler, termination) in self.terminations() {
            let subscribed = events.iter().any(|event| handler.subscriptions.contains(event));
            if subscribed && termination.is_at_once() && termination.concerns(direction, &role.name)
            {
                let found = Reaction::of(termination, reason.clone());
                reaction = Some(match reaction {
                    Some(one) => one.and(found),
                    None => found,
                });
            }
        }
        Ok(reaction)
    }

    /// Adds a reaction to the change that caused it: directly for up to a hundred users, as a job for more.
    pub(crate) fn push_reaction(
        &self,
        tenant: &Tenant,
        reaction: &Reaction,
        users: &[UserId],
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if users.is_empty() {
            return Ok(());
        }
        if users.len() > INLINE_END_USERS_MAX {
            return self.push_end_job(reaction, users, actor, change);
        }
        if let Some(effects) = reaction.effects {
            let plan = EndPlan {
                targets: users.iter().map(|user| EndTarget::User(*user)).collect(),
                effects,
                applications: None,
                reason: reaction.reason.clone(),
                actor: actor.clone(),
                in_browser: false,
            };
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        if reaction.sign_in {
            change.ops.extend(users.iter().map(|user| Op::DemandSignIn { user: *user }));
        }
        Ok(())
    }

    /// Adds the reactions of handlers to a change set's events, in the same transaction. Role changes add their own,
    /// because they know which users are affected.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if a job can't be written.
    pub(crate) fn react(&self, tenant: &Tenant, change: &mut ChangeSet) -> Result<(), EngineError> {
        let appended = change.ops.iter().filter_map(|op| match op {
            Op::Append(event) => Some(event),
            _ => None,
        });
        let concerned: Vec<(NewEvent, Reaction)> = appended
            .chain(&change.events)
            .filter(|event| !is_of_roles(event.name))
            .flat_map(|event| {
                self.terminations()
                    .filter(|(handler, termination)| {
                        termination.is_at_once() && handler.subscriptions.contains(&event.name)
                    })
                    .map(|(handler, termination)| {
                        let reason = EndReason::Policy(handler.id.clone());
                        (event.clone(), Reaction::of(termination, reason))
                    })
            })
            .collect();
        for (event, reaction) in concerned {
            let users = users_of(&event);
            self.push_reaction(tenant, &reaction, &users, &event.actor, change)?;
        }
        Ok(())
    }

    /// Returns whether revoking a role from a user ends the user's sessions, according to handlers or policies.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn ends_sessions_on_role_removal(
        &self,
        tenant: &Tenant,
        role: RoleId,
    ) -> Result<bool, EngineError> {
        let Some(role) = self.store.role(tenant.id, role).await? else { return Ok(false) };
        let events = [EventName::PostUpdateRoleListOfUser];
        let changed =
            RoleChanged { events: &events, role: &role, direction: RoleDirection::Removed };
        let reaction = self.on_role_change(tenant, changed).await?;
        Ok(reaction.is_some_and(|reaction| reaction.effects.is_some_and(|effects| effects.session)))
    }
}

/// Returns whether an event is a role change, for which the use case itself finds the affected users.
pub(crate) fn is_of_roles(event: EventName) -> bool {
    matches!(
        event,
        EventName::PostUpdateRoleListOfUser
            | EventName::PostUpdateUserListOfRole
            | EventName::PostUpdateGroupListOfRole
            | EventName::PostUpdatePermissionsForRole
            | EventName::PostDeleteRole
    )
}

/// The users that an event affects: its subject, or those that it lists.
pub(crate) fn users_of(event: &NewEvent) -> Vec<UserId> {
    if let Subject::User(user) = event.subject {
        return vec![user];
    }
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    ["NEW_USERS", "DELETED_USERS", "NEW_USER_ID_LIST", "DELETE_USER_ID_LIST"]
        .iter()
        .filter_map(|key| data.get(key)?.as_array())
        .flatten()
        .filter_map(|id| id.as_str()?.parse().ok())
        .collect()
}
