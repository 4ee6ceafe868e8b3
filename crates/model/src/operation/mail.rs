//! Operations on mails.

use crate::mail::Mail;
use crate::time::Millis;

/// Writes a mail, or what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailChange {
    /// Queues a mail for sending.
    Add(Mail),
    /// Claims due mails under a lease. [`Applied::mail`](crate::change::Applied::mail) has them.
    Claim {
        /// Current time, from the caller's clock.
        now: Millis,
        /// End of the lease: no other worker can claim them before.
        lease_until: Millis,
        /// Maximum number of rows.
        limit: i64,
    },
    /// Removes a mail that was sent or given up, or schedules another attempt.
    Settle {
        /// Id of the mail.
        id: [u8; 16],
        /// Time of the next attempt; `None` removes the mail.
        retry_at: Option<Millis>,
    },
}
