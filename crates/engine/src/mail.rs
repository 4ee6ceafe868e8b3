//! Mail: written in the transaction of what it is about, and sent until the server of mail takes it.

use sojourn_model::{ChangeSet, Mail, Op, Outcome, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::passwords::Boxed;

/// How long a claimed mail is nobody else's, in milliseconds: longer than any attempt.
const LEASE_MS: i64 = 60_000;
/// The first pause after an attempt that failed, in milliseconds; each further one doubles it.
const PAUSE_MS: i64 = 10_000;
/// The longest pause, in milliseconds.
const PAUSE_MAX_MS: i64 = 3_600_000;
/// After this time a mail is given up, in milliseconds: what it is about is old news.
const LIFETIME_MS: i64 = 24 * 3_600_000;
/// Mails claimed at a time.
const BATCH: i64 = 16;

/// Sends mail. The floor above provides it.
pub trait Mailer: Send + Sync {
    /// Sends one and answers what went wrong, in words.
    fn send<'a>(&'a self, mail: &'a Mail) -> Boxed<'a, Result<(), String>>;
}

impl Engine {
    /// Sends what is due. Answers how many mails were tried.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn send_mail(&self, mailer: &dyn Mailer) -> Result<usize, EngineError> {
        let now = self.now();
        let claim = Op::ClaimMail { now, lease_until: now.plus(LEASE_MS), limit: BATCH };
        let change = ChangeSet::of(TenantId::DEFAULT, claim);
        let Outcome::Applied(applied) = self.apply(change).await? else { return Ok(0) };
        let tried = applied.mail.len();
        for mail in applied.mail {
            let retry_at = match mailer.send(&mail).await {
                Ok(()) => None,
                Err(why) if self.now().since(mail.created_at) >= LIFETIME_MS => {
                    tracing::error!(why, subject = mail.subject, "a mail is given up");
                    None
                }
                Err(why) => {
                    tracing::warn!(why, attempts = mail.attempts, "a mail can't be sent yet");
                    let exponent = mail.attempts.clamp(0, 12);
                    Some(self.now().plus((PAUSE_MS << exponent).min(PAUSE_MAX_MS)))
                }
            };
            let settle = Op::SettleMail { id: mail.id, retry_at };
            self.apply(ChangeSet::of(mail.tenant, settle)).await?;
        }
        Ok(tried)
    }

    /// Resolves when this process has written a mail since the last time it resolved.
    pub async fn mail_to_send(&self) {
        self.mail.notified().await;
    }
}
