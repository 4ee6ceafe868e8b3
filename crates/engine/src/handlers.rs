//! Reactions to events: those that are part of the change that caused them, and the tasks of the others.

use serde_json::Value;
use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{
    Actor, ChangeSet, Effects, EndReason, EndTarget, EventName, NewEvent, OnRoleChange, Op, Role,
    RoleId, Subject, TaskRule, Tenant, UserId,
};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::settings::{HandlerKind, HandlerSettings, RoleDirection, Termination};

/// What becomes of the sessions of those whom an event concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// What ends.
    pub(crate) effects: Option<Effects>,
    /// Whether a fresh sign-in is demanded.
    pub(crate) sign_in: bool,
    pub(crate) reason: EndReason,
}

impl Reaction {
    pub(crate) fn of(termination: &Termination, reason: EndReason) -> Self {
        if termination.sign_in {
            return Self { effects: termination.effects, sign_in: true, reason };
        }
        let effects = termination.effects.unwrap_or_else(|| Effects::for_reason(&reason));
        Self { effects: Some(effects), sign_in: false, reason }
    }

    /// The stronger of two: what either ends, ends.
    fn and(self, other: Self) -> Self {
        let effects = match (self.effects, other.effects) {
            (Some(a), Some(b)) => Some(Effects {
                session: a.session || b.session,
                tokens: a.tokens || b.tokens,
                offline: a.offline || b.offline,
                consents: a.consents || b.consents,
                notify: a.notify || b.notify,
            }),
            (a, b) => a.or(b),
        };
        Self { effects, sign_in: self.sign_in || other.sign_in, reason: self.reason }
    }
}

/// A change of roles: what happened, to which role, in which direction.
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

    /// What a change of a role does to the sessions of those concerned, by handlers and policy.
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

    /// Puts a reaction into the change that caused it: for up to a hundred users at once, for more as a job.
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

    /// Which handlers get tasks, for every change set.
    pub(crate) fn task_rules(&self) -> Vec<TaskRule> {
        let mut rules = Vec::new();
        for handler in &self.settings.handlers {
            let delay_ms = match &handler.kind {
                HandlerKind::SessionTermination(termination) if termination.is_at_once() => {
                    continue;
                }
                HandlerKind::SessionTermination(termination) => termination.delay_ms,
                HandlerKind::Webhook(_) => 0,
            };
            rules.extend(handler.subscriptions.iter().map(|event| TaskRule {
                event: *event,
                handler: handler.id.clone(),
                delay_ms,
            }));
        }
        rules
    }

    /// Adds to a change set what handlers do about its events in the same transaction. Changes of roles have seen to
    /// that themselves: they know whom they concern.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] when a job can't be written.
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

    /// Whether taking a role from a user ends the user's sessions, by handlers or policy.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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

/// Changes of roles, whose users the use case itself finds.
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

/// The users whom an event concerns: its subject, or those that it lists.
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
