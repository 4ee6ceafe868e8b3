//! Mail: stored in the transaction of its cause, and retried until the SMTP server accepts it.

use serde::{Deserialize, Serialize};
use sojourn_crypto::TokenKind;
use sojourn_model::operation::MailChange;
use sojourn_model::{
    ChangeSet, Mail, Millis, Op, Outcome, SessionId, Tenant, TenantId, User, UserId,
};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::{Addressee, Letter, Mailer, Written};

/// How long a worker owns a claimed mail, in milliseconds; longer than any attempt.
const LEASE_MS: i64 = 60_000;
/// Pause after the first failed attempt, in milliseconds; it doubles with each further one.
const PAUSE_MS: i64 = 10_000;
/// Upper limit of that pause, in milliseconds.
const PAUSE_MAX_MS: i64 = 3_600_000;
/// Age at which a mail is given up, in milliseconds: its content is outdated by then.
const LIFETIME_MS: i64 = 24 * 3_600_000;
/// Mails claimed at a time. One attempt may take most of the lease, so the lease of a second mail must not run
/// meanwhile.
const BATCH: i64 = 1;

/// Content of a mail's link, sealed under its own key. A link works once: setting a password changes the account's
/// epoch, and a used "this was not me" link is stored until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailLink {
    /// Purpose of the link, which can't be used for another one.
    pub(crate) purpose: LinkPurpose,
    /// The account that the link belongs to.
    pub(crate) user: UserId,
    /// The account's epoch when the mail was written.
    pub(crate) epoch: i64,
    /// When the mail was written, in milliseconds since 1970.
    pub(crate) written_at: i64,
    /// Hash of the recipient address. Empty in links from the previous version.
    #[serde(default)]
    pub(crate) recipient: Vec<u8>,
    /// The address to restore, in links that undo a change; in links that reset a password, the recipient if it isn't
    /// the account's main address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

/// A valid link, and the current state of its account.
pub(crate) struct OpenedLink {
    /// Purpose of the link.
    pub(crate) purpose: LinkPurpose,
    /// The account as it is now.
    pub(crate) user: User,
    /// The operation that uses up the link; a duplicate if the link was used before.
    pub(crate) once: Op,
    /// The address that the link restores.
    pub(crate) address: Option<String>,
}

/// Purpose of the link in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LinkPurpose {
    /// Resets a forgotten password of the account.
    Reset,
    /// Reports that a session was started by someone else.
    NotMe(SessionId),
    /// Sets up how the user of a new account signs in.
    Invitation,
    /// Restores the address to which the mail was sent.
    UndoAddress,
}

/// Token kinds that a mail's link can have; the last one is from the previous version, which used one kind for all
/// links.
const LINK_KINDS: [TokenKind; 5] = [
    TokenKind::ResetLink,
    TokenKind::NotMeLink,
    TokenKind::InvitationLink,
    TokenKind::UndoLink,
    TokenKind::MailLink,
];

impl LinkPurpose {
    /// The token kind, which has its own key.
    const fn kind(self) -> TokenKind {
        match self {
            Self::Reset => TokenKind::ResetLink,
            Self::NotMe(_) => TokenKind::NotMeLink,
            Self::Invitation => TokenKind::InvitationLink,
            Self::UndoAddress => TokenKind::UndoLink,
        }
    }

    /// Lifetime of a link with this purpose, in milliseconds.
    const fn lifetime_ms(self) -> i64 {
        match self {
            Self::Reset => 3_600_000,
            // It can only end sessions and gives no access; people may read it a day later.
            Self::NotMe(_) => 24 * 3_600_000,
            // People may be on holiday.
            Self::Invitation => 7 * 24 * 3_600_000,
            Self::UndoAddress => 72 * 3_600_000,
        }
    }
}

/// Stored form of a mail. The content is sealed, so that the database reveals neither links nor recipients.
#[derive(Serialize, Deserialize)]
struct Sealed {
    recipient: String,
    subject: String,
    body: String,
    /// `None` in mails that a version without HTML wrote.
    #[serde(default)]
    html: Option<String>,
}

/// Prefix of a sealed mail. Mails from earlier versions are plain text.
const SEALED: &str = "sealed:";

/// A hash of an account's address.
pub(crate) fn recipient_of(user: &User) -> Vec<u8> {
    user.email
        .as_ref()
        .map_or_else(Vec::new, |email| sojourn_crypto::sha256(email.as_bytes()).to_vec())
}

fn place(id: &[u8; 16]) -> String {
    format!("mail/{}", sojourn_model::ids::hex(id))
}

impl Engine {
    /// Creates the token of a link. `address` is the one that an undo link restores, or that a reset link is sent to
    /// if it isn't the main one.
    pub(crate) fn mail_link(
        &self,
        tenant: &Tenant,
        purpose: LinkPurpose,
        (user, address): (&User, Option<&str>),
    ) -> Result<String, EngineError> {
        let link = MailLink {
            purpose,
            user: user.id,
            epoch: user.epoch,
            written_at: self.now().0,
            recipient: recipient_of(user),
            address: address.map(str::to_owned),
        };
        let body = serde_json::to_vec(&link).unwrap_or_default();
        Ok(self.sealer.seal(purpose.kind(), tenant.id, &body)?)
    }

    /// Opens a link that is recent and unused. A link that sets a password also requires the account's epoch and mail
    /// address to be unchanged. A link that only ends sessions doesn't, so that an intruder can't invalidate it by
    /// changing the account.
    pub(crate) async fn open_mail_link(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<OpenedLink>, EngineError> {
        let Some((kind, body)) = LINK_KINDS
            .into_iter()
            .find_map(|kind| Some((kind, self.sealer.open(kind, tenant.id, token)?)))
        else {
            return Ok(None);
        };
        let Ok(link) = serde_json::from_slice::<MailLink>(&body) else { return Ok(None) };
        if ![link.purpose.kind(), TokenKind::MailLink].contains(&kind) {
            return Ok(None);
        }
        if !self.is_recent(Millis(link.written_at), link.purpose.lifetime_ms()) {
            return Ok(None);
        }
        let key = sojourn_crypto::sha256(token.as_bytes()).to_vec();
        if self.store.is_revoked(tenant.id, key.clone()).await? {
            return Ok(None);
        }
        let Some(user) = self.store.user(tenant.id, link.user).await? else { return Ok(None) };
        let unchanged = user.epoch == link.epoch;
        if matches!(link.purpose, LinkPurpose::Reset | LinkPurpose::Invitation)
            && !(unchanged && link.recipient == recipient_of(&user))
        {
            return Ok(None);
        }
        if let (LinkPurpose::Reset, Some(address)) = (link.purpose, &link.address)
            && !self.proved_addresses(tenant, &user).await?.contains(address)
        {
            return Ok(None);
        }
        let until = Millis(link.written_at).plus(link.purpose.lifetime_ms());
        let once = Op::UseOnce { key, until };
        Ok(Some(OpenedLink { purpose: link.purpose, user, once, address: link.address }))
    }

    fn sealed(&self, mail: Mail) -> Result<Mail, EngineError> {
        let Mail { recipient, subject, body, html, .. } = mail;
        let plain = Sealed { recipient, subject, body, html };
        let plain = serde_json::to_vec(&plain).unwrap_or_default();
        let sealed = self.secrets.seal(&place(&mail.id), &plain, &*self.rng)?;
        let body = format!("{SEALED}{}", sojourn_crypto::b64url(&sealed));
        Ok(Mail { recipient: String::new(), subject: String::new(), body, html: None, ..mail })
    }

    fn unsealed(&self, mail: Mail) -> Result<Mail, EngineError> {
        let Some(text) = mail.body.strip_prefix(SEALED) else { return Ok(mail) };
        let damaged = || EngineError::Key("a mail doesn't open".into());
        let sealed = sojourn_crypto::unb64url(text).ok_or_else(damaged)?;
        let plain = self.secrets.open(&place(&mail.id), &sealed)?;
        let Sealed { recipient, subject, body, html } =
            serde_json::from_slice(&plain).map_err(|_| damaged())?;
        Ok(Mail { recipient, subject, body, html, ..mail })
    }

    /// The operation that stores a mail to a user, to be written with its cause.
    pub(crate) fn mail_to(
        &self,
        (tenant, user, recipient): (&Tenant, &User, &str),
        letter: &Letter<'_>,
        otherwise: Option<&str>,
    ) -> Result<Mail, EngineError> {
        let address = self.settings.address(tenant);
        let to = Addressee { tenant, address: &address, user, otherwise };
        let Written { subject, text, html } = self.letters.write(&to, letter);
        self.sealed(Mail {
            tenant: tenant.id,
            id: sojourn_model::time::random(&*self.rng),
            recipient: recipient.to_owned(),
            subject,
            body: text,
            html: Some(html),
            attempts: 0,
            created_at: self.now(),
        })
    }

    /// Sends due mails. Returns how many were tried.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn send_mail(&self, mailer: &dyn Mailer) -> Result<usize, EngineError> {
        let now = self.now();
        let claim =
            Op::Mail(MailChange::Claim { now, lease_until: now.plus(LEASE_MS), limit: BATCH });
        let change = ChangeSet::of(TenantId::DEFAULT, claim);
        let Outcome::Applied(applied) = self.apply(change).await? else { return Ok(0) };
        let tried = applied.mail.len();
        for mail in applied.mail {
            let (tenant, id) = (mail.tenant, mail.id);
            let mail = match self.unsealed(mail) {
                Ok(mail) => mail,
                Err(error) => {
                    tracing::error!(%error, "a mail is given up");
                    self.apply(ChangeSet::of(
                        tenant,
                        Op::Mail(MailChange::Settle { id, retry_at: None }),
                    ))
                    .await?;
                    continue;
                }
            };
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
            let settle = Op::Mail(MailChange::Settle { id: mail.id, retry_at });
            self.apply(ChangeSet::of(mail.tenant, settle)).await?;
        }
        Ok(tried)
    }

    /// Resolves when this process has written a mail since the last time it resolved.
    pub async fn mail_to_send(&self) {
        self.mail.notified().await;
    }
}
