//! Lists of users, from an index or a limited scan.

use sojourn_model::{Actor, GroupId, RoleId, Tenant, User, UserId};
use sojourn_scim::evaluate::{check, passes};
use sojourn_scim::filter::{Filter, Operator};
use sojourn_scim::path::Path;
use sojourn_scim::{Resource, ResourceType};
use sojourn_store::UserOrder;

use super::super::{ListQuery, Listed, Page, SCAN_MAX, ScimFailure};
use super::{Mark, required, sort, sort_path, too_many};
use crate::authority::Authority;
use crate::engine::Engine;
use crate::rights::Right;

/// Number of users that are read at a time.
const STEP: usize = 500;
/// The users among which a list is selected.
enum Source {
    /// A small set of users, already read.
    These(Vec<User>),
    /// All users of the tenant.
    Everyone,
}

/// Returns whether the filter or the sort order uses a user's groups or roles.
fn looks_at_belongings(of: &ResourceType, query: &ListQuery) -> bool {
    let mut names: Vec<&str> = query.filter.iter().flat_map(Filter::attributes).collect();
    names.extend(query.sort_by.as_deref());
    names.iter().any(|name| {
        let path = Path::parse(of, name);
        path.is_ok_and(|path| {
            path.attribute.is_some_and(|one| matches!(&*one.name, "groups" | "roles" | "meta"))
        })
    })
}

/// The indexed order that a sort attribute corresponds to, if any.
fn indexed(path: Option<&Path<'_>>) -> Option<UserOrder> {
    let Some(path) = path else { return Some(UserOrder::Age) };
    match (path.extension, path.attribute.map(|one| &*one.name), path.part.map(|one| &*one.name)) {
        (None, Some("userName"), None) => Some(UserOrder::Name),
        (None, Some("meta"), Some("created")) => Some(UserOrder::Age),
        _ => None,
    }
}

impl Engine {
    /// Lists users, filtered, sorted and paged.
    ///
    /// # Errors
    /// [`ScimFailure`] if the query isn't valid or the caller lacks a right; `tooMany` if more users would have to be
    /// scanned than a list may.
    pub async fn list_users(
        &self,
        tenant: &Tenant,
        query: &ListQuery,
        by: &Authority,
    ) -> Result<Listed, ScimFailure> {
        by.must(tenant, Right::UserList)?;
        let caller = &by.actor();
        let of = &self.scim_types.user;
        if let Some(filter) = &query.filter {
            check(of, filter)?;
        }
        let path = sort_path(of, query)?;
        let mark = self.mark(tenant, query, caller)?;
        let source = self.user_source(tenant, query.filter.as_ref()).await?;
        match (source, indexed(path.as_ref()), &query.page) {
            (Source::Everyone, Some(order), Page::Index { start, count })
                if query.filter.is_none() =>
            {
                let number = i64::try_from(start - 1).unwrap_or(i64::MAX);
                let count = i64::try_from(*count).unwrap_or(0);
                let total = usize::try_from(self.store.user_count(tenant.id).await?).ok();
                let users =
                    self.store.users_at(tenant.id, order, query.descending, number, count).await?;
                let resources = self.user_page(tenant, &users, query).await?;
                Ok(Listed { total, next: None, resources })
            }
            (Source::Everyone, Some(order), Page::Cursor { count, .. }) => {
                self.users_in_order(tenant, query, (order, mark, *count), caller).await
            }
            (source, _, _) => {
                let all = match source {
                    Source::These(users) => users,
                    Source::Everyone => self.all_users(tenant).await?,
                };
                let belongings = looks_at_belongings(of, query);
                let mut found: Vec<(User, Resource)> = Vec::new();
                for some in all.chunks(STEP) {
                    let resources = if belongings {
                        self.user_resources(tenant, some).await?
                    } else {
                        some.iter().map(|user| self.bare_user(tenant, user)).collect()
                    };
                    let both = some.iter().cloned().zip(resources);
                    found.extend(both.filter(|(_, one)| {
                        query.filter.as_ref().is_none_or(|filter| passes(of, one, filter))
                    }));
                    tokio::task::yield_now().await;
                }
                sort(&mut found, path.as_ref(), query.descending);
                let (total, part, next) = self.part(tenant, query, mark, caller, found)?;
                let resources = self.user_page(tenant, &part, query).await?;
                Ok(Listed { total: Some(total), next, resources })
            }
        }
    }

    /// Walks through all users in an order, with a limit on the number that is scanned.
    async fn users_in_order(
        &self,
        tenant: &Tenant,
        query: &ListQuery,
        (order, mark, count): (UserOrder, Option<Mark>, usize),
        caller: &Actor,
    ) -> Result<Listed, ScimFailure> {
        let of = &self.scim_types.user;
        let total = match &query.filter {
            None => usize::try_from(self.store.user_count(tenant.id).await?).ok(),
            Some(_) => None,
        };
        let belongings = looks_at_belongings(of, query);
        let (mut place, mut looked) = (mark, 0);
        let mut found: Vec<User> = Vec::new();
        let step = if query.filter.is_none() { count.clamp(1, STEP) } else { STEP };
        let mut more = count > 0;
        while more && found.len() < count && looked < SCAN_MAX {
            let limit = i64::try_from(step).unwrap_or(1);
            let way = (order, query.descending);
            let users = match &place {
                Some(Mark::User(at, id, name)) => {
                    let after = (*at, *id, &**name);
                    self.store.users_after_place(tenant.id, way, after, limit).await?
                }
                _ => {
                    self.store.users_after(tenant.id, order, query.descending, None, limit).await?
                }
            };
            more = users.len() == step;
            looked += users.len();
            let resources = if belongings {
                self.user_resources(tenant, &users).await?
            } else {
                users.iter().map(|user| self.bare_user(tenant, user)).collect()
            };
            for (user, resource) in users.into_iter().zip(resources) {
                if found.len() == count {
                    more = true;
                    break;
                }
                place = Some(Mark::User(user.created_at, user.id, user.username.clone()));
                if query.filter.as_ref().is_none_or(|filter| passes(of, &resource, filter)) {
                    found.push(user);
                }
            }
        }
        let next = match place.filter(|_| more) {
            Some(mark) => Some(self.cursor(tenant, query, caller, &mark)?),
            None => None,
        };
        let resources = self.user_page(tenant, &found, query).await?;
        Ok(Listed { total, next, resources })
    }

    async fn user_page(
        &self,
        tenant: &Tenant,
        users: &[User],
        query: &ListQuery,
    ) -> Result<Vec<Resource>, ScimFailure> {
        let mut resources = self.user_resources(tenant, users).await?;
        for resource in &mut resources {
            query.shown.apply(&self.scim_types.user, resource);
        }
        Ok(resources)
    }

    async fn all_users(&self, tenant: &Tenant) -> Result<Vec<User>, ScimFailure> {
        let most = i64::try_from(SCAN_MAX).unwrap_or(0);
        if self.store.user_count(tenant.id).await? > most {
            return Err(too_many("no index fits this list of users"));
        }
        Ok(self.store.users_after(tenant.id, UserOrder::Age, false, None, most).await?)
    }

    async fn user_source(
        &self,
        tenant: &Tenant,
        filter: Option<&Filter>,
    ) -> Result<Source, ScimFailure> {
        const NAMES: [&str; 6] = ["id", "userName", "externalId", "emails", "groups", "roles"];
        let of = &self.scim_types.user;
        let found = filter.and_then(|filter| {
            let equal =
                required(of, filter, &NAMES).filter(|(_, one)| one.operator == Operator::Eq);
            equal.or_else(|| {
                let name = required(of, filter, &["userName"]);
                name.filter(|(_, one)| one.operator == Operator::Sw)
            })
        });
        let Some((name, comparison)) = found else { return Ok(Source::Everyone) };
        let (value, store) = (comparison.value.text(), &self.store);
        let most = i64::try_from(SCAN_MAX + 1).unwrap_or(0);
        let users = match (&*name, comparison.operator) {
            ("id", _) => match value.parse() {
                Ok(id) => store.user(tenant.id, id).await?.into_iter().collect(),
                Err(_) => Vec::new(),
            },
            ("userName", Operator::Sw) => {
                store.users_by_prefix(tenant.id, &value, None, most).await?
            }
            ("userName", _) => store.user_by_name(tenant.id, &value).await?.into_iter().collect(),
            ("externalId", _) => store.users_by_external_id(tenant.id, &value, most).await?,
            // Only the primary address has an index; as long as all users can be scanned, the other addresses match
            // too.
            ("emails", _) if self.store.user_count(tenant.id).await? < most => {
                return Ok(Source::Everyone);
            }
            ("emails", _) => store.users_by_email(tenant.id, &value, most).await?,
            ("groups", _) => match value.parse::<GroupId>() {
                Ok(id) => {
                    let ids = store.group_members_after(tenant.id, id, None, most).await?;
                    self.users_by_ids(tenant, &ids).await?
                }
                Err(_) => Vec::new(),
            },
            _ => match value.parse::<RoleId>() {
                Ok(id) => {
                    let ids = store.own_role_members_after(tenant.id, id, None, most).await?;
                    self.users_by_ids(tenant, &ids).await?
                }
                Err(_) => Vec::new(),
            },
        };
        if users.len() > SCAN_MAX {
            return Err(too_many("the filter is too wide"));
        }
        Ok(Source::These(users))
    }

    async fn users_by_ids(
        &self,
        tenant: &Tenant,
        ids: &[UserId],
    ) -> Result<Vec<User>, ScimFailure> {
        let mut users = Vec::with_capacity(ids.len());
        for some in ids.chunks(STEP) {
            users.extend(self.store.users_of(tenant.id, some).await?);
        }
        users.sort_unstable_by_key(|user| (user.created_at, user.id));
        Ok(users)
    }
}
