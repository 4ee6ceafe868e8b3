//! Lists of users, groups and roles, and their memberships.

use sojourn_model::directory::{name_key, text_key};
use sojourn_model::{Group, GroupId, Millis, Role, RoleId, TenantId, User, UserId};

use super::directory::{role, user};
use crate::compile::{many, params};
use crate::sql::directory as sql;
use crate::sql::search;
use crate::value::Value;
use crate::{Reads, Row, StoreError};

/// The order of a list of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrder {
    /// By time of creation.
    Age,
    /// By the key of the login name.
    Name,
}

/// A position in such an order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Age(Millis, Vec<u8>),
    Name(String),
}

fn group(mut row: Row) -> Result<Group, StoreError> {
    Ok(Group {
        tenant: TenantId(row.int()?),
        id: row.id(GroupId::from_slice)?,
        name: row.text()?,
        external_id: row.opt_text()?,
        version: row.int()?,
        created_at: row.millis()?,
        updated_at: row.millis()?,
    })
}

fn ids(rows: Vec<Row>) -> Result<Vec<UserId>, StoreError> {
    rows.into_iter().map(|mut row| row.id(UserId::from_slice)).collect()
}

fn list_of(users: &[UserId]) -> String {
    many(users, |user| user.to_vec())
}

impl Reads {
    /// Returns users in an order, after a given one or from the beginning.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_after(
        &self,
        t: TenantId,
        order: UserOrder,
        descending: bool,
        after: Option<&User>,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let place = match (after, order) {
            (None, _) => None,
            (Some(user), UserOrder::Age) => Some(Place::Age(user.created_at, user.id.to_vec())),
            (Some(user), UserOrder::Name) => {
                Some(Place::Name(self.key_of(t, &user.username).await?))
            }
        };
        self.users_from(t, order, descending, place, limit).await
    }

    async fn users_from(
        &self,
        t: TenantId,
        order: UserOrder,
        descending: bool,
        place: Option<Place>,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let (statement, params): (_, Vec<Value>) = match (order, descending) {
            (UserOrder::Age, _) => {
                let (at, id) = match place {
                    Some(Place::Age(at, id)) => (at.0, id),
                    _ if descending => (i64::MAX, Vec::new()),
                    _ => (i64::MIN, Vec::new()),
                };
                let statement =
                    if descending { &sql::ACCOUNTS_BY_AGE_DOWN } else { &sql::ACCOUNTS_BY_AGE };
                (statement, params![t, at, id, limit])
            }
            (UserOrder::Name, _) => {
                let key = match place {
                    Some(Place::Name(key)) => key,
                    _ if descending => "\u{10ffff}".to_owned(),
                    _ => String::new(),
                };
                let statement =
                    if descending { &sql::ACCOUNTS_BY_NAME_DOWN } else { &sql::ACCOUNTS_BY_NAME };
                (statement, params![t, key, limit])
            }
        };
        self.list(statement, params).await?.into_iter().map(user).collect()
    }

    /// Returns users in an order from an offset on, which counts from 0.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_at(
        &self,
        t: TenantId,
        order: UserOrder,
        descending: bool,
        number: i64,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        if number <= 0 {
            return self.users_from(t, order, descending, None, limit).await;
        }
        let statement = match (order, descending) {
            (UserOrder::Age, false) => &sql::ACCOUNT_AT_AGE,
            (UserOrder::Age, true) => &sql::ACCOUNT_AT_AGE_DOWN,
            (UserOrder::Name, false) => &sql::ACCOUNT_AT_NAME,
            (UserOrder::Name, true) => &sql::ACCOUNT_AT_NAME_DOWN,
        };
        // The user before the offset, so that the page begins after it.
        let Some(mut row) = self.list(statement, params![t, number - 1]).await?.into_iter().next()
        else {
            return Ok(Vec::new());
        };
        let place = match order {
            UserOrder::Age => Place::Age(row.millis()?, row.blob()?),
            UserOrder::Name => Place::Name(row.text()?),
        };
        self.users_from(t, order, descending, Some(place), limit).await
    }

    /// Returns users in an order after a stored position: by age the time and id of the last user, by name its login
    /// name.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_after_place(
        &self,
        t: TenantId,
        (order, descending): (UserOrder, bool),
        (at, id, name): (Millis, UserId, &str),
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let place = match order {
            UserOrder::Age => Place::Age(at, id.to_vec()),
            UserOrder::Name => Place::Name(self.key_of(t, name).await?),
        };
        self.users_from(t, order, descending, Some(place), limit).await
    }

    /// Returns the number of users of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn user_count(&self, t: TenantId) -> Result<i64, StoreError> {
        self.number(&sql::ACCOUNT_NUMBER, params![t]).await
    }

    pub(super) async fn number(
        &self,
        statement: &'static crate::dialect::Statement,
        params: Vec<Value>,
    ) -> Result<i64, StoreError> {
        match self.list(statement, params).await?.into_iter().next() {
            Some(mut row) => row.int(),
            None => Ok(0),
        }
    }

    /// Returns users by email address, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_by_email(
        &self,
        t: TenantId,
        email: &str,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let rows =
            self.list(&sql::ACCOUNTS_BY_EMAIL, params![t, email, text_key(email), limit]).await?;
        rows.into_iter().map(user).collect()
    }

    /// Returns users by verified email address, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_by_proved_email(
        &self,
        t: TenantId,
        email: &str,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let rows = self
            .list(&sql::ACCOUNTS_BY_PROVED_EMAIL, params![t, email, text_key(email), limit])
            .await?;
        rows.into_iter().map(user).collect()
    }

    /// Returns accounts of all tenants that an older version stored without keys.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn unkeyed_users(&self, limit: i64) -> Result<Vec<User>, StoreError> {
        let rows = self.list(&sql::ACCOUNTS_UNKEYED, params![limit]).await?;
        rows.into_iter().map(user).collect()
    }

    /// Returns login names that equal another one in the form in which names are compared.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn clashing_names(&self, t: TenantId, limit: i64) -> Result<Vec<String>, StoreError> {
        let rows = self.list(&sql::ACCOUNTS_CLASHING, params![t, limit]).await?;
        rows.into_iter().map(|mut row| row.text()).collect()
    }

    /// Returns users by their id in another system (SCIM `externalId`).
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_by_external_id(
        &self,
        t: TenantId,
        external: &str,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let rows = self.list(&sql::ACCOUNTS_BY_EXTERNAL, params![t, external, limit]).await?;
        rows.into_iter().map(user).collect()
    }

    /// Returns those of these users that exist.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_there(
        &self,
        t: TenantId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        ids(self.list(&sql::ACCOUNTS_THERE, params![t, list_of(users)]).await?)
    }

    /// Returns these users in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_of(&self, t: TenantId, users: &[UserId]) -> Result<Vec<User>, StoreError> {
        let rows = self.list(&sql::ACCOUNTS_OF, params![t, list_of(users)]).await?;
        rows.into_iter().map(user).collect()
    }

    /// Returns hashes of a user's former passwords, latest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn passwords_before(
        &self,
        t: TenantId,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        let rows = self.list(&sql::PASSWORDS_BEFORE, params![t, user, limit]).await?;
        rows.into_iter().map(|mut row| row.text()).collect()
    }

    /// Returns the roles that are assigned to a user directly, not through a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn own_roles_of_user(
        &self,
        t: TenantId,
        user: UserId,
    ) -> Result<Vec<RoleId>, StoreError> {
        let rows = self.rows(&sql::OWN_ROLES_OF_USER, params![t, user]).await?;
        rows.into_iter().map(|mut row| row.id(RoleId::from_slice)).collect()
    }

    /// Returns those of these users that have a role directly, not through a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_members_among(
        &self,
        t: TenantId,
        role: RoleId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        ids(self.list(&sql::ROLE_MEMBERS_AMONG, params![t, role, list_of(users)]).await?)
    }

    /// Returns users who have a role directly, not through a group, in the order of their ids, after a given one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn own_role_members_after(
        &self,
        t: TenantId,
        role: RoleId,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let from = after.map(|user| user.to_vec()).unwrap_or_default();
        ids(self.list(&sql::ROLE_MEMBERS_AFTER, params![t, role, from, limit]).await?)
    }

    /// Returns the groups that have a role.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_with_role(
        &self,
        t: TenantId,
        role: RoleId,
    ) -> Result<Vec<GroupId>, StoreError> {
        let rows = self.list(&sql::ROLE_GROUPS, params![t, role]).await?;
        rows.into_iter().map(|mut row| row.id(GroupId::from_slice)).collect()
    }

    /// Returns a group by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group(&self, t: TenantId, id: GroupId) -> Result<Option<Group>, StoreError> {
        self.row(&sql::GROUP_BY_ID, params![t, id]).await?.map(group).transpose()
    }

    /// Returns a group by name, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_by_name(
        &self,
        t: TenantId,
        name: &str,
    ) -> Result<Option<Group>, StoreError> {
        let key = name_key(name);
        self.row(&sql::GROUP_BY_NAME, params![t, key]).await?.map(group).transpose()
    }

    /// Returns groups in the order of names, after a given name or from the beginning.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_after(
        &self,
        t: TenantId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Group>, StoreError> {
        let key = after.map(name_key).unwrap_or_default();
        let rows = self.list(&sql::GROUPS_BY_NAME, params![t, key, limit]).await?;
        rows.into_iter().map(group).collect()
    }

    /// Returns groups in the order of names from an offset on, which counts from 0.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_at(
        &self,
        t: TenantId,
        number: i64,
        limit: i64,
    ) -> Result<Vec<Group>, StoreError> {
        if number <= 0 {
            return self.groups_after(t, None, limit).await;
        }
        let found = self.list(&sql::GROUP_AT_NAME, params![t, number - 1]).await?;
        let Some(mut row) = found.into_iter().next() else { return Ok(Vec::new()) };
        let rows = self.list(&sql::GROUPS_BY_NAME, params![t, row.text()?, limit]).await?;
        rows.into_iter().map(group).collect()
    }

    /// Returns the number of groups of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_count(&self, t: TenantId) -> Result<i64, StoreError> {
        self.number(&sql::GROUP_NUMBER, params![t]).await
    }

    /// Returns roles in the order of names, after a given name or from the beginning.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles_after(
        &self,
        t: TenantId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Role>, StoreError> {
        let key = after.map(name_key).unwrap_or_default();
        let rows = self.list(&sql::ROLES_BY_NAME, params![t, key, limit]).await?;
        rows.into_iter().map(role).collect()
    }

    /// Returns roles in the order of names from an offset on, which counts from 0.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles_at(
        &self,
        t: TenantId,
        number: i64,
        limit: i64,
    ) -> Result<Vec<Role>, StoreError> {
        if number <= 0 {
            return self.roles_after(t, None, limit).await;
        }
        let found = self.list(&sql::ROLE_AT_NAME, params![t, number - 1]).await?;
        let Some(mut row) = found.into_iter().next() else { return Ok(Vec::new()) };
        let rows = self.list(&sql::ROLES_BY_NAME, params![t, row.text()?, limit]).await?;
        rows.into_iter().map(role).collect()
    }

    /// Returns the number of roles of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_count(&self, t: TenantId) -> Result<i64, StoreError> {
        self.number(&sql::ROLE_NUMBER, params![t]).await
    }

    /// Returns the groups of a user.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_of_user(
        &self,
        t: TenantId,
        user: UserId,
    ) -> Result<Vec<Group>, StoreError> {
        self.rows(&sql::GROUPS_OF_USER, params![t, user]).await?.into_iter().map(group).collect()
    }

    /// Returns the groups of users, each as user, group and name of the group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_among(
        &self,
        t: TenantId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, GroupId, String)>, StoreError> {
        let mut found = Vec::new();
        for some in users.chunks(search::BATCH) {
            let Some(params) = super::search::batch(t, some) else { continue };
            for mut row in self.rows(&search::GROUPS_AMONG, params).await? {
                let user = row.id(UserId::from_slice)?;
                found.push((user, row.id(GroupId::from_slice)?, row.text()?));
            }
        }
        Ok(found)
    }

    /// Returns the roles that are assigned to users directly, each as user, role and name of the role.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn own_roles_among(
        &self,
        t: TenantId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, RoleId, String)>, StoreError> {
        let mut found = Vec::new();
        for some in users.chunks(search::BATCH) {
            let Some(params) = super::search::batch(t, some) else { continue };
            for mut row in self.rows(&search::OWN_ROLES_AMONG, params).await? {
                let user = row.id(UserId::from_slice)?;
                found.push((user, row.id(RoleId::from_slice)?, row.text()?));
            }
        }
        Ok(found)
    }

    /// Returns members of a group in the order of their ids, after a given one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_members_after(
        &self,
        t: TenantId,
        group: GroupId,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let from = after.map(|user| user.to_vec()).unwrap_or_default();
        ids(self.list(&sql::GROUP_MEMBERS_AFTER, params![t, group, from, limit]).await?)
    }

    /// Returns those of these users that are in a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_members_among(
        &self,
        t: TenantId,
        group: GroupId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        ids(self.list(&sql::GROUP_MEMBERS_AMONG, params![t, group, list_of(users)]).await?)
    }

    /// Returns the number of members of a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_member_count(&self, t: TenantId, group: GroupId) -> Result<i64, StoreError> {
        self.number(&sql::GROUP_MEMBER_COUNT, params![t, group]).await
    }

    /// Returns the roles of a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles_of_group(
        &self,
        t: TenantId,
        group: GroupId,
    ) -> Result<Vec<Role>, StoreError> {
        self.rows(&sql::GROUP_ROLES, params![t, group]).await?.into_iter().map(role).collect()
    }

    /// Returns the highest number that a tenant has or had.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn last_tenant(&self) -> Result<TenantId, StoreError> {
        self.number(&sql::TENANT_LAST, params![]).await.map(TenantId)
    }
}
