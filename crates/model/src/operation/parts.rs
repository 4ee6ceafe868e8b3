//! Parameters of operations that have a type of their own.

use crate::delivery::DeliveryState;
use crate::ids::{AppId, SessionId, Sid, TenantId, UserId};
use crate::time::Millis;

/// Retention of the response to a request with an idempotency key, in milliseconds: 24 hours.
pub const REQUEST_KEPT_MS: i64 = 24 * 3_600_000;

/// A limit on the live sessions of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// Maximum number of live sessions, including the new one.
    pub max: i64,
    /// Current time, from the caller's clock.
    pub now: Millis,
    /// How far the stored last access may lag behind, in milliseconds.
    pub slack_ms: i64,
}

/// A last access that is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The session that was used.
    pub session: SessionId,
    /// The application through which it was used, if any.
    pub app: Option<AppId>,
    /// Time of the access.
    pub at: Millis,
}

/// The result of a delivery attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleDelivery {
    /// The tenant of the delivery; deliveries of several tenants are settled together.
    pub tenant: TenantId,
    /// Time at which the delivery was created.
    pub created_at: Millis,
    /// The participation that ended, which identifies the delivery.
    pub sid: Sid,
    /// Number of attempts when it was read; nothing is written if another worker has changed it since.
    pub attempts: i64,
    /// State of the delivery after this attempt.
    pub state: DeliveryState,
    /// Time at which the next attempt is due.
    pub due_at: Millis,
    /// Time of this attempt.
    pub at: Millis,
    /// HTTP status of the response, if there was one.
    pub status: Option<i64>,
    /// Description of the failure, if the attempt failed.
    pub error: Option<String>,
    /// `jti` of the logout token that was sent.
    pub jti: String,
    /// Whether the response counts as a refusal.
    pub refused: bool,
    /// Whether the response was lost, so that the application may have acted on the token.
    pub answer_lost: bool,
    /// Whether an attempt was made; otherwise it was postponed.
    pub attempted: bool,
}

/// Bounds of what a purge removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    /// Current time, from the caller's clock.
    pub now: Millis,
    /// Ended sessions and deliveries older than this are removed.
    pub history_before: Millis,
    /// Events older than this are removed, except those with an unfinished task.
    pub events_before: Millis,
    /// Audit log rows older than this are removed.
    pub audit_before: Millis,
    /// Known browsers that were last seen before this are removed.
    pub browsers_before: Millis,
    /// Maximum number of rows of each kind.
    pub limit: i64,
}

/// The lookup keys of an account: the forms in which its texts are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAccount {
    /// The account that gets the keys.
    pub user: UserId,
    /// The account's version when it was read.
    pub version: i64,
    /// Key of the login name; `None` if another account has the same key, which is recorded as a clash.
    pub username: Option<String>,
    /// Key of the email address.
    pub email: Option<String>,
    /// Key of the display name.
    pub display: Option<String>,
}
