//! Roles and who has them. A change is at once: the sessions that `sessionTermination` ends, end in
//! the transaction that changes the role.

use serde_json::json;
use sojourn_model::change::NewJob;
use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndSummary, EventName, JobId, NewEvent, Op, Outcome, Role, RoleId, RoleState,
    Subject, Tenant, User, UserId,
};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::jobs::Work;
use crate::settings::RoleDirection;

/// A role given to or taken from a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// Given.
    Assign,
    /// Taken away.
    Unassign,
}

/// How a role goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleRemoval {
    /// It is gone, and this is what ended with it.
    Done(EndSummary),
    /// It grants nothing any more; a job takes it from its members.
    Job(JobId),
}

impl Engine {
    /// Makes a role.
    ///
    /// # Errors
    /// [`EngineError::Exists`] when the name is taken, [`EngineError::Invalid`] when it is none.
    pub async fn add_role(
        &self,
        tenant: &Tenant,
        name: &str,
        permissions: &str,
        actor: &Actor,
    ) -> Result<Role, EngineError> {
        let name = name.trim();
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return Err(EngineError::Invalid("a role's name has 1 to 255 bytes".into()));
        }
        let role = Role {
            tenant: tenant.id,
            id: RoleId::random(&*self.rng),
            name: name.to_owned(),
            permissions: permissions.to_owned(),
            state: RoleState::Active,
            epoch: 0,
        };
        let mut change = ChangeSet::of(tenant.id, Op::CreateRole(role.clone()));
        let data = json!({ "role-name": role.name });
        change.events.push(self.role_event(role.id, EventName::PostAddRole, actor, &data));
        change.audit.push(self.audit_row(actor, "role.add", role.id, &data));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(role),
            _ => Err(EngineError::Exists("a role of that name")),
        }
    }

    fn role_event(
        &self,
        role: RoleId,
        name: EventName,
        actor: &Actor,
        data: &serde_json::Value,
    ) -> NewEvent {
        NewEvent {
            subject: Subject::Role(role),
            name,
            actor: actor.clone(),
            at: self.now(),
            session: None,
            data: data.to_string(),
        }
    }

    /// Gives a role to a user or takes it away, and ends what the registered handlers want ended.
    ///
    /// # Errors
    /// [`EngineError::Exists`] when the user has it already, [`EngineError::NotFound`] when the user
    /// hasn't got it or the role is being removed.
    pub async fn change_role(
        &self,
        tenant: &Tenant,
        role: &Role,
        user: &User,
        what: RoleChange,
        actor: &Actor,
    ) -> Result<EndSummary, EngineError> {
        let (op, direction, action, new, deleted) = match what {
            RoleChange::Assign => (
                Op::AssignRole { role: role.id, user: user.id },
                RoleDirection::Added,
                "role.assign",
                vec![&role.name],
                vec![],
            ),
            RoleChange::Unassign => (
                Op::UnassignRole { role: role.id, user: user.id },
                RoleDirection::Removed,
                "role.unassign",
                vec![],
                vec![&role.name],
            ),
        };
        let event = EventName::PostUpdateRoleListOfUser;
        let mut change = ChangeSet::of(tenant.id, op);
        if let Some(plan) = self.on_role_change(event, direction, &[user.id], actor) {
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        let data = json!({
            "user-name": user.username,
            "tenant-domain": tenant.name,
            "NEW_ROLES": new,
            "DELETED_ROLES": deleted,
        });
        change
            .events
            .push(NewEvent { data: data.to_string(), ..self.user_event(user, event, actor) });
        change.audit.push(self.audit_row(actor, action, user.id, &data));
        match self.apply(change).await? {
            Outcome::Applied(applied) => {
                self.outbox.written_or_handed(applied.ended.deliveries, applied.deliveries);
                Ok(applied.ended)
            }
            Outcome::Duplicate => Err(EngineError::Exists("this role of the user")),
            _ => Err(EngineError::NotFound("this role of the user")),
        }
    }

    /// Removes a role: with up to a hundred members at once, with more by a job.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when it is gone or going already.
    pub async fn remove_role(
        &self,
        tenant: &Tenant,
        role: &Role,
        actor: &Actor,
    ) -> Result<RoleRemoval, EngineError> {
        let limit = INLINE_END_USERS_MAX as i64;
        for _ in 0..sojourn_model::limits::CONFLICT_RETRIES_MAX {
            let members = self.store.role_members(tenant.id, role.id, limit + 1).await?;
            if members.len() > INLINE_END_USERS_MAX {
                return self.begin_removal(tenant, role, actor).await;
            }
            let change = self.removal(tenant, role, &members, actor);
            match self.apply(change).await? {
                Outcome::Applied(applied) => {
                    self.outbox.written_or_handed(applied.ended.deliveries, applied.deliveries);
                    return Ok(RoleRemoval::Done(applied.ended));
                }
                // Members came or went in between.
                _ => {
                    if self.store.role(tenant.id, role.id).await?.is_none() {
                        return Err(EngineError::NotFound("role"));
                    }
                }
            }
        }
        Err(EngineError::Contended)
    }

    fn removal(
        &self,
        tenant: &Tenant,
        role: &Role,
        members: &[UserId],
        actor: &Actor,
    ) -> ChangeSet {
        let data = json!({ "role-name": role.name, "DELETED_USERS": members });
        let event = EventName::PostUpdateUserListOfRole;
        let mut change = ChangeSet::of(tenant.id, Op::BeginRoleRemoval { role: role.id });
        if let Some(plan) = self.on_role_change(event, RoleDirection::Removed, members, actor) {
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        for user in members {
            change.ops.push(Op::UnassignRole { role: role.id, user: *user });
        }
        if !members.is_empty() {
            change.ops.push(Op::Append(self.role_event(role.id, event, actor, &data)));
        }
        let deleted = self.role_event(role.id, EventName::PostDeleteRole, actor, &data);
        change.ops.push(Op::Append(deleted));
        change.ops.push(Op::DeleteRole { role: role.id });
        change.audit.push(self.audit_row(actor, "role.remove", role.id, &data));
        change
    }

    async fn begin_removal(
        &self,
        tenant: &Tenant,
        role: &Role,
        actor: &Actor,
    ) -> Result<RoleRemoval, EngineError> {
        let total = self.store.role_member_count(tenant.id, role.id).await?;
        let id = JobId::random(&*self.rng);
        let work = Work::RemoveRole { role: role.id, actor: actor.clone() };
        let payload = serde_json::to_string(&work)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let data = json!({ "role-name": role.name, "members": total });
        let mut change = ChangeSet::of(tenant.id, Op::BeginRoleRemoval { role: role.id })
            .with(Op::AddJob(NewJob { id, payload, total, due_at: self.now() }));
        let deleted = self.role_event(role.id, EventName::PostDeleteRole, actor, &data);
        change.events.push(deleted);
        change.audit.push(self.audit_row(actor, "role.remove", role.id, &data));
        match self.apply(change).await? {
            Outcome::Applied(_) => {
                self.jobs.notify_one();
                Ok(RoleRemoval::Job(id))
            }
            _ => Err(EngineError::NotFound("role")),
        }
    }

    /// A role by name.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]
    pub async fn role_named(&self, tenant: &Tenant, name: &str) -> Result<Role, EngineError> {
        self.store.role_by_name(tenant.id, name).await?.ok_or(EngineError::NotFound("role"))
    }
}
