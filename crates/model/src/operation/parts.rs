//! What operations are made of.

use crate::delivery::DeliveryState;
use crate::ids::{AppId, SessionId, Sid, TenantId, UserId};
use crate::time::Millis;

/// How long the answer to a request that may be repeated is kept, in milliseconds.
pub const REQUEST_KEPT_MS: i64 = 24 * 3_600_000;

/// A limit on a user's live sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// So many at most.
    pub max: i64,
    /// The present time.
    pub now: Millis,
    /// How far behind a stored last access may be, in milliseconds.
    pub slack_ms: i64,
}

/// A last access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The session.
    pub session: SessionId,
    /// The application through which it was used, if one was.
    pub app: Option<AppId>,
    /// When it happened.
    pub at: Millis,
}

/// What came of an attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleDelivery {
    /// The tenant that it belongs to; deliveries of several tenants are settled together.
    pub tenant: TenantId,
    /// When it was written.
    pub created_at: Millis,
    /// The delivery.
    pub sid: Sid,
    /// Its attempts as they were read; nothing is written when another worker was quicker.
    pub attempts: i64,
    /// Where it stands now.
    pub state: DeliveryState,
    /// When the next attempt is due.
    pub due_at: Millis,
    /// When this attempt was made.
    pub at: Millis,
    /// HTTP status of the answer.
    pub status: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
    /// `jti` of the token that was sent.
    pub jti: String,
    /// Whether the answer counts as a refusal.
    pub refused: bool,
    /// Whether the answer was lost.
    pub answer_lost: bool,
    /// Whether an attempt was made at all; otherwise it was put off.
    pub attempted: bool,
}

/// What nobody can need any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    /// The present time.
    pub now: Millis,
    /// Ended sessions and deliveries older than this go.
    pub history_before: Millis,
    /// Events older than this go, but those with an unfinished task.
    pub events_before: Millis,
    /// Rows of the audit log older than this go.
    pub audit_before: Millis,
    /// Browsers not seen since then are known no more.
    pub browsers_before: Millis,
    /// At most so many rows of each kind.
    pub limit: i64,
}

/// The forms in which an account's texts are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAccount {
    /// The account.
    pub user: UserId,
    /// Its version as it was read.
    pub version: i64,
    /// Of its login name; none where another account has that, which is noted.
    pub username: Option<String>,
    /// Of its mail address.
    pub email: Option<String>,
    /// Of its shown name.
    pub display: Option<String>,
}
