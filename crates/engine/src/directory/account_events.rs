//! What several use cases do with an account: its events, a change of its state, finding it by name.

use serde_json::json;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, NewEvent, OnAccount, Op, Subject, Tenant,
    User, UserState,
};

use super::account_state::StateChange;
use crate::directory::looked_for;
use crate::directory::plain_name;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    pub(crate) fn user_event(&self, user: &User, name: EventName, actor: &Actor) -> NewEvent {
        NewEvent {
            subject: Subject::User(user.id),
            name,
            actor: actor.clone(),
            at: self.now(),
            session: None,
            data: json!({ "user-name": user.username }).to_string(),
        }
    }

    /// Creates the change set that changes an account's state.
    pub(crate) async fn state_change(
        &self,
        tenant: &Tenant,
        user: &User,
        StateChange { state, unlock_at, epoch }: StateChange,
        actor: &Actor,
    ) -> Result<ChangeSet, EngineError> {
        let set = Op::SetUserState { user: user.id, state, unlock_at, epoch };
        let mut change = ChangeSet::of(tenant.id, set);
        let (event, action, reason) = match (state, user.state) {
            (UserState::Active, UserState::Locked) => {
                (EventName::PostUnlockAccount, "user.unlock", None)
            }
            (UserState::Active, _) => (EventName::PostEnableAccount, "user.enable", None),
            (UserState::Disabled, _) => {
                (EventName::PostDisableAccount, "user.disable", Some(EndReason::AccountDisabled))
            }
            (UserState::Locked, _) => {
                (EventName::PostLockAccount, "user.lock", Some(EndReason::AccountLocked))
            }
        };
        let policy = self.policy(tenant, user.id, None).await?;
        let what = if state == UserState::Locked { policy.on_lock } else { policy.on_disable };
        if let Some(reason) = reason.filter(|_| what == OnAccount::End) {
            let plan = EndPlan::new(EndTarget::User(user.id), reason, actor.clone());
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        // A lock after failed attempts is set by the program, and can be removed again.
        let takes = state != UserState::Active && *actor != Actor::System;
        change.keeps_administrator =
            takes && self.rights_of_user(tenant.id, user.id).await?.cover_everyone();
        change.events.push(self.user_event(user, event, actor));
        change.audit.push(self.audit_row(actor, action, user.id, &json!({})));
        Ok(change)
    }

    /// The same as [`Engine::user_named`], but returns `None` if there is no such user.
    pub(crate) async fn user_called(
        &self,
        tenant: &Tenant,
        username: &str,
    ) -> Result<Option<User>, EngineError> {
        let name = looked_for(username);
        if let Some(user) = self.store.user_by_name(tenant.id, &name).await? {
            return Ok(Some(user));
        }
        // As typed: a name that was stored before names were normalised.
        if name != username.trim()
            && let Some(user) = self.store.user_by_name(tenant.id, username.trim()).await?
        {
            return Ok(Some(user));
        }
        let plain = plain_name(tenant, &name);
        if plain == name { Ok(None) } else { Ok(self.store.user_by_name(tenant.id, plain).await?) }
    }
}
