//! Mail: written in the transaction of what it is about, and sent until the server of mail takes it.

use sojourn_model::{ChangeSet, Mail, Op, Outcome, Session, Tenant, TenantId, User};

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

/// What a mail to a person is about.
#[derive(Debug, Clone, Copy)]
pub enum Letter<'a> {
    /// Someone signed in from a browser that the account hasn't known.
    NewBrowser {
        /// The session that began.
        session: &'a Session,
        /// Where a person goes who didn't do that.
        link: &'a str,
    },
    /// Someone asked for a new password.
    NewPassword {
        /// Where it is chosen.
        link: &'a str,
    },
}

/// Writes mails in the language of whom they go to. The floor above provides it.
pub trait Letters: Send + Sync {
    /// Subject and text, in the language that the account says; where it says none, in the one of a tag (BCP 47), and
    /// in English without one.
    fn write(
        &self,
        tenant: &Tenant,
        user: &User,
        letter: &Letter<'_>,
        otherwise: Option<&str>,
    ) -> (String, String);
}

impl Engine {
    /// A mail to a person, to be written with what it is about.
    pub(crate) fn mail_to(
        &self,
        (tenant, user, recipient): (&Tenant, &User, &str),
        letter: &Letter<'_>,
        otherwise: Option<&str>,
    ) -> Mail {
        let (subject, body) = self.letters.write(tenant, user, letter, otherwise);
        Mail {
            tenant: tenant.id,
            id: sojourn_model::time::random(&*self.rng),
            recipient: recipient.to_owned(),
            subject,
            body,
            attempts: 0,
            created_at: self.now(),
        }
    }

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
