//! Tenants, users and roles.

use crate::ids::{RoleId, TenantId, UserId};
use crate::time::Millis;

/// An isolated space of users, applications and sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its name in paths: `/t/{name}`. The default tenant's is `carbon.super`.
    pub name: String,
    /// Whether it answers at all.
    pub enabled: bool,
}

impl Tenant {
    /// The default tenant's name in paths.
    pub const DEFAULT_NAME: &'static str = "carbon.super";
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its id; also the public `sub`.
    pub id: UserId,
    /// Login name, as it was given. Compared without regard to case.
    pub username: String,
    /// Password hash in PHC form; `None`: no password sign-in.
    pub password_hash: Option<String>,
    /// Name to show.
    pub display_name: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Whether the address was proved.
    pub email_verified: bool,
    /// Whether it may be used.
    pub state: UserState,
    /// Raised by every end that concerns the user; a sign-in that began before doesn't finish.
    pub epoch: i64,
    /// Since when.
    pub created_at: Millis,
    /// When the profile was changed last.
    pub updated_at: Millis,
    /// Standard claims (OpenID Connect Core 1.0 §5.1) that have no field here, as a JSON object.
    pub profile: String,
}

impl User {
    /// The form of a login name in which it is unique.
    #[must_use]
    pub fn username_key(username: &str) -> String {
        username.to_lowercase()
    }

    /// What pages call the person.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.username)
    }
}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// May sign in.
    Active,
    /// Switched off by an administrator.
    Disabled,
}

impl UserState {
    /// The number that the database keeps.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Disabled => 1,
        }
    }

    /// Reads the number; whatever isn't known can't sign in.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        if code == 0 { Self::Active } else { Self::Disabled }
    }
}

/// A role: a name and what it permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its id.
    pub id: RoleId,
    /// Its name, unique without regard to case.
    pub name: String,
    /// Scopes that it carries, separated by spaces. `internal_*` stands for all administrative ones.
    pub permissions: String,
    /// Whether it grants anything.
    pub state: RoleState,
    /// Raised when the role changes for all its members at once.
    pub epoch: i64,
}

impl Role {
    /// The role that has every administrative right.
    pub const ADMIN: &'static str = "admin";
}

/// The life of a role: `Active` → `Removing` → gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleState {
    /// It grants its permissions.
    Active,
    /// A job takes it from its members; it grants nothing any more.
    Removing,
}

impl RoleState {
    /// The number that the database keeps.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Removing => 1,
        }
    }

    /// Reads the number; whatever isn't known grants nothing.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        if code == 0 { Self::Active } else { Self::Removing }
    }
}
