//! Deliveries: the duty to tell an application that a participation ended.

use crate::ids::{AppId, SessionId, Sid, TenantId, UserId};
use crate::time::Millis;

/// One duty. There is one for each participation that ended with a notice, so its `sid` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The participation that ended; also this delivery's name.
    pub sid: Sid,
    /// The session that the participation belonged to.
    pub session: SessionId,
    /// Whom to tell.
    pub app: AppId,
    /// Whose session it was.
    pub user: UserId,
    /// What the application knows the user by.
    pub sub: String,
    /// The issuer to name.
    pub issuer: String,
    /// Where to post to; empty when there is no such place.
    pub uri: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: i64,
    /// Answers of 400 so far: the third is final.
    pub refusals: i64,
    /// An attempt's answer was lost: the application may have acted on it.
    pub answer_lost: bool,
    /// When the next attempt is due.
    pub due_at: Millis,
    /// When it was written.
    pub created_at: Millis,
    /// When it is given up.
    pub expires_at: Millis,
    /// When the last attempt was made.
    pub last_attempt_at: Option<Millis>,
    /// HTTP status of the last answer.
    pub last_status: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// `jti` of the last logout token.
    pub last_jti: Option<String>,
}

/// The life of a delivery. `Pending` → one of the others; `Dead` and `Refused` → `Pending` by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried until it succeeds or its time is over.
    Pending,
    /// The application said that it acted on it.
    Delivered,
    /// The application refused it for good.
    Refused,
    /// Its time is over.
    Dead,
    /// The application has no address: it learns of it by a refused token or through the browser.
    Unreachable,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Delivered, Self::Refused, Self::Dead, Self::Unreachable];

    /// The name in APIs and in the database.
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

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
