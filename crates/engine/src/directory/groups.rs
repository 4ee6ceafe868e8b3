//! Groups. Members get the roles that are assigned to the group, so a change of members is a change of roles.

use serde_json::json;
use sojourn_model::limits::{CONFLICT_RETRIES_MAX, INLINE_END_USERS_MAX};
use sojourn_model::operation::GroupChange;
use sojourn_model::{
    Actor, ChangeSet, EventName, Group, GroupId, NewEvent, Op, Outcome, Subject, Tenant, UserId,
};

use super::membership::{Members, checked_name};
use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::handlers::RoleChanged;
use crate::rank::Concerned;
use crate::rights::{Right, Rights};
use crate::settings::RoleDirection;

/// Changes to a group. Fields that are `None` stay the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupWrite {
    /// New name, unique in the tenant.
    pub name: Option<String>,
    /// Id of the group in another system; `Some(None)` removes it.
    pub external_id: Option<Option<String>>,
    /// Users to add and remove.
    pub members: Members,
    /// Version that the caller read; another one is a conflict.
    pub if_version: Option<i64>,
}

impl Engine {
    /// Creates a group with its first members.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if the name is taken, [`EngineError::Invalid`] if it isn't valid or a member doesn't
    /// exist.
    pub async fn add_group(
        &self,
        tenant: &Tenant,
        name: &str,
        external_id: Option<String>,
        members: &[UserId],
        by: &Authority,
    ) -> Result<Group, EngineError> {
        by.must(tenant, Right::GroupCreate)?;
        let actor = &by.actor();
        let group = Group {
            tenant: tenant.id,
            id: GroupId::random(&*self.rng),
            name: checked_name("group", name)?,
            external_id,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        };
        self.all_there(tenant, members).await?;
        let mut change = ChangeSet::of(tenant.id, Op::Group(GroupChange::Create(group.clone())));
        let data = json!({ "group-name": group.name });
        change.ops.push(Op::Append(self.group_event(
            group.id,
            EventName::PostAddGroup,
            actor,
            &data,
        )));
        if !members.is_empty() {
            change
                .ops
                .push(Op::Group(GroupChange::Join { group: group.id, users: members.to_vec() }));
            let data = json!({
                "group-name": group.name, "NEW_USER_ID_LIST": members, "DELETE_USER_ID_LIST": [],
            });
            let event = EventName::PostUpdateUserListOfGroup;
            change.events.push(self.group_event(group.id, event, actor, &data));
        }
        change.audit.push(self.audit_row(actor, "group.add", group.id, &data));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(group),
            _ => Err(EngineError::Exists("a group with that name")),
        }
    }

    /// Fails unless `by` holds the roles of a group: a change of its members grants or revokes them. Returns whether
    /// one of the roles grants everything.
    async fn must_cover_group(
        &self,
        tenant: &Tenant,
        id: GroupId,
        by: &Authority,
    ) -> Result<bool, EngineError> {
        let roles = self.store.roles_of_group(tenant.id, id).await?;
        roles.iter().try_for_each(|role| by.must_cover_role(role))?;
        Ok(roles.iter().any(Rights::is_everything))
    }

    fn group_event(
        &self,
        group: GroupId,
        name: EventName,
        actor: &Actor,
        data: &serde_json::Value,
    ) -> NewEvent {
        NewEvent {
            subject: Subject::Group(group),
            name,
            actor: actor.clone(),
            at: self.now(),
            session: None,
            data: data.to_string(),
        }
    }

    /// Changes a group's name and members. Sessions of users who gain or lose roles end according to handlers and
    /// policies.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such group, [`EngineError::Stale`] if it has another version,
    /// [`EngineError::Exists`] if the name is taken, [`EngineError::Invalid`] if the name isn't valid or a member
    /// doesn't exist.
    pub async fn change_group(
        &self,
        tenant: &Tenant,
        id: GroupId,
        write: &GroupWrite,
        by: &Authority,
    ) -> Result<Group, EngineError> {
        by.must(tenant, Right::GroupUpdate)?;
        let actor = &by.actor();
        for _ in 0..CONFLICT_RETRIES_MAX {
            let group = self.store.group(tenant.id, id).await?;
            let group = group.ok_or(EngineError::NotFound("group"))?;
            if write.if_version.is_some_and(|version| version != group.version) {
                return Err(EngineError::Stale);
            }
            let everything = self.must_cover_group(tenant, id, by).await?;
            let (join, leave) = self.group_changes(tenant, id, &write.members).await?;
            let moved: Vec<UserId> = join.iter().chain(&leave).copied().collect();
            self.must_outrank(tenant, by, Concerned::Users(&moved)).await?;
            let changed = Group {
                name: write
                    .name
                    .as_deref()
                    .map_or(Ok(group.name.clone()), |name| checked_name("group", name))?,
                external_id: write.external_id.clone().unwrap_or(group.external_id.clone()),
                version: group.version + 1,
                updated_at: self.now(),
                ..group.clone()
            };
            let same = changed.name == group.name && changed.external_id == group.external_id;
            if same && join.is_empty() && leave.is_empty() {
                return Ok(group);
            }
            let mut change =
                ChangeSet::of(tenant.id, Op::Group(GroupChange::Update(changed.clone())));
            change.keeps_administrator = everything && !leave.is_empty();
            if changed.name != group.name {
                let data = json!({ "group-name": changed.name, "old-group-name": group.name });
                let event = EventName::PostUpdateGroup;
                change.events.push(self.group_event(id, event, actor, &data));
            }
            self.push_group_members(tenant, &changed, (&join, &leave), actor, &mut change).await?;
            let detail = json!({
                "group-name": changed.name, "joined": join.len(), "left": leave.len(),
            });
            change.audit.push(self.audit_row(actor, "group.change", id, &detail));
            match self.apply(change).await? {
                Outcome::Applied(_) => return Ok(changed),
                Outcome::Duplicate => return Err(EngineError::Exists("a group with that name")),
                _ => {}
            }
        }
        Err(EngineError::Contended)
    }

    async fn group_changes(
        &self,
        tenant: &Tenant,
        id: GroupId,
        members: &Members,
    ) -> Result<(Vec<UserId>, Vec<UserId>), EngineError> {
        match members {
            Members::Change { add, remove } => {
                self.all_there(tenant, add).await?;
                let mut join = add.clone();
                let present = self.store.group_members_among(tenant.id, id, add).await?;
                join.retain(|user| !present.contains(user) && !remove.contains(user));
                let leave = self.store.group_members_among(tenant.id, id, remove).await?;
                Ok((join, leave))
            }
            Members::Exactly(wanted) => {
                self.all_there(tenant, wanted).await?;
                let present = self.all_group_members(tenant, id).await?;
                Ok(super::membership::difference(&present, wanted))
            }
        }
    }

    /// All members of a group, sorted by id.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn all_group_members(
        &self,
        tenant: &Tenant,
        id: GroupId,
    ) -> Result<Vec<UserId>, EngineError> {
        let mut all: Vec<UserId> = Vec::new();
        loop {
            let after = all.last().copied();
            let some = self.store.group_members_after(tenant.id, id, after, 5_000).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }

    /// Adds to a change set who joins and leaves a group, and the effects on the roles of these users.
    async fn push_group_members(
        &self,
        tenant: &Tenant,
        group: &Group,
        (join, leave): (&[UserId], &[UserId]),
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if join.is_empty() && leave.is_empty() {
            return Ok(());
        }
        let roles = self.store.roles_of_group(tenant.id, group.id).await?;
        for (users, direction) in [(leave, RoleDirection::Removed), (join, RoleDirection::Added)] {
            for role in &roles {
                self.push_role_by_group(tenant, group, (role, direction), users, actor, change)
                    .await?;
            }
        }
        if !leave.is_empty() {
            change
                .ops
                .push(Op::Group(GroupChange::Leave { group: group.id, users: leave.to_vec() }));
        }
        if !join.is_empty() {
            change.ops.push(Op::Group(GroupChange::Join { group: group.id, users: join.to_vec() }));
        }
        let data = json!({
            "group-name": group.name, "NEW_USER_ID_LIST": join, "DELETE_USER_ID_LIST": leave,
        });
        let event = EventName::PostUpdateUserListOfGroup;
        change.events.push(self.group_event(group.id, event, actor, &data));
        Ok(())
    }

    async fn push_role_by_group(
        &self,
        tenant: &Tenant,
        group: &Group,
        (role, direction): (&sojourn_model::Role, RoleDirection),
        users: &[UserId],
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if users.is_empty() {
            return Ok(());
        }
        let event = EventName::PostUpdateUserListOfRole;
        let (new, deleted): (&[UserId], &[UserId]) = match direction {
            RoleDirection::Removed => (&[], users),
            _ => (users, &[]),
        };
        let data = json!({
            "role-name": role.name, "NEW_USERS": new, "DELETED_USERS": deleted, "group-name": group.name,
        });
        change.events.push(self.role_event(role.id, event, actor, &data));
        let events =
            [event, EventName::PostUpdateRoleListOfUser, EventName::PostUpdateUserListOfGroup];
        let changed = RoleChanged { events: &events, role, direction };
        if let Some(reaction) = self.on_role_change(tenant, changed).await? {
            self.push_reaction(tenant, &reaction, users, actor, change)?;
        }
        Ok(())
    }

    /// Deletes a group. Its members lose the roles that were assigned to it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such group, [`EngineError::Stale`] if it has another version.
    pub async fn remove_group(
        &self,
        tenant: &Tenant,
        id: GroupId,
        if_version: Option<i64>,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::GroupDelete)?;
        let actor = &by.actor();
        let group = self.store.group(tenant.id, id).await?.ok_or(EngineError::NotFound("group"))?;
        if if_version.is_some_and(|version| version != group.version) {
            return Err(EngineError::Stale);
        }
        let everything = self.must_cover_group(tenant, id, by).await?;
        self.must_outrank(tenant, by, Concerned::Group(id)).await?;
        let roles = self.store.roles_of_group(tenant.id, id).await?;
        // Without roles the members lose nothing, so they needn't be read.
        let members =
            if roles.is_empty() { Vec::new() } else { self.all_group_members(tenant, id).await? };
        let mut change = ChangeSet::new(tenant.id);
        change.keeps_administrator = everything;
        for role in &roles {
            let removed = (role, RoleDirection::Removed);
            self.push_role_by_group(tenant, &group, removed, &members, actor, &mut change).await?;
        }
        let data = json!({ "group-name": group.name });
        let event = EventName::PostDeleteGroup;
        change.ops.push(Op::Append(self.group_event(id, event, actor, &data)));
        change.ops.push(Op::Group(GroupChange::Delete { group: id }));
        change.audit.push(self.audit_row(actor, "group.remove", id, &data));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(EngineError::NotFound("group")),
        }
    }

    /// Assigns a role to groups or revokes it from them. Their members' sessions end according to handlers and
    /// policies.
    pub(crate) async fn push_role_groups(
        &self,
        tenant: &Tenant,
        role: &sojourn_model::Role,
        (add, drop): (&[GroupId], &[GroupId]),
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if add.is_empty() && drop.is_empty() {
            return Ok(());
        }
        let event = EventName::PostUpdateGroupListOfRole;
        let events =
            [event, EventName::PostUpdateUserListOfRole, EventName::PostUpdateRoleListOfUser];
        for (groups, direction) in [(drop, RoleDirection::Removed), (add, RoleDirection::Added)] {
            let changed = RoleChanged { events: &events, role, direction };
            let reaction = self.on_role_change(tenant, changed).await?;
            for group in groups {
                if self.store.group(tenant.id, *group).await?.is_none() {
                    return Err(EngineError::Invalid(format!("there is no group {group}")));
                }
                change.ops.push(match direction {
                    RoleDirection::Removed => {
                        Op::Group(GroupChange::DropRole { group: *group, role: role.id })
                    }
                    _ => Op::Group(GroupChange::CarryRole { group: *group, role: role.id }),
                });
                let Some(reaction) = &reaction else { continue };
                let most = INLINE_END_USERS_MAX as i64 + 1;
                let some = self.store.group_members_after(tenant.id, *group, None, most).await?;
                if some.len() > INLINE_END_USERS_MAX {
                    let total = self.store.group_member_count(tenant.id, *group).await?;
                    let total = usize::try_from(total).unwrap_or(0);
                    self.push_group_job(reaction, (*group, total), actor, change)?;
                } else {
                    self.push_reaction(tenant, reaction, &some, actor, change)?;
                }
            }
        }
        let data = json!({
            "role-name": role.name, "NEW_GROUP_ID_LIST": add, "DELETE_GROUP_ID_LIST": drop,
        });
        change.events.push(self.role_event(role.id, event, actor, &data));
        Ok(())
    }

    /// Fails if one of the users doesn't exist.
    pub(crate) async fn all_there(
        &self,
        tenant: &Tenant,
        users: &[UserId],
    ) -> Result<(), EngineError> {
        if users.is_empty() {
            return Ok(());
        }
        let there: std::collections::HashSet<UserId> =
            self.store.users_there(tenant.id, users).await?.into_iter().collect();
        match users.iter().find(|user| !there.contains(user)) {
            Some(missing) => Err(EngineError::Invalid(format!("there is no user {missing}"))),
            None => Ok(()),
        }
    }
}
