//! Groups, read and written through SCIM.

use serde_json::Value;
use sojourn_model::{GroupId, Tenant, UserId};
use sojourn_scim::resource::{read, require};
use sojourn_scim::{Members as Listed, Projection, Resource, members, patch};

use super::ScimFailure;
use crate::authority::Authority;
use crate::directory::{GroupWrite, Members};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

/// Parses the ids of members.
pub(super) fn users<'i>(
    ids: impl IntoIterator<Item = &'i String>,
) -> Result<Vec<UserId>, EngineError> {
    let read = |id: &String| {
        id.parse().map_err(|_| EngineError::Invalid(format!("there is no user {id}")))
    };
    let mut users: Vec<UserId> = ids.into_iter().map(read).collect::<Result<_, _>>()?;
    users.sort_unstable();
    users.dedup();
    Ok(users)
}

/// Converts a change of members to the directory's form.
pub(super) fn written(listed: &Listed) -> Result<Members, EngineError> {
    if listed.only {
        return Ok(Members::Exactly(users(&listed.add)?));
    }
    // An id that can't exist needn't be removed.
    let remove = listed.remove.iter().filter_map(|id| id.parse().ok()).collect();
    Ok(Members::Change { add: users(&listed.add)?, remove })
}

fn text(resource: &Resource, name: &str) -> Option<String> {
    resource.get(name).and_then(Value::as_str).map(str::to_owned)
}

impl Engine {
    /// A group as a SCIM resource.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such group.
    pub async fn group_resource(
        &self,
        tenant: &Tenant,
        id: GroupId,
        shown: &Projection,
    ) -> Result<Resource, ScimFailure> {
        let group = self.store.group(tenant.id, id).await?.ok_or(EngineError::NotFound("group"))?;
        let found = self.group_resources(tenant, &[group], shown).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Creates a group with its members.
    ///
    /// # Errors
    /// [`ScimFailure`] if the resource isn't valid, the name is taken, or the caller lacks a right.
    pub async fn create_group(
        &self,
        tenant: &Tenant,
        body: &Value,
        by: &Authority,
    ) -> Result<GroupId, ScimFailure> {
        by.must(tenant, Right::GroupCreate)?;
        let of = &self.scim_types.group;
        let resource = read(of, body)?;
        require(of, &resource)?;
        let name = text(&resource, "displayName").unwrap_or_default();
        let external = text(&resource, "externalId");
        let all = users(&members::of(&resource, "members"))?;
        Ok(self.add_group(tenant, &name, external, &all, by).await?.id)
    }

    /// Replaces a group with the resource that a client sent.
    ///
    /// # Errors
    /// [`ScimFailure`] if the resource isn't valid, the version differs, or the caller lacks a right.
    pub async fn replace_group(
        &self,
        tenant: &Tenant,
        id: GroupId,
        (body, if_version): (&Value, Option<i64>),
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        by.must(tenant, Right::GroupUpdate)?;
        let of = &self.scim_types.group;
        let resource = read(of, body)?;
        require(of, &resource)?;
        let write = GroupWrite {
            name: text(&resource, "displayName"),
            external_id: Some(text(&resource, "externalId")),
            members: Members::Exactly(users(&members::of(&resource, "members"))?),
            if_version,
        };
        self.write_group(tenant, id, &write, by).await
    }

    /// Changes parts of a group; only the members that the request names are read.
    ///
    /// # Errors
    /// [`ScimFailure`] if the patch isn't valid, the version differs, or the caller lacks a right.
    pub async fn patch_group(
        &self,
        tenant: &Tenant,
        id: GroupId,
        (body, if_version): (&Value, Option<i64>),
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        by.must(tenant, Right::GroupUpdate)?;
        let of = &self.scim_types.group;
        let operations = patch::operations(of, body)?;
        let shown = Projection { attributes: Vec::new(), excluded: vec!["members".into()] };
        let mut resource = self.group_resource(tenant, id, &shown).await?;
        let before = resource.clone();
        let mut listed = Listed::default();
        for operation in &operations {
            if operation.attribute() == "members" {
                listed.apply(operation)?;
            } else {
                patch::apply(&mut resource, operation)?;
            }
        }
        require(of, &resource)?;
        let changed = |name: &str| before.get(name) != resource.get(name);
        let write = GroupWrite {
            name: text(&resource, "displayName").filter(|_| changed("displayName")),
            external_id: changed("externalId").then(|| text(&resource, "externalId")),
            members: written(&listed)?,
            if_version,
        };
        self.write_group(tenant, id, &write, by).await
    }

    async fn write_group(
        &self,
        tenant: &Tenant,
        id: GroupId,
        write: &GroupWrite,
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        self.change_group(tenant, id, write, by).await?;
        Ok(())
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// [`ScimFailure`] if there is no such group, the version differs, or the caller lacks a right.
    pub async fn delete_group(
        &self,
        tenant: &Tenant,
        id: GroupId,
        if_version: Option<i64>,
        by: &Authority,
    ) -> Result<(), ScimFailure> {
        by.must(tenant, Right::GroupDelete)?;
        Ok(self.remove_group(tenant, id, if_version, by).await?)
    }
}
