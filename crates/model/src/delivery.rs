//! Deliveries: notifications to applications that a participation ended.

use crate::ids::{AppId, SessionId, Sid, TenantId, UserId};
use crate::time::Millis;

/// A notification. There is one for each participation that ended with a notification, so its `sid` identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The tenant that the delivery belongs to.
    pub tenant: TenantId,
    /// The participation that ended, which also identifies the delivery.
    pub sid: Sid,
    /// The session that the participation belonged to.
    pub session: SessionId,
    /// The application to notify.
    pub app: AppId,
    /// The user of the session.
    pub user: UserId,
    /// The `sub` by which the application knows the user.
    pub sub: String,
    /// Issuer (`iss`) of the logout token.
    pub issuer: String,
    /// URI to which the logout token is posted; empty if the application has none.
    pub uri: String,
    /// State of the delivery.
    pub state: DeliveryState,
    /// Number of attempts so far.
    pub attempts: i64,
    /// Number of responses with status 400 so far; the third is final.
    pub refusals: i64,
    /// Whether the response to an attempt was lost, so that the application may have acted on it.
    pub answer_lost: bool,
    /// Time at which the next attempt is due.
    pub due_at: Millis,
    /// Time at which the delivery was created.
    pub created_at: Millis,
    /// Time at which it is given up.
    pub expires_at: Millis,
    /// Time of the last attempt.
    pub last_attempt_at: Option<Millis>,
    /// HTTP status of the last response.
    pub last_status: Option<i64>,
    /// Description of the last failure.
    pub last_error: Option<String>,
    /// `jti` of the last logout token that was sent.
    pub last_jti: Option<String>,
}

/// State of a delivery: `Pending` → one of the others; an administrator can return `Dead` and `Refused` to `Pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// The delivery is attempted until it succeeds or expires.
    Pending,
    /// The application confirmed it.
    Delivered,
    /// The application refused it permanently.
    Refused,
    /// It was given up: it expired, or an administrator gave it up.
    Dead,
    /// The application has no address for notifications. It learns of the end by a rejected token or through the
    /// browser.
    Unreachable,
}

impl DeliveryState {
    /// All states, in the order of their definition.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Delivered, Self::Refused, Self::Dead, Self::Unreachable];

    /// Returns the name that is used in APIs and stored in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Dead => "dead",
            Self::Unreachable => "unreachable",
        }
    }

    /// Parses the name; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
