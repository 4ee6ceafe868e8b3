//! Tenants, users, roles, policies and applications.

use sojourn_model::directory::{name_key, text_key};
use sojourn_model::{
    AddressBefore, AppId, AppKind, AppOwner, Application, GroupId, Logo, Look, Millis,
    OtherAddress, PasswordDue, PolicyScope, Role, RoleId, RoleState, SessionPolicy, Tenant,
    TenantId, User, UserId, UserState,
};

use crate::compile::params;
use crate::sql::directory as sql;
use crate::{Reads, Row, StoreError};

/// Which browsers a user has signed in with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KnownBrowser {
    /// Whether the user has signed in with this browser.
    pub this: bool,
    /// Whether the user has signed in with another browser.
    pub another: bool,
    /// Time at which this browser was last seen; 0 if an older version stored it without that time.
    pub last_seen: Millis,
}

fn tenant(mut row: Row) -> Result<Tenant, StoreError> {
    let (id, name) = (TenantId(row.int()?), row.text()?);
    let (enabled, created_at) = (row.flag()?, row.millis()?);
    let look = Look { name: row.opt_text()?, accent: row.opt_text()?, logo: row.opt_text()? };
    // Rules from a newer version that can't be parsed disable sign-up.
    let sign_up = row.opt_text()?.and_then(|text| serde_json::from_str(&text).ok());
    let sign_up = sign_up.unwrap_or_default();
    Ok(Tenant { id, name, enabled, created_at, look, sign_up })
}

pub(super) fn user(mut row: Row) -> Result<User, StoreError> {
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
        password_due: PasswordDue::from_code(row.int()?),
        epoch: row.int()?,
        created_at: row.millis()?,
        updated_at: row.millis()?,
        profile: row.text()?,
        version: row.int()?,
        external_id: row.opt_text()?,
        attributes: row.text()?,
        unlock_at: row.opt_millis()?,
        factors: row.int()?,
        recovers_at: row.opt_millis()?,
    })
}

pub(super) fn role(mut row: Row) -> Result<Role, StoreError> {
    role_in(&mut row)
}

pub(super) fn role_in(row: &mut Row) -> Result<Role, StoreError> {
    Ok(Role {
        tenant: TenantId(row.int()?),
        id: row.id(RoleId::from_slice)?,
        name: row.text()?,
        permissions: row.text()?,
        state: RoleState::from_code(row.int()?),
        epoch: row.int()?,
        version: row.int()?,
        created_at: row.millis()?,
        updated_at: row.millis()?,
        external_id: row.opt_text()?,
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
        version: row.int()?,
    })
}

fn policy(mut row: Row) -> Result<(PolicyScope, SessionPolicy), StoreError> {
    let number = row.int()?;
    let scope = match number {
        1 => PolicyScope::Application(row.id(AppId::from_slice)?),
        2 => PolicyScope::Role(row.id(RoleId::from_slice)?),
        3 => PolicyScope::User(row.id(UserId::from_slice)?),
        4 => PolicyScope::Group(row.id(GroupId::from_slice)?),
        _ => {
            row.blob()?;
            PolicyScope::Tenant
        }
    };
    Ok((scope, row.parsed(|text| serde_json::from_str(text).ok())?))
}

/// Returns the first text after a key in the order of code points: keys contain no NUL.
fn behind(key: &str) -> String {
    format!("{key}\u{1}")
}

/// Returns a text that follows every text that begins with `prefix`, in the order of code points.
pub(super) fn after_prefix(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

impl Reads {
    /// Returns the verified address that an account had before its current one, if it was replaced after a time.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn address_before(
        &self,
        t: TenantId,
        user: UserId,
        after: Millis,
    ) -> Result<Option<AddressBefore>, StoreError> {
        let row = self.row(&sql::ADDRESS_BEFORE, params![t, user, after]).await?;
        row.map(|mut row| Ok(AddressBefore { address: row.text()?, replaced_at: row.millis()? }))
            .transpose()
    }

    /// Returns the verified addresses that an account has besides its main one, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn other_addresses(
        &self,
        t: TenantId,
        user: UserId,
    ) -> Result<Vec<OtherAddress>, StoreError> {
        let rows = self.list(&sql::OTHER_ADDRESSES, params![t, user]).await?;
        let read =
            |mut row: Row| Ok(OtherAddress { address: row.text()?, proved_at: row.millis()? });
        rows.into_iter().map(read).collect()
    }

    /// Returns when an address of an account, the main one or another, was verified; `None` if that isn't stored.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn address_proved_at(
        &self,
        t: TenantId,
        user: UserId,
        address: &str,
    ) -> Result<Option<Millis>, StoreError> {
        let row = self.row(&sql::ADDRESS_PROVED_AT, params![t, user, text_key(address)]).await?;
        row.map(|mut row| row.millis()).transpose()
    }

    /// Returns a tenant by its name in paths.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tenant_by_name(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.row(&sql::TENANT_BY_NAME, params![name]).await?.map(tenant).transpose()
    }

    /// Returns a tenant by its number.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.row(&sql::TENANT_BY_ID, params![id]).await?.map(tenant).transpose()
    }

    /// Returns the logo of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn logo(&self, t: TenantId) -> Result<Option<Logo>, StoreError> {
        let row = self.row(&sql::TENANT_LOGO, params![t]).await?;
        row.map(|mut row| Ok(Logo { kind: row.text()?, body: row.blob()? })).transpose()
    }

    /// Returns all tenants, enabled or not.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.list(&sql::TENANT_ALL, params![]).await?.into_iter().map(tenant).collect()
    }

    /// Returns a number that increases with every change of applications, policies or keys of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn catalog_version(&self, id: TenantId) -> Result<i64, StoreError> {
        match self.row(&sql::CATALOG_VERSION, params![id]).await? {
            Some(mut row) => row.int(),
            None => Ok(0),
        }
    }

    /// Returns a user by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn user(&self, t: TenantId, id: UserId) -> Result<Option<User>, StoreError> {
        self.row(&sql::ACCOUNT_BY_ID, params![t, id]).await?.map(user).transpose()
    }

    /// Returns a user by login name, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn user_by_name(&self, t: TenantId, name: &str) -> Result<Option<User>, StoreError> {
        let key = User::username_key(name);
        let earlier = name.to_lowercase();
        let row = if key == earlier {
            self.row(&sql::ACCOUNT_BY_NAME, params![t, key]).await?
        } else {
            self.row(&sql::ACCOUNT_BY_NAMES, params![t, key, earlier]).await?
        };
        row.map(user).transpose()
    }

    /// Returns the key under which a login name is stored, which an older version may have written.
    pub(super) async fn key_of(&self, t: TenantId, name: &str) -> Result<String, StoreError> {
        let (key, earlier) = (User::username_key(name), name.to_lowercase());
        if key == earlier {
            return Ok(key);
        }
        let kept = self.row(&sql::ACCOUNT_KEY_OF, params![t, key.clone(), earlier, name]).await?;
        kept.map_or(Ok(key), |mut row| row.text())
    }

    /// Returns users with a login name that begins with a text, in the order of names; with `after`, only those after
    /// that name.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_by_prefix(
        &self,
        t: TenantId,
        prefix: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        let key = User::username_key(prefix);
        let end = after_prefix(&key);
        let key = match after {
            Some(name) => behind(&self.key_of(t, name).await?),
            None => key,
        };
        let rows = self.list(&sql::ACCOUNT_SEARCH, params![t, key, end, limit]).await?;
        rows.into_iter().map(user).collect()
    }

    /// Returns whether a user is known to use this browser, or another one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn known_browser(
        &self,
        t: TenantId,
        user: UserId,
        browser_hash: [u8; 32],
    ) -> Result<KnownBrowser, StoreError> {
        let row = self.row(&sql::BROWSER_KNOWN, params![t, user, browser_hash.to_vec()]).await?;
        let Some(mut row) = row else { return Ok(KnownBrowser::default()) };
        let (all, this) = (row.int()?, row.int()?);
        Ok(KnownBrowser { this: this > 0, another: all > this, last_seen: row.millis()? })
    }

    /// Returns a role by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role(&self, t: TenantId, id: RoleId) -> Result<Option<Role>, StoreError> {
        self.row(&sql::ROLE_BY_ID, params![t, id]).await?.map(role).transpose()
    }

    /// Returns a role by name, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_by_name(&self, t: TenantId, name: &str) -> Result<Option<Role>, StoreError> {
        let key = name_key(name);
        self.row(&sql::ROLE_BY_NAME, params![t, key]).await?.map(role).transpose()
    }

    /// Returns the tenant's roles in the order of names, after a name or from the beginning.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles(
        &self,
        t: TenantId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Role>, StoreError> {
        let from = after.map(|name| behind(&name_key(name))).unwrap_or_default();
        self.list(&sql::ROLES_FROM, params![t, from, limit]).await?.into_iter().map(role).collect()
    }

    /// Returns the roles of a user, including roles that are being removed.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles_of_user(&self, t: TenantId, id: UserId) -> Result<Vec<Role>, StoreError> {
        self.rows(&sql::ROLES_OF_USER, params![t, id]).await?.into_iter().map(role).collect()
    }

    /// Returns direct members of a role in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_members(
        &self,
        t: TenantId,
        id: RoleId,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let rows = self.list(&sql::ROLE_MEMBERS, params![t, id, limit]).await?;
        rows.into_iter().map(|mut row| row.id(UserId::from_slice)).collect()
    }

    /// Returns users who have a role, directly or through a group, in the order of their ids, after a given one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_members_after(
        &self,
        t: TenantId,
        id: RoleId,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        let from = after.map(|user| user.to_vec()).unwrap_or_default();
        let rows = self.list(&sql::ROLE_MEMBERS_AFTER, params![t, id, from, limit]).await?;
        let mut all: Vec<UserId> =
            rows.into_iter().map(|mut row| row.id(UserId::from_slice)).collect::<Result<_, _>>()?;
        let groups = self.groups_with_role(t, id).await?;
        // Each group is scanned in the same order, so that a page costs the same for any number of members.
        for group in &groups {
            all.extend(self.group_members_after(t, *group, after, limit).await?);
        }
        if !groups.is_empty() {
            all.sort_unstable_by_key(|user| user.to_vec());
            all.dedup();
            all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(all)
    }

    /// Returns the tenant's policies except those of users.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn policies(
        &self,
        t: TenantId,
    ) -> Result<Vec<(PolicyScope, SessionPolicy)>, StoreError> {
        self.list(&sql::POLICIES, params![t]).await?.into_iter().map(policy).collect()
    }

    /// Returns at most `limit` policies of users.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn policies_of_users(
        &self,
        t: TenantId,
        limit: i64,
    ) -> Result<Vec<(PolicyScope, SessionPolicy)>, StoreError> {
        self.list(&sql::POLICIES_OF_USERS, params![t, limit])
            .await?
            .into_iter()
            .map(policy)
            .collect()
    }

    /// Returns the policy of a user, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn policy_of_user(
        &self,
        t: TenantId,
        user: UserId,
    ) -> Result<Option<SessionPolicy>, StoreError> {
        let row = self.row(&sql::POLICY_OF_USER, params![t, user]).await?;
        Ok(row.map(policy).transpose()?.map(|(_, policy)| policy))
    }

    /// Returns the number of direct members of a role.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_member_count(&self, t: TenantId, id: RoleId) -> Result<i64, StoreError> {
        match self.list(&sql::ROLE_MEMBER_COUNT, params![t, id]).await?.into_iter().next() {
            Some(mut row) => row.int(),
            None => Ok(0),
        }
    }

    /// Returns an application by `client_id`.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn application_by_client(
        &self,
        t: TenantId,
        client_id: &str,
    ) -> Result<Option<Application>, StoreError> {
        let found = self.row(&sql::APPLICATION_BY_CLIENT, params![t, client_id]).await?;
        found.map(application).transpose()
    }

    /// Returns an application by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn application(
        &self,
        t: TenantId,
        id: AppId,
    ) -> Result<Option<Application>, StoreError> {
        self.row(&sql::APPLICATION_BY_ID, params![t, id]).await?.map(application).transpose()
    }

    /// Returns the tenant's applications in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn applications(
        &self,
        t: TenantId,
        limit: i64,
    ) -> Result<Vec<Application>, StoreError> {
        let rows = self.list(&sql::APPLICATION_ALL, params![t, limit]).await?;
        rows.into_iter().map(application).collect()
    }

    /// Returns applications with numbers above the given one, in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn applications_after(
        &self,
        t: TenantId,
        number: i64,
        limit: i64,
    ) -> Result<Vec<Application>, StoreError> {
        let rows = self.list(&sql::APPLICATIONS_AFTER, params![t, number, limit]).await?;
        rows.into_iter().map(application).collect()
    }

    /// Returns removed applications that still have rows.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn removed_applications(
        &self,
        t: TenantId,
        limit: i64,
    ) -> Result<Vec<Application>, StoreError> {
        let rows = self.list(&sql::APPLICATIONS_REMOVED, params![t, limit]).await?;
        rows.into_iter().map(application).collect()
    }

    /// Returns the marks of an application's secrets (the first 8 bytes of their hashes) with the times of their last
    /// uses.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn secret_uses(
        &self,
        t: TenantId,
        app: AppId,
    ) -> Result<Vec<(Vec<u8>, Millis)>, StoreError> {
        let rows = self.list(&sql::SECRET_USES, params![t, app]).await?;
        rows.into_iter().map(|mut row| Ok((row.blob()?, row.millis()?))).collect()
    }

    /// Returns whether an origin belongs to an enabled application.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn is_origin_known(&self, t: TenantId, origin: &str) -> Result<bool, StoreError> {
        Ok(self.row(&sql::ORIGIN_KNOWN, params![t, origin]).await?.is_some())
    }
}
