//! Mail in the queue of outgoing messages.

use crate::ids::TenantId;
use crate::time::Millis;

/// A queued email message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The tenant that sends the mail.
    pub tenant: TenantId,
    /// Id of the mail, also used in its `Message-ID`.
    pub id: [u8; 16],
    /// Email address of the recipient.
    pub recipient: String,
    /// Subject line of the message.
    pub subject: String,
    /// Body of the message as plain text.
    pub body: String,
    /// The body as HTML, if there is one.
    pub html: Option<String>,
    /// Number of attempts to send it so far.
    pub attempts: i64,
    /// Time at which the mail was queued.
    pub created_at: Millis,
}
