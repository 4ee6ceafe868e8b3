//! Mail that waits to be sent.

use crate::ids::TenantId;
use crate::time::Millis;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The tenant it is from.
    pub tenant: TenantId,
    /// Its id; also of its `Message-ID`.
    pub id: [u8; 16],
    /// The address that it is sent to.
    pub recipient: String,
    /// What about.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// Attempts so far.
    pub attempts: i64,
    /// When it was written.
    pub created_at: Millis,
}
