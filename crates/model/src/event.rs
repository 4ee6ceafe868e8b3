//! Events: facts about users, roles and sessions, in an append-only log.

use crate::end::Actor;
use crate::ids::{RoleId, SessionId, UserId};
use crate::time::Millis;

/// What an event is about. Events are ordered for each subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user, and that user's sessions.
    User(UserId),
    /// A role.
    Role(RoleId),
}

impl Subject {
    /// The kind's number in the database.
    #[must_use]
    pub const fn kind(self) -> i64 {
        match self {
            Self::User(_) => 1,
            Self::Role(_) => 2,
        }
    }

    /// The id's bytes.
    #[must_use]
    pub fn id(self) -> Vec<u8> {
        match self {
            Self::User(id) => id.to_vec(),
            Self::Role(id) => id.to_vec(),
        }
    }
}

macro_rules! event_names {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        /// The names of events, as WSO2's catalogue has them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventName {
            $($(#[doc = $doc])+ $variant),+
        }

        impl EventName {
            /// Every name with what it means; the catalogue in the manual is made from it.
            pub const CATALOGUE: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$variant, $name, concat!($($doc),+))),+];

            /// The name in the log, in configuration and in the manual.
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
    /// An account was made.
    PostAddUser = "POST_ADD_USER",
    /// A password was set by the user.
    PostUpdateCredential = "POST_UPDATE_CREDENTIAL",
    /// A password was set by an administrator.
    PostUpdateCredentialByAdmin = "POST_UPDATE_CREDENTIAL_BY_ADMIN",
    /// An account was switched off.
    PostDisableAccount = "POST_DISABLE_ACCOUNT",
    /// An account was switched on again.
    PostEnableAccount = "POST_ENABLE_ACCOUNT",
    /// A role was made.
    PostAddRole = "POST_ADD_ROLE",
    /// A role was deleted. `role-name`; its members follow in `POST_UPDATE_USER_LIST_OF_ROLE`.
    PostDeleteRole = "POST_DELETE_ROLE",
    /// A user's roles changed. `user-name`, `NEW_ROLES`, `DELETED_ROLES`.
    PostUpdateRoleListOfUser = "POST_UPDATE_ROLE_LIST_OF_USER",
    /// A role's members changed. `role-name`, `NEW_USERS`, `DELETED_USERS`.
    PostUpdateUserListOfRole = "POST_UPDATE_USER_LIST_OF_ROLE",
    /// A session began.
    SessionCreate = "SESSION_CREATE",
    /// A person proved again who they are, in the same session.
    SessionUpdate = "SESSION_UPDATE",
    /// A session ended by someone's act or by a rule.
    SessionTerminate = "SESSION_TERMINATE",
    /// A session ended because its time was over.
    SessionExpire = "SESSION_EXPIRE",
}

impl EventName {
    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::CATALOGUE.iter().find(|(_, name, _)| *name == text).map(|(event, _, _)| *event)
    }
}

/// An event to be written with the change that caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What it is about.
    pub subject: Subject,
    /// What happened.
    pub name: EventName,
    /// Who did it.
    pub actor: Actor,
    /// When.
    pub at: Millis,
    /// The session concerned, if one is.
    pub session: Option<SessionId>,
    /// Properties, a JSON object.
    pub data: String,
}

/// An event as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among its subject's events, from 1.
    pub n: i64,
    /// The name. A text, because a newer program may have written it.
    pub name: String,
    /// When.
    pub at: Millis,
    /// Who did it, as text.
    pub actor: String,
    /// The session concerned.
    pub session: Option<SessionId>,
    /// Properties, a JSON object.
    pub data: String,
}
