//! Lists of groups, with their members if requested.

use serde_json::json;
use sojourn_model::{Group, Tenant};
use sojourn_scim::Resource;
use sojourn_scim::evaluate::{check, passes};
use sojourn_scim::filter::Operator;

use super::super::{ListQuery, Listed, Page, SCAN_MAX, ScimFailure};
use super::{names, only_member, required, sort, sort_path, too_many};
use crate::authority::Authority;
use crate::engine::Engine;
use crate::rights::Right;

impl Engine {
    /// Lists groups, filtered, sorted and paged.
    ///
    /// # Errors
    /// The same as [`Engine::list_users`].
    pub async fn list_groups(
        &self,
        tenant: &Tenant,
        query: &ListQuery,
        by: &Authority,
    ) -> Result<Listed, ScimFailure> {
        by.must(tenant, Right::GroupList)?;
        let caller = &by.actor();
        let of = &self.scim_types.group;
        if let Some(filter) = &query.filter {
            check(of, filter)?;
        }
        let path = sort_path(of, query)?;
        let mark = self.mark(tenant, query, caller)?;
        let most = i64::try_from(SCAN_MAX + 1).unwrap_or(0);
        let store = &self.store;
        let found = query.filter.as_ref().and_then(|filter| {
            let names = ["id", "displayName", "members"];
            required(of, filter, &names).filter(|(_, one)| one.operator == Operator::Eq)
        });
        let by_name = path.as_ref().is_none_or(|path| {
            path.attribute.is_some_and(|one| one.name == "displayName") && !query.descending
        });
        if let (None, true, Page::Index { start, count }) = (&query.filter, by_name, &query.page) {
            let number = i64::try_from(start - 1).unwrap_or(i64::MAX);
            let count = i64::try_from(*count).unwrap_or(0);
            let groups = store.groups_at(tenant.id, number, count).await?;
            let total = usize::try_from(store.group_count(tenant.id).await?).ok();
            let resources = self.group_page(tenant, &groups, query).await?;
            return Ok(Listed { total, next: None, resources });
        }
        let groups: Vec<Group> = match &found {
            Some((name, one)) => {
                let value = one.value.text();
                match &**name {
                    "id" => match value.parse() {
                        Ok(id) => store.group(tenant.id, id).await?.into_iter().collect(),
                        Err(_) => Vec::new(),
                    },
                    "members" => match value.parse() {
                        Ok(user) => store.groups_of_user(tenant.id, user).await?,
                        Err(_) => Vec::new(),
                    },
                    _ => store.group_by_name(tenant.id, &value).await?.into_iter().collect(),
                }
            }
            None => store.groups_after(tenant.id, None, most).await?,
        };
        if groups.len() > SCAN_MAX {
            return Err(too_many("no index fits this list of groups"));
        }
        let alone = query.filter.as_ref().and_then(|one| only_member(of, one, found.as_ref()));
        let asked = query.filter.as_ref().is_some_and(|filter| names(of, filter, "members"));
        let shown = Self::looked_at(asked && alone.is_none(), "members");
        let mut resources = self.group_resources(tenant, &groups, &shown).await?;
        if let Some((name, one)) = &alone {
            for resource in &mut resources {
                resource.insert(name.clone(), json!([{ "value": one.value.text() }]));
            }
        }
        let both = groups.into_iter().zip(resources);
        let mut found: Vec<(Group, Resource)> = both
            .filter(|(_, one)| query.filter.as_ref().is_none_or(|filter| passes(of, one, filter)))
            .collect();
        sort(&mut found, path.as_ref(), query.descending);
        let (total, part, next) = self.part(tenant, query, mark, caller, found)?;
        let resources = self.group_page(tenant, &part, query).await?;
        Ok(Listed { total: Some(total), next, resources })
    }

    async fn group_page(
        &self,
        tenant: &Tenant,
        groups: &[Group],
        query: &ListQuery,
    ) -> Result<Vec<Resource>, ScimFailure> {
        let mut resources = self.group_resources(tenant, groups, &query.shown).await?;
        for resource in &mut resources {
            query.shown.apply(&self.scim_types.group, resource);
        }
        Ok(resources)
    }
}
