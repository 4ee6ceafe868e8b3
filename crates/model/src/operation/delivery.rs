//! Operations on deliveries.

use super::SettleDelivery;
use crate::ids::SessionId;
use crate::ids::Sid;
use crate::time::Millis;

/// Changes deliveries to applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryChange {
    /// Claims due deliveries under a lease. [`Applied::deliveries`](crate::change::Applied::deliveries) has them.
    Claim {
        /// Current time, from the caller's clock.
        now: Millis,
        /// End of the lease: no other worker can claim them before.
        lease_until: Millis,
        /// Maximum number of rows.
        limit: i64,
    },
    /// Records the result of a delivery attempt.
    Settle(SettleDelivery),
    /// Schedules a dead or refused delivery again.
    Resend {
        /// The session that ended.
        session: SessionId,
        /// The participation that ended, which identifies the delivery.
        sid: Sid,
        /// Current time, from the caller's clock.
        now: Millis,
        /// Time at which it is given up.
        expires_at: Millis,
    },
    /// Gives up a pending delivery; a conflict if it isn't pending.
    GiveUp {
        /// The session that ended.
        session: SessionId,
        /// The participation that ended, which identifies the delivery.
        sid: Sid,
        /// Text that says who gave it up, stored as the last error.
        why: String,
    },
    /// Releases leases on deliveries held by workers that are gone. Only valid if this process is the only server.
    Release {
        /// Current time, from the caller's clock.
        now: Millis,
    },
}
