//! Grants: the authorization that an application holds.

use crate::ids::{AppId, GrantId, SessionId, Sid, TenantId, UserId};
use crate::oidc_settings::AccessTokenBinding;
use crate::time::Millis;

/// The authorization of an application for a user. Codes, access tokens and refresh tokens have no rows of their own:
/// they name their grant and are checked against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The tenant that the grant belongs to.
    pub tenant: TenantId,
    /// Id of the grant, which codes and tokens name.
    pub id: GrantId,
    /// User that the application acts on behalf of.
    pub user: UserId,
    /// The application that holds the grant.
    pub app: AppId,
    /// The session in which it was issued; `None` after it is detached from the session.
    pub session: Option<SessionId>,
    /// The participation in which it was issued.
    pub sid: Sid,
    /// The `sub` by which the application knows the user.
    pub sub: String,
    /// The flow that created the grant.
    pub kind: GrantKind,
    /// Granted scopes, separated by spaces.
    pub scopes: String,
    /// Whether it outlives the session (`offline_access`).
    pub offline: bool,
    /// What its access tokens are bound to.
    pub binding: AccessTokenBinding,
    /// Time of the user's last authentication (`auth_time`).
    pub auth_time: Millis,
    /// Time at which the grant was created.
    pub created_at: Millis,
    /// Time after which nothing issued from the grant is valid any more, so that the row can be removed.
    pub expires_at: Millis,
    /// State of the authorization code, which can be redeemed only once, whatever happens to the grant.
    pub code: CodeState,
    /// Number of the newest access token; 0 before the first.
    pub token_number: i64,
    /// Time at which that access token was issued.
    pub token_issued_at: Millis,
    /// Generation of the newest refresh token; 0 if there is none.
    pub refresh_generation: i64,
    /// Time at which that generation was issued.
    pub refresh_issued_at: Millis,
    /// Whether the grant has ended, which invalidates all its tokens.
    pub ended: bool,
    /// Whether the application keeps the grant when the user signs out. Only set when the grant is created; reads
    /// return `false`.
    pub outlives_logout: bool,
    /// The value of [`Participation::cut`](crate::Participation::cut) that the grant depends on. Only set when the
    /// grant is created; reads return 0.
    pub stay_cut: i64,
    /// What the request asked for apart from scopes, as a JSON object.
    pub detail: String,
}

/// The flow that creates a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantKind {
    /// An authorization code was issued (RFC 6749 §4.1).
    Code,
    /// The authorization endpoint issued tokens directly.
    Implicit,
    /// The application passed on the user's password (RFC 6749 §4.3). There is no session.
    Password,
}

impl GrantKind {
    /// Converts the number stored in the database; an unknown one becomes [`Self::Code`].
    #[must_use]
    pub const fn from_code(code: i64) -> Self {
        match code {
            2 => Self::Implicit,
            3 => Self::Password,
            _ => Self::Code,
        }
    }

    /// Returns the number that is stored in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Code => 1,
            Self::Implicit => 2,
            Self::Password => 3,
        }
    }
}

/// State of an authorization code: `Issued` → `Redeemed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeState {
    /// The code can be redeemed within its lifetime, by default one minute.
    Issued {
        /// Redirect URI of the authorization request, which the token request has to repeat (RFC 6749 §4.1.3).
        redirect_uri: String,
        /// The `S256` code challenge (RFC 7636 §4.2).
        challenge: Option<String>,
        /// The `nonce` to include in the ID token.
        nonce: Option<String>,
    },
    /// The code was redeemed, or the grant never had one. A second redemption means that somebody else had the code.
    Redeemed,
}

/// An access token that several sessions of a user share, because the application uses the binding `none`. There is one
/// for each user, application and set of scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedToken {
    /// Id of the shared token, which tokens carry in place of a grant's id.
    pub id: GrantId,
    /// The only valid token number. It increases when one of the sessions ends.
    pub number: i64,
    /// Time at which that number was issued.
    pub issued_at: Millis,
    /// Lifetime of the token in milliseconds.
    pub lifetime_ms: i64,
}
