//! Roles, read and written through SCIM in the format of WSO2's `/scim2/v2/Roles`.

use serde_json::Value;
use sojourn_model::{GroupId, RoleId, Tenant};
use sojourn_scim::resource::{read, require};
use sojourn_scim::{Members as Listed, Projection, Resource, ScimError, members, patch};

use super::ScimFailure;
use super::groups::{users, written};
use crate::authority::Authority;
use crate::directory::{Members, RoleWrite};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

fn groups<'i>(ids: impl IntoIterator<Item = &'i String>) -> Result<Vec<GroupId>, EngineError> {
    let read = |id: &String| {
        id.parse().map_err(|_| EngineError::Invalid(format!("there is no group {id}")))
    };
    let mut groups: Vec<GroupId> = ids.into_iter().map(read).collect::<Result<_, _>>()?;
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

fn text(resource: &Resource, name: &str) -> Option<String> {
    resource.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The scopes of a resource, in the format in which roles store them.
fn permissions(resource: &Resource) -> Result<String, ScimError> {
    let all = members::of(resource, "permissions");
    if all.iter().any(|scope| scope.is_empty() || scope.contains(char::is_whitespace)) {
        return Err(ScimError::invalid_value("a permission must be a scope, without spaces"));
    }
    Ok(all.join(" "))
}

impl Engine {
    /// A role as a SCIM resource.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such role.
    pub async fn role_resource(
        &self,
        tenant: &Tenant,
        id: RoleId,
        shown: &Projection,
    ) -> Result<Resource, ScimFailure> {
        let role = self.store.role(tenant.id, id).await?.ok_or(EngineError::NotFound("role"))?;
        let found = self.role_resources(tenant, &[role], shown).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Creates a role and assigns it to users and groups.
    ///
    /// # Errors
    /// [`ScimFailure`] if the resource isn't valid, the name is taken, or the caller lacks a right.
    pub async fn create_role(
        &self,
        tenant: &Tenant,
        body: &Value,
        by: &Authority,
    ) -> Result<RoleId, ScimFailure> {
        by.must(tenant, Right::RoleCreate)?;
        let of = &self.scim_types.role;
        let resource = read(of, body)?;
        require(of, &resource)?;
        let write = RoleWrite {
            name: text(&resource, "displayName"),
            external_id: Some(text(&resource, "externalId")),
            permissions: Some(permissions(&resource)?),
            members: Members::Change {
                add: users(&members::of(&resource, "users"))?,
                remove: Vec::new(),
            },
            groups_add: groups(&members::of(&resource, "groups"))?,
            ..RoleWrite::default()
        };
        Ok(self.add_role_with(tenant, &write, by).await?.id)
    }

    /// Replaces a role with the resource that a client sent.
    ///
    /// # Errors
    /// [`ScimFailure`] if the resource isn't valid, the version differs, or the caller lacks a right.
    pub async fn replace_role(
        &self,
        tenant: &Tenant,
        id: RoleId,
        (body, if_version): (&Value, Option<i64>),
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        by.must(tenant, Right::RoleUpdate)?;
        let of = &self.scim_types.role;
        let resource = read(of, body)?;
        require(of, &resource)?;
        let listed = Listed::exactly(members::of(&resource, "groups"));
        let (groups_add, groups_remove) = self.groups_moved(tenant, id, &listed).await?;
        let write = RoleWrite {
            name: text(&resource, "displayName"),
            external_id: Some(text(&resource, "externalId")),
            permissions: Some(permissions(&resource)?),
            members: Members::Exactly(users(&members::of(&resource, "users"))?),
            groups_add,
            groups_remove,
            if_version,
        };
        self.write_role(tenant, id, &write, by).await
    }

    /// Changes parts of a role; only the users that the request names are read.
    ///
    /// # Errors
    /// [`ScimFailure`] if the patch isn't valid, the version differs, or the caller lacks a right.
    pub async fn patch_role(
        &self,
        tenant: &Tenant,
        id: RoleId,
        (body, if_version): (&Value, Option<i64>),
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        by.must(tenant, Right::RoleUpdate)?;
        let of = &self.scim_types.role;
        let operations = patch::operations(of, body)?;
        let shown = Projection { attributes: Vec::new(), excluded: vec!["users".into()] };
        let mut resource = self.role_resource(tenant, id, &shown).await?;
        let before = resource.clone();
        let (mut people, mut carriers) = (Listed::default(), Listed::default());
        for operation in &operations {
            match operation.attribute() {
                "users" => people.apply(operation)?,
                "groups" => carriers.apply(operation)?,
                _ => patch::apply(&mut resource, operation)?,
            }
        }
        require(of, &resource)?;
        let changed = |name: &str| before.get(name) != resource.get(name);
        let (groups_add, groups_remove) = self.groups_moved(tenant, id, &carriers).await?;
        let write = RoleWrite {
            name: text(&resource, "displayName").filter(|_| changed("displayName")),
            external_id: changed("externalId").then(|| text(&resource, "externalId")),
            permissions: match changed("permissions") {
                true => Some(permissions(&resource)?),
                false => None,
            },
            members: written(&people)?,
            groups_add,
            groups_remove,
            if_version,
        };
        self.write_role(tenant, id, &write, by).await
    }

    async fn groups_moved(
        &self,
        tenant: &Tenant,
        role: RoleId,
        listed: &Listed,
    ) -> Result<(Vec<GroupId>, Vec<GroupId>), ScimFailure> {
        let add = groups(&listed.add)?;
        if !listed.only {
            let remove = listed.remove.iter().filter_map(|id| id.parse().ok()).collect();
            return Ok((add, remove));
        }
        let mut remove = self.store.groups_with_role(tenant.id, role).await?;
        remove.retain(|group| !add.contains(group));
        Ok((add, remove))
    }

    async fn write_role(
        &self,
        tenant: &Tenant,
        id: RoleId,
        write: &RoleWrite,
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        self.change_role_set(tenant, id, write, by).await?;
        Ok(())
    }

    /// Removes a role and revokes it from its members, with a job if there are many.
    ///
    /// # Errors
    /// [`ScimFailure`] if there is no such role, the version differs, or the caller lacks a right.
    pub async fn delete_role(
        &self,
        tenant: &Tenant,
        id: RoleId,
        if_version: Option<i64>,
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        by.must(tenant, Right::RoleDelete)?;
        let role = self.store.role(tenant.id, id).await?.ok_or(EngineError::NotFound("role"))?;
        if if_version.is_some_and(|version| version != role.version) {
            return Err(EngineError::Stale.into());
        }
        self.remove_role(tenant, &role, by).await?;
        Ok(())
    }
}
