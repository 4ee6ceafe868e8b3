//! Tenants, users, roles and groups.

use unicode_normalization::UnicodeNormalization as _;

use crate::ids::{GroupId, RoleId, TenantId, UserId};
use crate::sign_up::SignUp;
use crate::time::Millis;

/// A tenant: an isolated space of users, applications and sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Number of the tenant in its installation.
    pub id: TenantId,
    /// Name in paths (`/t/{name}`). The default tenant is `carbon.super`.
    pub name: String,
    /// Whether the tenant can be used; a disabled one serves no requests.
    pub enabled: bool,
    /// Time at which it was created; 0 if that wasn't recorded.
    pub created_at: Millis,
    /// Branding of its pages.
    pub look: Look,
    /// Rules for self-service sign-up and account deletion.
    pub sign_up: SignUp,
}

/// Branding of a tenant's pages; `None` fields use the program's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Name of the organisation that pages show.
    pub name: Option<String>,
    /// Colour of buttons and links: `#` and six hex digits.
    pub accent: Option<String>,
    /// Tag of the logo, which changes with the logo; `None` if there is no logo.
    pub logo: Option<String>,
}

/// The logo of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// Media type: `image/png` or `image/svg+xml`.
    pub kind: String,
    /// Content of the image file.
    pub body: Vec<u8>,
}

impl Tenant {
    /// Name of the default tenant in paths.
    pub const DEFAULT_NAME: &'static str = "carbon.super";

    /// Returns the default tenant without branding, with sign-up closed.
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

/// The account of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The tenant that the account belongs to.
    pub tenant: TenantId,
    /// Id of the account, also used as the public `sub`.
    pub id: UserId,
    /// Login name as entered. It is compared without regard to case.
    pub username: String,
    /// Password hash in PHC string format; `None` disables sign-in by password.
    pub password_hash: Option<String>,
    /// Name that is shown on pages.
    pub display_name: Option<String>,
    /// Given name (claim `given_name`).
    pub given_name: Option<String>,
    /// Family name (claim `family_name`).
    pub family_name: Option<String>,
    /// Email address (claim `email`).
    pub email: Option<String>,
    /// Whether the email address is verified.
    pub email_verified: bool,
    /// State that decides whether the account can be used.
    pub state: UserState,
    /// Whether the password is unusable until a new one is chosen.
    pub password_due: PasswordDue,
    /// Incremented by every end that concerns the user, so that a sign-in that began earlier can't complete.
    pub epoch: i64,
    /// Time at which the account was created.
    pub created_at: Millis,
    /// Time of the last change of the profile.
    pub updated_at: Millis,
    /// Standard claims (OpenID Connect Core 1.0 §5.1) without a field of their own, as a JSON object.
    pub profile: String,
    /// Version that increases with every change of what SCIM exposes; used as the entity tag.
    pub version: i64,
    /// Id of the user in another system (SCIM `externalId`).
    pub external_id: Option<String>,
    /// SCIM attributes without a field of their own, as a JSON object.
    pub attributes: String,
    /// Time at which a lock after failed attempts expires by itself.
    pub unlock_at: Option<Millis>,
    /// Number of second factors. If there is one, the password alone isn't sufficient.
    pub factors: i64,
    /// End of the waiting time of a recovery. Until then, a password alone or with a recovery code isn't sufficient.
    pub recovers_at: Option<Millis>,
}

impl User {
    /// Returns the form of a login name that is unique in a tenant: widths, case and NFC mapped (RFC 8265 §3.3.2).
    #[must_use]
    pub fn username_key(username: &str) -> String {
        text_key(username)
    }

    /// Returns a placeholder for a deleted account.
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
            recovers_at: None,
        }
    }

    /// Returns the name that pages show: the display name, or the login name.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.username)
    }
}

/// Whether a new password has to be chosen, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PasswordDue {
    /// The password can be used.
    #[default]
    No,
    /// The user reported that a sign-in was not theirs. A new password can only be chosen through a link in a mail.
    ByMail,
    /// An administrator requires a new password. The user chooses it after signing in with the current one.
    AtSignIn,
}

impl PasswordDue {
    /// Returns the number that is stored in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::No => 0,
            Self::ByMail => 1,
            Self::AtSignIn => 2,
        }
    }

    /// Converts the number stored in the database; an unknown one makes the password unusable.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::No,
            2 => Self::AtSignIn,
            _ => Self::ByMail,
        }
    }
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// The user can sign in.
    Active,
    /// Disabled by an administrator.
    Disabled,
    /// Locked, by an administrator or after failed attempts.
    Locked,
}

impl UserState {
    /// Returns the number that is stored in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Disabled => 1,
            Self::Locked => 2,
        }
    }

    /// Converts the number stored in the database; an unknown one disables the account.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Active,
            2 => Self::Locked,
            _ => Self::Disabled,
        }
    }
}

/// A role: a name with a set of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The tenant that the role belongs to.
    pub tenant: TenantId,
    /// Id of the role.
    pub id: RoleId,
    /// Name, unique in the tenant without regard to case.
    pub name: String,
    /// Scopes that it grants, separated by spaces. `internal_*` stands for all administrative ones.
    pub permissions: String,
    /// State that decides whether it grants its permissions.
    pub state: RoleState,
    /// Incremented when the role changes for all its members at once.
    pub epoch: i64,
    /// Version that increases with every change of what SCIM exposes; used as the entity tag.
    pub version: i64,
    /// Time at which the role was created.
    pub created_at: Millis,
    /// Time of the last change.
    pub updated_at: Millis,
    /// Id of the role in another system (SCIM `externalId`).
    pub external_id: Option<String>,
}

impl Role {
    /// Name of the role that has all administrative rights.
    pub const ADMIN: &'static str = "admin";
}

/// State of a role: `Active` → `Removing` → deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleState {
    /// The role grants its permissions.
    Active,
    /// A job is removing the role from its members; it no longer grants anything.
    Removing,
}

impl RoleState {
    /// Returns the number that is stored in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Removing => 1,
        }
    }

    /// Converts the number stored in the database; an unknown one grants nothing.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        if code == 0 { Self::Active } else { Self::Removing }
    }
}

/// A group of users. Its members have the roles that are assigned to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The tenant that the group belongs to.
    pub tenant: TenantId,
    /// Id of the group.
    pub id: GroupId,
    /// Name, unique in the tenant without regard to case.
    pub name: String,
    /// Id of the group in another system (SCIM `externalId`).
    pub external_id: Option<String>,
    /// Version that increases with every change; used as the entity tag.
    pub version: i64,
    /// Time at which the group was created.
    pub created_at: Millis,
    /// Time of the last change.
    pub updated_at: Millis,
}

/// Returns the form in which names of roles and groups are unique: lower case.
#[must_use]
pub fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// Returns the form in which texts are compared: without regard to case, width and the different Unicode encodings of
/// the same characters.
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
