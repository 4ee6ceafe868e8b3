//! Tenants, users, roles and applications.

use sojourn_model::{
    AppId, AppKind, AppOwner, Application, Role, RoleId, RoleState, Tenant, TenantId, User, UserId,
    UserState,
};

use crate::compile::params;
use crate::sql::directory as sql;
use crate::{Row, Store, StoreError};

fn tenant(mut row: Row) -> Result<Tenant, StoreError> {
    Ok(Tenant { id: TenantId(row.int()?), name: row.text()?, enabled: row.flag()? })
}

fn user(mut row: Row) -> Result<User, StoreError> {
    Ok(User {
        tenant: TenantId(row.int()?),
        id: row.id(UserId::from_slice)?,
        username: row.text()?,
        password_hash: row.opt_text()?,
        display_name: row.opt_text()?,
        given_name: row.opt_text()?,
        family_name: row.opt_text()?,
        email: row.opt_text()?,
        email_verified: row.flag()?,
        state: UserState::from_code(row.int()?),
        epoch: row.int()?,
        created_at: row.millis()?,
        updated_at: row.millis()?,
        profile: row.text()?,
    })
}

fn role(mut row: Row) -> Result<Role, StoreError> {
    Ok(Role {
        tenant: TenantId(row.int()?),
        id: row.id(RoleId::from_slice)?,
        name: row.text()?,
        permissions: row.text()?,
        state: RoleState::from_code(row.int()?),
        epoch: row.int()?,
    })
}

fn application(mut row: Row) -> Result<Application, StoreError> {
    Ok(Application {
        tenant: TenantId(row.int()?),
        id: row.id(AppId::from_slice)?,
        number: row.int()?,
        client_id: row.text()?,
        name: row.text()?,
        kind: if row.int()? == 0 { AppKind::Client } else { AppKind::BuiltIn },
        owner: match row.int()? {
            1 => AppOwner::File,
            2 => AppOwner::Program,
            _ => AppOwner::Database,
        },
        enabled: row.flag()?,
        epoch: row.int()?,
        secret_hash: row.opt_text()?,
        backchannel_logout_uri: row.opt_text()?,
        settings: row.parsed(|text| serde_json::from_str(text).ok())?,
    })
}

/// The first text after every one that begins with `prefix`, in the order of code points.
fn after_prefix(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

impl Store {
    /// A tenant by its name in paths.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.row(&sql::TENANT_BY_NAME, params![name]).await?.map(tenant).transpose()
    }

    /// A tenant by its number.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.row(&sql::TENANT_BY_ID, params![id]).await?.map(tenant).transpose()
    }

    /// Every tenant.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.list(&sql::TENANT_ALL, params![]).await?.into_iter().map(tenant).collect()
    }

    /// A number that grows with every change of applications or keys.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn catalog_version(&self, id: TenantId) -> Result<i64, StoreError> {
        match self.row(&sql::CATALOG_VERSION, params![id]).await? {
            Some(mut row) => row.int(),
            None => Ok(0),
        }
    }

    /// A user by id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn user(&self, t: TenantId, id: UserId) -> Result<Option<User>, StoreError> {
        self.row(&sql::ACCOUNT_BY_ID, params![t, id]).await?.map(user).transpose()
    }

    /// A user by login name, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn user_by_name(&self, t: TenantId, name: &str) -> Result<Option<User>, StoreError> {
        let key = User::username_key(name);
        self.row(&sql::ACCOUNT_BY_NAME, params![t, key]).await?.map(user).transpose()
    }

    /// Users whose login names begin with a text, in the order of names.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn users_by_prefix(
        &self,
        t: TenantId,
        prefix: &str,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let key = User::username_key(prefix);
        let end = after_prefix(&key);
        let rows = self.list(&sql::ACCOUNT_SEARCH, params![t, key, end, limit]).await?;
        rows.into_iter().map(user).collect()
    }

    /// A role by id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn role(&self, t: TenantId, id: RoleId) -> Result<Option<Role>, StoreError> {
        self.row(&sql::ROLE_BY_ID, params![t, id]).await?.map(role).transpose()
    }

    /// A role by name, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn role_by_name(&self, t: TenantId, name: &str) -> Result<Option<Role>, StoreError> {
        let key = User::username_key(name);
        self.row(&sql::ROLE_BY_NAME, params![t, key]).await?.map(role).transpose()
    }

    /// The tenant's roles by name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn roles(&self, t: TenantId, limit: i64) -> Result<Vec<Role>, StoreError> {
        self.list(&sql::ROLE_ALL, params![t, limit]).await?.into_iter().map(role).collect()
    }

    /// The roles that a user has, those being removed included.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn roles_of_user(&self, t: TenantId, id: UserId) -> Result<Vec<Role>, StoreError> {
        self.rows(&sql::ROLES_OF_USER, params![t, id]).await?.into_iter().map(role).collect()
    }

    /// Members of a role, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn role_members(
        &self,
        t: TenantId,
        id: RoleId,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let rows = self.list(&sql::ROLE_MEMBERS, params![t, id, limit]).await?;
        rows.into_iter().map(|mut row| row.id(UserId::from_slice)).collect()
    }

    /// How many members a role has.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn role_member_count(&self, t: TenantId, id: RoleId) -> Result<i64, StoreError> {
        match self.list(&sql::ROLE_MEMBER_COUNT, params![t, id]).await?.into_iter().next() {
            Some(mut row) => row.int(),
            None => Ok(0),
        }
    }

    /// An application by `client_id`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn application_by_client(
        &self,
        t: TenantId,
        client_id: &str,
    ) -> Result<Option<Application>, StoreError> {
        let found = self.row(&sql::APPLICATION_BY_CLIENT, params![t, client_id]).await?;
        found.map(application).transpose()
    }

    /// An application by id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn application(
        &self,
        t: TenantId,
        id: AppId,
    ) -> Result<Option<Application>, StoreError> {
        self.row(&sql::APPLICATION_BY_ID, params![t, id]).await?.map(application).transpose()
    }

    /// The tenant's applications by number.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn applications(
        &self,
        t: TenantId,
        limit: i64,
    ) -> Result<Vec<Application>, StoreError> {
        let rows = self.list(&sql::APPLICATION_ALL, params![t, limit]).await?;
        rows.into_iter().map(application).collect()
    }
}
