//! Conversion of accounts, groups and roles to resources, including their memberships.

use std::collections::HashMap;

use serde_json::{Value, json};
use sojourn_crypto::sha256;
use sojourn_model::{Group, Millis, Role, Tenant, User, UserId};
use sojourn_scim::{Projection, Resource, ResourceType, ScimError};

use super::{SCAN_MAX, ScimFailure};
use crate::engine::Engine;

/// Maximum number of members on a page of several groups or roles.
const MEMBERS_MAX: usize = SCAN_MAX;
/// Number of members that are read per query.
const BATCH: i64 = 5_000;

/// The group or role that a list of members belongs to.
#[derive(Debug, Clone, Copy)]
enum Of<'a> {
    Group(&'a Group),
    Role(&'a Role),
}

fn moment(at: Millis) -> Value {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default().into()
}

/// Creates an entity tag that also changes with the memberships of a resource, which don't change its version.
fn tag(version: i64, about: &str) -> String {
    let hash = sha256(about.as_bytes());
    format!("W/\"{version}.{}\"", sojourn_model::ids::hex(hash.split_at(4).0))
}

/// Adds the members that every resource has: `meta` and `schemas`.
fn dress(
    resource: &mut Resource,
    (base, of): (&str, &ResourceType),
    (created, changed): (Millis, Millis),
    version: Option<String>,
) {
    let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
    let mut meta = json!({
        "resourceType": of.name,
        "created": moment(created),
        "lastModified": moment(changed),
        "location": format!("{base}{}/{id}", of.endpoint),
    });
    if let (Some(version), Some(meta)) = (version, meta.as_object_mut()) {
        meta.insert("version".into(), version.into());
    }
    let extensions = of.extensions.iter().filter(|extension| resource.contains_key(&extension.id));
    let mut schemas = vec![of.schema.id.clone()];
    schemas.extend(extensions.map(|extension| extension.id.clone()));
    resource.insert("schemas".into(), json!(schemas));
    resource.insert("meta".into(), meta);
}

fn belongs(base: &str, endpoint: &str, id: impl ToString, name: Option<&str>) -> Value {
    let id = id.to_string();
    let mut one = json!({ "value": id, "$ref": format!("{base}{endpoint}/{id}") });
    if let (Some(name), Some(one)) = (name, one.as_object_mut()) {
        one.insert("display".into(), name.into());
    }
    one
}

fn put_list(resource: &mut Resource, name: &str, list: Vec<Value>) {
    if !list.is_empty() {
        resource.insert(name.into(), list.into());
    }
}

/// Display names of members.
type Names = HashMap<UserId, String>;

impl Engine {
    /// An account without its groups and roles.
    pub(super) fn bare_user(&self, tenant: &Tenant, user: &User) -> Resource {
        let mut resource = sojourn_scim::user::to_resource(user);
        let base = self.scim_base(tenant);
        let times = (user.created_at, user.updated_at);
        dress(&mut resource, (&base, &self.scim_types.user), times, None);
        resource
    }

    /// Accounts with their groups and roles.
    pub(super) async fn user_resources(
        &self,
        tenant: &Tenant,
        users: &[User],
    ) -> Result<Vec<Resource>, ScimFailure> {
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let mut groups: HashMap<UserId, Vec<(String, String)>> = HashMap::new();
        for (user, id, name) in self.store.groups_among(tenant.id, &ids).await? {
            groups.entry(user).or_default().push((id.to_string(), name));
        }
        let mut roles: HashMap<UserId, Vec<(String, String)>> = HashMap::new();
        for (user, id, name) in self.store.own_roles_among(tenant.id, &ids).await? {
            roles.entry(user).or_default().push((id.to_string(), name));
        }
        let base = self.scim_base(tenant);
        let mut out = Vec::with_capacity(users.len());
        for user in users {
            let mut resource = sojourn_scim::user::to_resource(user);
            let mut groups = groups.remove(&user.id).unwrap_or_default();
            let mut roles = roles.remove(&user.id).unwrap_or_default();
            groups.sort_unstable();
            roles.sort_unstable();
            let version = tag(user.version, &format!("{groups:?}{roles:?}"));
            let groups = groups.iter().map(|(id, name)| {
                let mut group = belongs(&base, "/Groups", id, Some(name));
                if let Some(group) = group.as_object_mut() {
                    group.insert("type".into(), "direct".into());
                }
                group
            });
            put_list(&mut resource, "groups", groups.collect());
            // A user's roles have no `$ref` (RFC 7643 §4.1.2): strict clients refuse one.
            let roles =
                roles.iter().map(|(id, name)| json!({ "value": id.to_string(), "display": name }));
            put_list(&mut resource, "roles", roles.collect());
            let times = (user.created_at, user.updated_at);
            dress(&mut resource, (&base, &self.scim_types.user), times, Some(version));
            out.push(resource);
        }
        Ok(out)
    }

    /// Groups with their roles, and with their members if those are requested.
    pub(super) async fn group_resources(
        &self,
        tenant: &Tenant,
        groups: &[Group],
        shown: &Projection,
    ) -> Result<Vec<Resource>, ScimFailure> {
        let base = self.scim_base(tenant);
        let of = &self.scim_types.group;
        let members = shown.shows(of, "members");
        let mut left = MEMBERS_MAX;
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            let mut resource = Resource::new();
            resource.insert("id".into(), group.id.to_string().into());
            resource.insert("displayName".into(), group.name.clone().into());
            if let Some(external) = &group.external_id {
                resource.insert("externalId".into(), external.clone().into());
            }
            let roles = self.store.roles_of_group(tenant.id, group.id).await?;
            let roles: Vec<Value> = roles
                .iter()
                .map(|role| belongs(&base, "/v2/Roles", role.id, Some(&role.name)))
                .collect();
            let version = tag(group.version, &json!(roles).to_string());
            put_list(&mut resource, "roles", roles);
            if members {
                let most = (groups.len() > 1).then_some(left);
                let all = self.members(tenant, Of::Group(group), most).await?;
                left = left.saturating_sub(all.len());
                put_list(&mut resource, "members", all);
            }
            let times = (group.created_at, group.updated_at);
            dress(&mut resource, (&base, of), times, Some(version));
            out.push(resource);
        }
        Ok(out)
    }

    /// Roles with their groups, and with their users if those are requested.
    pub(super) async fn role_resources(
        &self,
        tenant: &Tenant,
        roles: &[Role],
        shown: &Projection,
    ) -> Result<Vec<Resource>, ScimFailure> {
        let base = self.scim_base(tenant);
        let of = &self.scim_types.role;
        let users = shown.shows(of, "users");
        let mut left = MEMBERS_MAX;
        let mut out = Vec::with_capacity(roles.len());
        for role in roles {
            let mut resource = Resource::new();
            resource.insert("id".into(), role.id.to_string().into());
            resource.insert("displayName".into(), role.name.clone().into());
            if let Some(external) = &role.external_id {
                resource.insert("externalId".into(), external.clone().into());
            }
            let permissions: Vec<Value> = role
                .permissions
                .split_whitespace()
                .map(|scope| json!({ "value": scope, "display": scope }))
                .collect();
            put_list(&mut resource, "permissions", permissions);
            let audience = json!({
                "value": tenant.id.0.to_string(), "display": tenant.name, "type": "organization",
            });
            resource.insert("audience".into(), audience);
            let mut groups = Vec::new();
            for id in self.store.groups_with_role(tenant.id, role.id).await? {
                let group = self.store.group(tenant.id, id).await?;
                groups.push(belongs(&base, "/Groups", id, group.as_ref().map(|one| &*one.name)));
            }
            let mut about = json!(groups).to_string();
            put_list(&mut resource, "groups", groups);
            if users {
                let most = (roles.len() > 1).then_some(left);
                let all = self.members(tenant, Of::Role(role), most).await?;
                left = left.saturating_sub(all.len());
                about.push_str(&json!(all).to_string());
                put_list(&mut resource, "users", all);
            }
            let times = (role.created_at, role.updated_at);
            dress(&mut resource, (&base, of), times, Some(tag(role.version, &about)));
            out.push(resource);
        }
        Ok(out)
    }

    /// The members of a group, or the users who have a role directly; fails if there are more than `most`.
    async fn members(
        &self,
        tenant: &Tenant,
        of: Of<'_>,
        most: Option<usize>,
    ) -> Result<Vec<Value>, ScimFailure> {
        let base = self.scim_base(tenant);
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let store = &self.store;
            let some = match of {
                Of::Group(group) => {
                    store.group_members_after(tenant.id, group.id, after, BATCH).await?
                }
                Of::Role(role) => {
                    store.own_role_members_after(tenant.id, role.id, after, BATCH).await?
                }
            };
            let Some(last) = some.last() else { return Ok(all) };
            after = Some(*last);
            if most.is_some_and(|most| all.len() + some.len() > most) {
                let why = "the page would list more than 10,000 members: leave them out with \
                           'excludedAttributes', or ask for less at once";
                return Err(ScimError::too_many(why).into());
            }
            let users = self.store.users_of(tenant.id, &some).await?;
            let names: Names =
                users.iter().map(|user| (user.id, user.shown_name().to_owned())).collect();
            all.extend(
                some.iter()
                    .map(|id| belongs(&base, "/Users", id, names.get(id).map(String::as_str))),
            );
        }
    }
}
