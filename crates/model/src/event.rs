//! Events: facts about users, roles, groups, applications and tenants in an append-only log.

use crate::end::Actor;
use crate::ids::{AppId, GroupId, RoleId, SessionId, TenantId, UserId};
use crate::time::Millis;

/// The subject of an event. Events are ordered for each subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user, including the user's sessions.
    User(UserId),
    /// A role of the tenant.
    Role(RoleId),
    /// A group of the tenant.
    Group(GroupId),
    /// An application of the tenant.
    Application(AppId),
    /// The tenant as a whole.
    Tenant(TenantId),
}

impl Subject {
    /// Returns the number of the kind that is stored in the database.
    #[must_use]
    pub const fn kind(self) -> i64 {
        match self {
            Self::User(_) => 1,
            Self::Role(_) => 2,
            Self::Group(_) => 3,
            Self::Application(_) => 4,
            Self::Tenant(_) => 5,
        }
    }

    /// Returns the bytes of the id that are stored in the database; of a tenant its big-endian number.
    #[must_use]
    pub fn id(self) -> Vec<u8> {
        match self {
            Self::User(id) => id.to_vec(),
            Self::Role(id) => id.to_vec(),
            Self::Group(id) => id.to_vec(),
            Self::Application(id) => id.to_vec(),
            Self::Tenant(id) => id.0.to_be_bytes().to_vec(),
        }
    }

    /// Converts the kind and the id stored in the database; `None` if either is invalid.
    #[must_use]
    pub fn read(kind: i64, id: &[u8]) -> Option<Self> {
        Some(match kind {
            1 => Self::User(UserId::from_slice(id).ok()?),
            2 => Self::Role(RoleId::from_slice(id).ok()?),
            3 => Self::Group(GroupId::from_slice(id).ok()?),
            4 => Self::Application(AppId::from_slice(id).ok()?),
            5 => Self::Tenant(TenantId(i64::from_be_bytes(id.try_into().ok()?))),
            _ => return None,
        })
    }

    /// Returns kind and id as text, such as `user:447c646f-4271-4782-a00a-da995d21d16b`.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::User(id) => format!("user:{id}"),
            Self::Role(id) => format!("role:{id}"),
            Self::Group(id) => format!("group:{id}"),
            Self::Application(id) => format!("application:{id}"),
            Self::Tenant(id) => format!("tenant:{}", id.0),
        }
    }

    /// Parses the text that [`Subject::in_words`] returns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        Some(match kind {
            "user" => Self::User(id.parse().ok()?),
            "role" => Self::Role(id.parse().ok()?),
            "group" => Self::Group(id.parse().ok()?),
            "application" => Self::Application(id.parse().ok()?),
            "tenant" => Self::Tenant(TenantId(id.parse().ok()?)),
            _ => return None,
        })
    }
}

macro_rules! event_names {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        /// Names of events, as in WSO2's catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventName {
            $($(#[doc = $doc])+ $variant),+
        }

        impl EventName {
            /// All events with their names and meanings, from which the catalogue in the manual is generated.
            pub const CATALOGUE: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$variant, $name, concat!($($doc),+))),+];

            /// Returns the name that is used in the log, in configuration and in the manual.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

event_names! {
    /// An account was created. `user-name`.
    PostAddUser = "POST_ADD_USER",
    /// An account was deleted. `user-name`.
    PostDeleteUser = "POST_DELETE_USER",
    /// Attributes of an account were changed. `user-name`, `claims`: their names.
    PostSetUserClaims = "POST_SET_USER_CLAIMS",
    /// A password was set by the user. `user-name`.
    PostUpdateCredential = "POST_UPDATE_CREDENTIAL",
    /// A password was set by an administrator. `user-name`.
    PostUpdateCredentialByAdmin = "POST_UPDATE_CREDENTIAL_BY_ADMIN",
    /// An administrator required the user to set a new password. `user-name`.
    PostForcePasswordResetByAdmin = "POST_FORCE_PASSWORD_RESET_BY_ADMIN",
    /// An account was locked, by an administrator or after failed attempts. `user-name`.
    PostLockAccount = "POST_LOCK_ACCOUNT",
    /// An account was unlocked. `user-name`.
    PostUnlockAccount = "POST_UNLOCK_ACCOUNT",
    /// An account was disabled. `user-name`.
    PostDisableAccount = "POST_DISABLE_ACCOUNT",
    /// An account was enabled again. `user-name`.
    PostEnableAccount = "POST_ENABLE_ACCOUNT",
    /// A role was created. `role-name`.
    PostAddRole = "POST_ADD_ROLE",
    /// A role was renamed. `role-name`, `old-role-name`.
    PostUpdateRoleName = "POST_UPDATE_ROLE_NAME_V2_EVENT",
    /// The permissions of a role changed. `role-name`, `ADDED_PERMISSIONS`, `DELETED_PERMISSIONS`.
    PostUpdatePermissionsForRole = "POST_UPDATE_PERMISSIONS_FOR_ROLE_V2_EVENT",
    /// A role was deleted. `role-name`; its members are listed in `POST_UPDATE_USER_LIST_OF_ROLE`.
    PostDeleteRole = "POST_DELETE_ROLE",
    /// A user's roles changed. `user-name`, `NEW_ROLES`, `DELETED_ROLES`.
    PostUpdateRoleListOfUser = "POST_UPDATE_ROLE_LIST_OF_USER",
    /// A role's members changed. `role-name`, `NEW_USERS`, `DELETED_USERS`.
    PostUpdateUserListOfRole = "POST_UPDATE_USER_LIST_OF_ROLE",
    /// The groups that have a role changed. `role-name`, `NEW_GROUP_ID_LIST`, `DELETE_GROUP_ID_LIST`.
    PostUpdateGroupListOfRole = "POST_UPDATE_GROUP_LIST_OF_ROLE_V2_EVENT",
    /// A group was created. `group-name`.
    PostAddGroup = "POST_ADD_GROUP",
    /// A group was renamed. `group-name`, `old-group-name`.
    PostUpdateGroup = "POST_UPDATE_GROUP",
    /// A group was deleted. `group-name`.
    PostDeleteGroup = "POST_DELETE_GROUP",
    /// A group's members changed. `group-name`, `NEW_USER_ID_LIST`, `DELETE_USER_ID_LIST`.
    PostUpdateUserListOfGroup = "POST_UPDATE_USER_LIST_OF_GROUP",
    /// A user authenticated successfully. `user-name`.
    AuthenticationSuccess = "AUTHENTICATION_SUCCESS",
    /// An attempt to authenticate as the user failed. `user-name`.
    AuthenticationFailure = "AUTHENTICATION_FAILURE",
    /// A session was started.
    SessionCreate = "SESSION_CREATE",
    /// A user authenticated again in the same session.
    SessionUpdate = "SESSION_UPDATE",
    /// A session was extended at the request of an application.
    SessionExtend = "SESSION_EXTEND",
    /// A session was ended by an actor or by a rule. `reason`, `end`, `effects`.
    SessionTerminate = "SESSION_TERMINATE",
    /// A session expired, by idle timeout or absolute lifetime. `reason`, `end`, `effects`.
    SessionExpire = "SESSION_EXPIRE",
    /// A user consented to scopes for an application. `application`, `scopes`.
    PostAddConsent = "POST_ADD_CONSENT",
    /// A user revoked the consent for an application. `application`.
    PostRevokeConsent = "POST_REVOKE_CONSENT",
    /// An application was registered. `application-name`, `client-id`.
    PostAddApplication = "POST_ADD_APPLICATION",
    /// An application was changed. `application-name`, `client-id`.
    PostUpdateApplication = "POST_UPDATE_APPLICATION",
    /// An application was deleted. `application-name`, `client-id`.
    PostDeleteApplication = "POST_DELETE_APPLICATION",
    /// A factor was added to an account. `user-name`, `factor`, `kind` (`totp`, `passkey`, `security_key`).
    PostAddFactor = "POST_ADD_FACTOR",
    /// A factor was used in a sign-in. `user-name`, `factor`, `kind`; `counter_went_back` if a key may have been
    /// copied.
    PostUseFactor = "POST_USE_FACTOR",
    /// A code or the response of a key was wrong. `user-name`.
    FactorFailure = "FACTOR_FAILURE",
    /// A factor was renamed. `user-name`, `factor`, `name`.
    PostRenameFactor = "POST_RENAME_FACTOR",
    /// A factor was removed by the user. `user-name`, `factor`, `kind`.
    PostDeleteFactor = "POST_DELETE_FACTOR",
    /// A user trusted a browser, in which the second factor isn't asked for. `user-name`, `until`.
    PostAddTrustedBrowser = "POST_ADD_TRUSTED_BROWSER",
    /// A user stopped trusting a browser. `user-name`.
    PostDeleteTrustedBrowser = "POST_DELETE_TRUSTED_BROWSER",
    /// All factors of an account were removed by an administrator. `user-name`, `factors`.
    PostResetFactorsByAdmin = "POST_RESET_FACTORS_BY_ADMIN",
    /// An administrator secured an account: all sessions ended, all factors and trusted browsers were removed, and a
    /// new password is required. `user-name`.
    PostSecureAccount = "POST_SECURE_ACCOUNT",
    /// Recovery codes were created; earlier ones are invalid. `user-name`.
    PostAddRecoveryCodes = "POST_ADD_RECOVERY_CODES",
    /// A recovery code was used in a sign-in. `user-name`, `left`.
    PostUseRecoveryCode = "POST_USE_RECOVERY_CODE",
    /// A signing key was created. `kid`, `alg`.
    PostAddKey = "POST_ADD_KEY",
}

impl EventName {
    /// Parses a name of an event; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::CATALOGUE.iter().find(|(_, name, _)| *name == text).map(|(event, _, _)| *event)
    }
}

/// An event that is written with the change that causes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The subject of the event.
    pub subject: Subject,
    /// The name of the event.
    pub name: EventName,
    /// The actor who caused it.
    pub actor: Actor,
    /// Time of the event.
    pub at: Millis,
    /// The session concerned, if any.
    pub session: Option<SessionId>,
    /// Properties of the event, as a JSON object.
    pub data: String,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Number of the event among those of its subject, from 1.
    pub n: i64,
    /// Name of the event. It is text, because a newer version may have written it.
    pub name: String,
    /// Time of the event.
    pub at: Millis,
    /// The actor who caused it, as text.
    pub actor: String,
    /// The session concerned, if any.
    pub session: Option<SessionId>,
    /// Properties of the event, as a JSON object.
    pub data: String,
}
