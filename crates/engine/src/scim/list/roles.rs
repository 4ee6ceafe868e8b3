//! Lists of roles, with their users if requested.

use serde_json::json;
use sojourn_model::{Role, Tenant};
use sojourn_scim::Resource;
use sojourn_scim::evaluate::{check, passes};
use sojourn_scim::filter::Operator;

use super::super::{ListQuery, Listed, SCAN_MAX, ScimFailure};
use super::{names, only_member, required, sort, sort_path, too_many};
use crate::authority::Authority;
use crate::engine::Engine;
use crate::rights::Right;

impl Engine {
    /// Lists roles, filtered, sorted and paged.
    ///
    /// # Errors
    /// The same as [`Engine::list_users`].
    pub async fn list_roles(
        &self,
        tenant: &Tenant,
        query: &ListQuery,
        by: &Authority,
    ) -> Result<Listed, ScimFailure> {
        by.must(tenant, Right::RoleList)?;
        let caller = &by.actor();
        let of = &self.scim_types.role;
        if let Some(filter) = &query.filter {
            check(of, filter)?;
        }
        let path = sort_path(of, query)?;
        let mark = self.mark(tenant, query, caller)?;
        let most = i64::try_from(SCAN_MAX + 1).unwrap_or(0);
        let found = query.filter.as_ref().and_then(|filter| {
            let equal = required(of, filter, &["id", "displayName", "users"]);
            equal.filter(|(_, one)| one.operator == Operator::Eq)
        });
        let roles: Vec<Role> = match &found {
            Some((name, one)) => {
                let value = one.value.text();
                match &**name {
                    "id" => match value.parse() {
                        Ok(id) => self.store.role(tenant.id, id).await?.into_iter().collect(),
                        Err(_) => Vec::new(),
                    },
                    "users" => match value.parse() {
                        Ok(user) => {
                            let mut own = Vec::new();
                            for id in self.store.own_roles_of_user(tenant.id, user).await? {
                                own.extend(self.store.role(tenant.id, id).await?);
                            }
                            own
                        }
                        Err(_) => Vec::new(),
                    },
                    _ => self.store.role_by_name(tenant.id, &value).await?.into_iter().collect(),
                }
            }
            None => self.store.roles_after(tenant.id, None, most).await?,
        };
        if roles.len() > SCAN_MAX {
            return Err(too_many("no index fits this list of roles"));
        }
        let alone = query.filter.as_ref().and_then(|one| only_member(of, one, found.as_ref()));
        let asked = query.filter.as_ref().is_some_and(|filter| names(of, filter, "users"));
        let shown = Self::looked_at(asked && alone.is_none(), "users");
        let mut resources = self.role_resources(tenant, &roles, &shown).await?;
        if let Some((name, one)) = &alone {
            for resource in &mut resources {
                resource.insert(name.clone(), json!([{ "value": one.value.text() }]));
            }
        }
        let both = roles.into_iter().zip(resources);
        let mut found: Vec<(Role, Resource)> = both
            .filter(|(_, one)| query.filter.as_ref().is_none_or(|filter| passes(of, one, filter)))
            .collect();
        sort(&mut found, path.as_ref(), query.descending);
        let (total, part, next) = self.part(tenant, query, mark, caller, found)?;
        let mut resources = self.role_resources(tenant, &part, &query.shown).await?;
        for resource in &mut resources {
            query.shown.apply(of, resource);
        }
        Ok(Listed { total: Some(total), next, resources })
    }
}
