//! Tenants, users and roles.

use unicode_normalization::UnicodeNormalization as _;

use crate::ids::{GroupId, RoleId, TenantId, UserId};
use crate::sign_up::SignUp;
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
    /// Since when; 0 where nobody noted it.
    pub created_at: Millis,
    /// What its pages look like.
    pub look: Look,
    /// Who may make an account in it.
    pub sign_up: SignUp,
}

/// What a tenant's pages look like, where that isn't as the program comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// What it calls itself.
    pub name: Option<String>,
    /// The colour of buttons and links: `#` and six hex digits.
    pub accent: Option<String>,
    /// Which logo it has: changes with the logo.
    pub logo: Option<String>,
}

/// A picture that stands for a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// `image/png` or `image/svg+xml`.
    pub kind: String,
    /// The file.
    pub body: Vec<u8>,
}

impl Tenant {
    /// The default tenant's name in paths.
    pub const DEFAULT_NAME: &'static str = "carbon.super";

    /// The default tenant.
    #[must_use]
    pub fn default_one() -> Self {
        let name = Self::DEFAULT_NAME.to_owned();
        Self {
            id: TenantId::DEFAULT,
            name,
            enabled: true,
            created_at: Millis(0),
            look: Look::default(),
            sign_up: SignUp::default(),
        }
    }
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
    /// Whether the password opens nothing until another is chosen.
    pub password_due: PasswordDue,
    /// Raised by every end that concerns the user; a sign-in that began before doesn't finish.
    pub epoch: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When the profile was changed last.
    pub updated_at: Millis,
    /// Standard claims (OpenID Connect Core 1.0 §5.1) that have no field here, as a JSON object.
    pub profile: String,
    /// Grows with every change of what SCIM shows: its entity tag.
    pub version: i64,
    /// The id that another system knows the person by.
    pub external_id: Option<String>,
    /// SCIM attributes that have no field here, as a JSON object.
    pub attributes: String,
    /// When a lock that failed attempts brought opens by itself.
    pub unlock_at: Option<Millis>,
    /// How many second factors it has. Where there is one, the password alone opens nothing.
    pub factors: i64,
}

impl User {
    /// The form of a login name in which it is unique (RFC 8265 §3.3.2: widths, case, NFC).
    #[must_use]
    pub fn username_key(username: &str) -> String {
        text_key(username)
    }

    /// What stands for an account that was deleted.
    #[must_use]
    pub fn deleted(tenant: TenantId, id: UserId) -> Self {
        Self {
            tenant,
            id,
            username: format!("deleted-{id}"),
            password_hash: None,
            display_name: Some("Deleted account".into()),
            given_name: None,
            family_name: None,
            email: None,
            email_verified: false,
            state: UserState::Disabled,
            password_due: PasswordDue::No,
            epoch: 0,
            created_at: Millis(0),
            updated_at: Millis(0),
            profile: "{}".into(),
            version: 0,
            external_id: None,
            attributes: "{}".into(),
            unlock_at: None,
            factors: 0,
        }
    }

    /// What pages call the person.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.username)
    }
}

/// Whether a password may open anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PasswordDue {
    /// It may.
    #[default]
    No,
    /// Its person said that a sign-in was not theirs: another one is chosen by the link of a mail alone.
    ByMail,
    /// An administrator demands another one: who proves this one chooses it.
    AtSignIn,
}

impl PasswordDue {
    /// The number that the database keeps.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::No => 0,
            Self::ByMail => 1,
            Self::AtSignIn => 2,
        }
    }

    /// Reads the number; whatever isn't known opens nothing.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::No,
            2 => Self::AtSignIn,
            _ => Self::ByMail,
        }
    }
}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// May sign in.
    Active,
    /// Switched off by an administrator.
    Disabled,
    /// Locked, by an administrator or after failed attempts.
    Locked,
}

impl UserState {
    /// The number that the database keeps.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Disabled => 1,
            Self::Locked => 2,
        }
    }

    /// Reads the number; whatever isn't known can't sign in.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Active,
            2 => Self::Locked,
            _ => Self::Disabled,
        }
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
    /// Grows with every change of what SCIM shows: its entity tag.
    pub version: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
    /// The id that another system knows it by.
    pub external_id: Option<String>,
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

/// A group of users. Its members have the roles that it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its id.
    pub id: GroupId,
    /// Its name, unique without regard to case.
    pub name: String,
    /// The id that another system knows it by.
    pub external_id: Option<String>,
    /// Grows with every change: its entity tag.
    pub version: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed last.
    pub updated_at: Millis,
}

/// The form in which names of roles and groups are unique.
#[must_use]
pub fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// The form of a text in which it is compared: without regard to case and width, and to the ways in which Unicode can write
/// the same.
#[must_use]
pub fn text_key(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let wide = |c: char| matches!(c, '\u{3000}' | '\u{ff00}'..='\u{ffef}');
    let mut narrow = String::with_capacity(text.len());
    for c in text.chars() {
        if wide(c) {
            narrow.extend(std::iter::once(c).nfkc());
        } else {
            narrow.push(c);
        }
    }
    narrow.to_lowercase().nfc().collect()
}
