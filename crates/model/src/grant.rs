//! Grants: what an application was given.

use crate::application::AccessTokenBinding;
use crate::ids::{AppId, GrantId, SessionId, Sid, TenantId, UserId};
use crate::time::Millis;

/// What an application was given for a user. Codes, access tokens and refresh tokens have no rows:
/// they name their grant and are checked against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its id.
    pub id: GrantId,
    /// The user on whose behalf it was given.
    pub user: UserId,
    /// The application that was given it.
    pub app: AppId,
    /// The session it came from; `None` once detached.
    pub session: Option<SessionId>,
    /// The participation it came from.
    pub sid: Sid,
    /// What the application knows the user by.
    pub sub: String,
    /// How it came about.
    pub kind: GrantKind,
    /// Scopes, separated by spaces.
    pub scopes: String,
    /// Whether it outlives the session (`offline_access`).
    pub offline: bool,
    /// Access token binding.
    pub binding: AccessTokenBinding,
    /// When the person last proved who they are.
    pub auth_time: Millis,
    /// When it was made.
    pub created_at: Millis,
    /// After this moment nothing that it issued is valid any more; it may be removed.
    pub expires_at: Millis,
    /// The code's own life: it may not be redeemed twice, whatever the grant does.
    pub code: CodeState,
    /// The newest access token's number; 0 before the first.
    pub token_number: i64,
    /// When that token was issued.
    pub token_issued_at: Millis,
    /// The newest refresh token's generation; 0 when there is none.
    pub refresh_generation: i64,
    /// When that generation was made.
    pub refresh_issued_at: Millis,
    /// Whether the grant was ended.
    pub ended: bool,
    /// Whether the application keeps it when its person signs out. Only told when it is made.
    pub outlives_logout: bool,
    /// The stay's number of cuts that the grant depends on. Only told when it is made.
    pub stay_cut: i64,
    /// What the request asked for besides scopes, as a JSON object.
    pub detail: String,
}

/// How a grant came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantKind {
    /// An authorization code.
    Code,
    /// Tokens straight from the authorization endpoint.
    Implicit,
    /// A password that the application passed on; there is no session.
    Password,
}

impl GrantKind {
    /// Reads the number.
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            2 => Self::Implicit,
            3 => Self::Password,
            _ => Self::Code,
        }
    }

    /// The number that the database keeps.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Code => 1,
            Self::Implicit => 2,
            Self::Password => 3,
        }
    }
}

/// The life of an authorization code: `Issued` → `Redeemed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeState {
    /// It waits to be redeemed, for a minute.
    Issued {
        /// The redirect URI of the request, to be repeated (RFC 6749 §4.1.3).
        redirect_uri: String,
        /// The S256 challenge (RFC 7636).
        challenge: Option<String>,
        /// The nonce to put into the ID token.
        nonce: Option<String>,
    },
    /// It was redeemed; a second time means that someone else had it. Also where there never was one.
    Redeemed,
}

/// An access token that several sessions of one user share, because the application chose binding
/// `none`: one for each user, application and set of scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedToken {
    /// Stands where a grant's id would.
    pub id: GrantId,
    /// The only number that is valid; it grows when one of the sessions ends.
    pub number: i64,
    /// When that number was issued.
    pub issued_at: Millis,
    /// Milliseconds that it lives.
    pub lifetime_ms: i64,
}
