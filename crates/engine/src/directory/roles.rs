//! Roles and their members. A change is immediate: the sessions that `sessionTermination` ends are ended in the same
//! transaction.

use serde_json::json;
use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::operation::JobChange;
use sojourn_model::{
    Actor, ChangeSet, EndSummary, EventName, GroupId, JobId, JobKind, NewEvent, NewJob, Op,
    Outcome, Role, RoleId, RoleState, Tenant, User, UserId,
};

use super::membership::{Members, checked_name};
use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::handlers::RoleChanged;
use crate::rank::Concerned;
use crate::rights::{Right, Rights};
use crate::settings::RoleDirection;
use crate::work::Work;

/// The events of the removal of a role.
pub(crate) const REMOVAL: [EventName; 2] =
    [EventName::PostUpdateUserListOfRole, EventName::PostDeleteRole];

/// Assigns a role to a user or revokes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// Assigns the role to the user.
    Assign,
    /// Revokes the role from the user.
    Unassign,
}

/// The result of the removal of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleRemoval {
    /// The role is deleted; the summary says what ended.
    Done(EndSummary),
    /// The role no longer grants anything; a job revokes it from its members.
    Job(JobId),
}

/// Changes to a role. Fields that are `None` stay the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleWrite {
    /// New name, unique in the tenant.
    pub name: Option<String>,
    /// Id of the role in another system; `Some(None)` removes it.
    pub external_id: Option<Option<String>>,
    /// Scopes that the role grants, separated by spaces.
    pub permissions: Option<String>,
    /// Users who get the role and users who lose it.
    pub members: Members,
    /// Groups to which the role is assigned.
    pub groups_add: Vec<GroupId>,
    /// Groups from which the role is revoked.
    pub groups_remove: Vec<GroupId>,
    /// Version that the caller read; another one is a conflict.
    pub if_version: Option<i64>,
}

const ADMIN_STAYS: &str = "the role 'admin' can't be renamed or removed";

/// Fails if a role would get permissions that `by` doesn't hold.
fn must_hold(by: &Authority, write: &RoleWrite) -> Result<(), EngineError> {
    let wanted = Rights::of_scopes(write.permissions.as_deref().unwrap_or_default());
    if by.rights().cover(&wanted) { Ok(()) } else { Err(EngineError::Forbidden) }
}

/// The administrator role keeps its name and its permissions, because the program relies on both.
fn admin_stays(role: &Role, write: &RoleWrite) -> Result<(), EngineError> {
    let renamed = write.name.as_ref().is_some_and(|name| *name != role.name);
    let permits = write.permissions.as_ref().is_some_and(|all| *all != role.permissions);
    let touched = role.name == Role::ADMIN && (renamed || permits);
    if touched { Err(EngineError::Protected(ADMIN_STAYS)) } else { Ok(()) }
}

impl Engine {
    /// Creates a role without members.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if the name is taken, [`EngineError::Invalid`] if it isn't valid.
    pub async fn add_role(
        &self,
        tenant: &Tenant,
        name: &str,
        permissions: &str,
        by: &Authority,
    ) -> Result<Role, EngineError> {
        let (name, permissions) = (Some(name.to_owned()), Some(permissions.to_owned()));
        let write = RoleWrite { name, permissions, ..RoleWrite::default() };
        self.add_role_with(tenant, &write, by).await
    }

    /// Creates a role with its members and groups.
    ///
    /// # Errors
    /// The same as [`Engine::add_role`]; [`EngineError::Invalid`] also if a user or a group doesn't exist.
    pub async fn add_role_with(
        &self,
        tenant: &Tenant,
        write: &RoleWrite,
        by: &Authority,
    ) -> Result<Role, EngineError> {
        by.must(tenant, Right::RoleCreate)?;
        must_hold(by, write)?;
        let actor = &by.actor();
        let name = checked_name("role", write.name.as_deref().unwrap_or_default())?;
        let role = Role {
            tenant: tenant.id,
            id: RoleId::random(&*self.rng),
            name,
            permissions: write.permissions.clone().unwrap_or_default(),
            state: RoleState::Active,
            epoch: 0,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
            external_id: write.external_id.clone().flatten(),
        };
        let mut change = ChangeSet::of(tenant.id, Op::CreateRole(role.clone()));
        let data = json!({ "role-name": role.name });
        let added = self.role_event(role.id, EventName::PostAddRole, actor, &data);
        change.ops.push(Op::Append(added));
        if let Members::Change { add, .. } = &write.members {
            self.all_there(tenant, add).await?;
            self.push_role_members(tenant, &role, (add, &[]), actor, &mut change).await?;
        }
        self.push_role_groups(tenant, &role, (&write.groups_add, &[]), actor, &mut change).await?;
        change.audit.push(self.audit_row(actor, "role.add", role.id, &data));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(role),
            _ => Err(EngineError::Exists("a role with that name")),
        }
    }

    /// Assigns a role to a user or revokes it, and ends what the registered handlers require.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if the user has the role already, [`EngineError::NotFound`] if the user doesn't have
    /// it or the role is being removed.
    pub async fn change_role(
        &self,
        tenant: &Tenant,
        role: &Role,
        user: &User,
        what: RoleChange,
        by: &Authority,
    ) -> Result<EndSummary, EngineError> {
        by.must(tenant, Right::RoleUpdate)?;
        by.must_cover_role(role)?;
        let actor = &by.actor();
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
        self.must_outrank(tenant, by, Concerned::Users(&[user.id])).await?;
        let event = EventName::PostUpdateRoleListOfUser;
        let mut change = ChangeSet::of(tenant.id, op);
        change.keeps_administrator = what == RoleChange::Unassign && Rights::is_everything(role);
        let changed = RoleChanged { events: &[event], role, direction };
        // A user who also has the role through a group neither gains nor loses anything.
        let by_group = self.has_by_group(tenant, role.id, user.id).await?;
        if !by_group && let Some(reaction) = self.on_role_change(tenant, changed).await? {
            self.push_reaction(tenant, &reaction, &[user.id], actor, &mut change)?;
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
            Outcome::Applied(applied) => Ok(applied.ended),
            Outcome::Duplicate => Err(EngineError::Exists("this role of the user")),
            _ => Err(EngineError::NotFound("this role of the user")),
        }
    }

    /// Changes a role's name, permissions, members and groups. Sessions of affected users end according to handlers
    /// and policies; for more than a hundred users a job does this.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such role, [`EngineError::Stale`] if it has another version,
    /// [`EngineError::Exists`] if the name is taken, [`EngineError::Invalid`] if the name isn't valid or a user or
    /// group doesn't exist.
    pub async fn change_role_set(
        &self,
        tenant: &Tenant,
        id: RoleId,
        write: &RoleWrite,
        by: &Authority,
    ) -> Result<Role, EngineError> {
        by.must(tenant, Right::RoleUpdate)?;
        for _ in 0..sojourn_model::limits::CONFLICT_RETRIES_MAX {
            let role = self.store.role(tenant.id, id).await?;
            let role = role.ok_or(EngineError::NotFound("role"))?;
            if write.if_version.is_some_and(|version| version != role.version) {
                return Err(EngineError::Stale);
            }
            by.must_cover_role(&role)?;
            must_hold(by, write)?;
            admin_stays(&role, write)?;
            let Some((changed, change)) = self.role_rewrite(tenant, &role, write, by).await? else {
                return Ok(role);
            };
            match self.apply(change).await? {
                Outcome::Applied(_) => return Ok(changed),
                Outcome::Duplicate => return Err(EngineError::Exists("a role with that name")),
                _ => {}
            }
        }
        Err(EngineError::Contended)
    }

    async fn role_rewrite(
        &self,
        tenant: &Tenant,
        role: &Role,
        write: &RoleWrite,
        by: &Authority,
    ) -> Result<Option<(Role, ChangeSet)>, EngineError> {
        let actor = &by.actor();
        let (join, leave) = self.role_changes(tenant, role.id, &write.members).await?;
        let mut changed =
            Role { version: role.version + 1, updated_at: self.now(), ..role.clone() };
        if let Some(name) = &write.name {
            changed.name = checked_name("role", name)?;
        }
        if let Some(permissions) = &write.permissions {
            changed.permissions = permissions.clone();
        }
        if let Some(external) = &write.external_id {
            changed.external_id.clone_from(external);
        }
        let same = changed.name == role.name
            && changed.permissions == role.permissions
            && changed.external_id == role.external_id;
        let carried = self.store.groups_with_role(tenant.id, role.id).await?;
        let mut add = write.groups_add.clone();
        add.retain(|group| !carried.contains(group));
        let mut drop = write.groups_remove.clone();
        drop.retain(|group| carried.contains(group));
        if same && join.is_empty() && leave.is_empty() && add.is_empty() && drop.is_empty() {
            return Ok(None);
        }
        let moved: Vec<UserId> = join.iter().chain(&leave).copied().collect();
        self.must_outrank(tenant, by, Concerned::Users(&moved)).await?;
        for group in add.iter().chain(&drop) {
            self.must_outrank(tenant, by, Concerned::Group(*group)).await?;
        }
        if changed.permissions != role.permissions {
            self.must_outrank(tenant, by, Concerned::Role(role.id)).await?;
        }
        let mut change = ChangeSet::of(tenant.id, Op::UpdateRole(changed.clone()));
        let takes = !leave.is_empty() || !drop.is_empty() || !Rights::is_everything(&changed);
        change.keeps_administrator = takes && Rights::is_everything(role);
        if changed.name != role.name {
            let data = json!({ "role-name": changed.name, "old-role-name": role.name });
            let event = EventName::PostUpdateRoleName;
            change.events.push(self.role_event(role.id, event, actor, &data));
        }
        self.push_permissions(tenant, (role, &changed), actor, &mut change).await?;
        self.push_role_members(tenant, &changed, (&join, &leave), actor, &mut change).await?;
        self.push_role_groups(tenant, &changed, (&add, &drop), actor, &mut change).await?;
        let detail = json!({
            "role-name": changed.name, "given": join.len(), "taken": leave.len(),
            "groups": add.len() + drop.len(),
        });
        change.audit.push(self.audit_row(actor, "role.change", role.id, &detail));
        Ok(Some((changed, change)))
    }

    async fn role_changes(
        &self,
        tenant: &Tenant,
        id: RoleId,
        members: &Members,
    ) -> Result<(Vec<UserId>, Vec<UserId>), EngineError> {
        match members {
            Members::Change { add, remove } => {
                self.all_there(tenant, add).await?;
                let mut join = add.clone();
                let present = self.store.role_members_among(tenant.id, id, add).await?;
                join.retain(|user| !present.contains(user) && !remove.contains(user));
                let leave = self.store.role_members_among(tenant.id, id, remove).await?;
                Ok((join, leave))
            }
            Members::Exactly(wanted) => {
                self.all_there(tenant, wanted).await?;
                let mut present: Vec<UserId> = Vec::new();
                loop {
                    let after = present.last().copied();
                    let some =
                        self.store.own_role_members_after(tenant.id, id, after, 5_000).await?;
                    if some.is_empty() {
                        break;
                    }
                    present.extend(some);
                }
                Ok(super::membership::difference(&present, wanted))
            }
        }
    }

    async fn push_role_members(
        &self,
        tenant: &Tenant,
        role: &Role,
        (join, leave): (&[UserId], &[UserId]),
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if join.is_empty() && leave.is_empty() {
            return Ok(());
        }
        let event = EventName::PostUpdateUserListOfRole;
        for (users, direction) in [(leave, RoleDirection::Removed), (join, RoleDirection::Added)] {
            if users.is_empty() {
                continue;
            }
            let changed = RoleChanged { events: &[event], role, direction };
            if let Some(reaction) = self.on_role_change(tenant, changed).await? {
                self.push_reaction(tenant, &reaction, users, actor, change)?;
            }
            let (role, users) = (role.id, users.to_vec());
            change.ops.push(match direction {
                RoleDirection::Removed => Op::UnassignRoleFromMany { role, users },
                _ => Op::AssignRoleToMany { role, users },
            });
        }
        let data = json!({ "role-name": role.name, "NEW_USERS": join, "DELETED_USERS": leave });
        change.events.push(self.role_event(role.id, event, actor, &data));
        Ok(())
    }

    /// Adds the effects of changed permissions, which affect everyone who has the role.
    async fn push_permissions(
        &self,
        tenant: &Tenant,
        (before, after): (&Role, &Role),
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let lacking = |of: &str, other: &str| -> Vec<String> {
            let other: Vec<&str> = other.split_whitespace().collect();
            let all = of.split_whitespace().filter(|scope| !other.contains(scope));
            all.map(str::to_owned).collect()
        };
        let added = lacking(&after.permissions, &before.permissions);
        let deleted = lacking(&before.permissions, &after.permissions);
        if added.is_empty() && deleted.is_empty() {
            return Ok(());
        }
        let event = EventName::PostUpdatePermissionsForRole;
        for (some, direction) in
            [(&deleted, RoleDirection::Removed), (&added, RoleDirection::Added)]
        {
            let changed = RoleChanged { events: &[event], role: after, direction };
            if some.is_empty() {
                continue;
            }
            let Some(reaction) = self.on_role_change(tenant, changed).await? else { continue };
            let most = INLINE_END_USERS_MAX as i64 + 1;
            let members = self.store.role_members_after(tenant.id, after.id, None, most).await?;
            if members.len() > INLINE_END_USERS_MAX {
                let total = self.role_people_count(tenant, after.id).await?;
                let total = usize::try_from(total).unwrap_or(0);
                self.push_role_job(&reaction, (after.id, total), actor, change)?;
            } else {
                self.push_reaction(tenant, &reaction, &members, actor, change)?;
            }
            break;
        }
        let data = json!({
            "role-name": after.name, "ADDED_PERMISSIONS": added, "DELETED_PERMISSIONS": deleted,
        });
        change.events.push(self.role_event(after.id, event, actor, &data));
        Ok(())
    }

    /// Returns whether a user has a role through a group.
    pub(crate) async fn has_by_group(
        &self,
        tenant: &Tenant,
        role: RoleId,
        user: UserId,
    ) -> Result<bool, EngineError> {
        for group in self.store.groups_with_role(tenant.id, role).await? {
            if !self.store.group_members_among(tenant.id, group, &[user]).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes a role: immediately if it has up to a hundred members, otherwise with a job.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if it is removed or being removed already, [`EngineError::Forbidden`] if someone
    /// with more rights has it.
    pub async fn remove_role(
        &self,
        tenant: &Tenant,
        role: &Role,
        by: &Authority,
    ) -> Result<RoleRemoval, EngineError> {
        by.must(tenant, Right::RoleDelete)?;
        by.must_cover_role(role)?;
        if role.name == Role::ADMIN {
            return Err(EngineError::Protected(ADMIN_STAYS));
        }
        let actor = &by.actor();
        self.must_outrank(tenant, by, Concerned::Role(role.id)).await?;
        let limit = INLINE_END_USERS_MAX as i64;
        for _ in 0..sojourn_model::limits::CONFLICT_RETRIES_MAX {
            let members =
                self.store.role_members_after(tenant.id, role.id, None, limit + 1).await?;
            if members.len() > INLINE_END_USERS_MAX {
                return self.begin_removal(tenant, role, actor).await;
            }
            let change = self.removal(tenant, role, &members, actor).await?;
            match self.apply(change).await? {
                Outcome::Applied(applied) => {
                    return Ok(RoleRemoval::Done(applied.ended));
                }
                // Members were added or removed in the meantime.
                _ => {
                    if self.store.role(tenant.id, role.id).await?.is_none() {
                        return Err(EngineError::NotFound("role"));
                    }
                }
            }
        }
        Err(EngineError::Contended)
    }

    async fn removal(
        &self,
        tenant: &Tenant,
        role: &Role,
        members: &[UserId],
        actor: &Actor,
    ) -> Result<ChangeSet, EngineError> {
        let data = json!({ "role-name": role.name, "NEW_USERS": [], "DELETED_USERS": members });
        let mut change = ChangeSet::of(tenant.id, Op::BeginRoleRemoval { role: role.id });
        change.keeps_administrator = Rights::is_everything(role);
        let changed = RoleChanged { events: &REMOVAL, role, direction: RoleDirection::Removed };
        if let Some(reaction) = self.on_role_change(tenant, changed).await? {
            self.push_reaction(tenant, &reaction, members, actor, &mut change)?;
        }
        if !members.is_empty() {
            let users = members.to_vec();
            change.ops.push(Op::UnassignRoleFromMany { role: role.id, users });
            let event = EventName::PostUpdateUserListOfRole;
            change.ops.push(Op::Append(self.role_event(role.id, event, actor, &data)));
        }
        let deleted = self.role_event(role.id, EventName::PostDeleteRole, actor, &data);
        change.ops.push(Op::Append(deleted));
        change.ops.push(Op::DeleteRole { role: role.id });
        change.audit.push(self.audit_row(actor, "role.remove", role.id, &data));
        Ok(change)
    }

    async fn begin_removal(
        &self,
        tenant: &Tenant,
        role: &Role,
        actor: &Actor,
    ) -> Result<RoleRemoval, EngineError> {
        let total = self.role_people_count(tenant, role.id).await?;
        let id = JobId::random(&*self.rng);
        let work = Work::RemoveRole { role: role.id, actor: actor.clone() };
        let payload = serde_json::to_string(&work)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let data = json!({ "role-name": role.name, "members": total });
        let job = NewJob {
            id,
            kind: JobKind::RemoveRole,
            payload,
            total,
            actor: actor.clone(),
            at: self.now(),
        };
        let mut change = ChangeSet::of(tenant.id, Op::BeginRoleRemoval { role: role.id })
            .with(Op::Job(JobChange::Add(job)));
        change.keeps_administrator = Rights::is_everything(role);
        let deleted = self.role_event(role.id, EventName::PostDeleteRole, actor, &data);
        change.events.push(deleted);
        change.audit.push(self.audit_row(actor, "role.remove", role.id, &data));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(RoleRemoval::Job(id)),
            _ => Err(EngineError::NotFound("role")),
        }
    }

    /// Number of users who have a role, directly or through a group; a user who has it in several ways is counted
    /// several times.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn role_people_count(
        &self,
        tenant: &Tenant,
        role: RoleId,
    ) -> Result<i64, EngineError> {
        let mut total = self.store.role_member_count(tenant.id, role).await?;
        for group in self.store.groups_with_role(tenant.id, role).await? {
            total += self.store.group_member_count(tenant.id, group).await?;
        }
        Ok(total)
    }
}
