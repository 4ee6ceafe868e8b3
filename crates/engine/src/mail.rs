//! Mail: written in the transaction of what it is about, and sent until the SMTP server takes it.

use serde::{Deserialize, Serialize};
use sojourn_crypto::TokenKind;
use sojourn_model::{
    ChangeSet, Mail, Millis, Op, Outcome, Session, SessionId, Tenant, TenantId, User, UserId,
};

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
/// Mails claimed at a time: one attempt may take most of the lease, and the next mail's lease must not run meanwhile.
const BATCH: i64 = 1;

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
    /// An account was made for the person.
    Invitation {
        /// Where they set how they sign in.
        link: &'a str,
    },
    /// An address is to be proved.
    Address {
        /// Where it is proved.
        link: &'a str,
        /// Or what is typed on the page where the mail was asked for.
        code: &'a str,
    },
    /// Somebody wants to make an account with this address.
    SignUp {
        /// Where it is made.
        link: &'a str,
        /// Or what is typed on the page where the mail was asked for.
        code: &'a str,
    },
    /// Somebody wants to make an account with this address, which has one.
    HasAccount {
        /// Where its person signs in.
        link: &'a str,
    },
    /// The account has another address.
    AddressChanged {
        /// The new one.
        to: &'a str,
        /// Where that is undone, if it can be.
        link: Option<&'a str>,
    },
    /// The person asked for the account to be deleted.
    Leaving {
        /// When it is; none: once an administrator agrees.
        due: Option<Millis>,
        /// Where they can think again.
        link: &'a str,
    },
    /// The account was deleted.
    Deleted,
    /// How the person signs in has changed.
    News {
        /// What happened.
        news: News<'a>,
        /// Where a person goes who didn't do that, where there is such a way.
        link: Option<&'a str>,
    },
}

/// What happened to how a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News<'a> {
    /// A second factor was added.
    FactorAdded {
        /// What it is called.
        name: &'a str,
    },
    /// A second factor was removed.
    FactorRemoved {
        /// What it was called.
        name: &'a str,
    },
    /// An administrator removed all second factors.
    FactorsReset,
    /// An administrator ended everything, and demands new credentials.
    Secured,
    /// New recovery codes replaced those before.
    CodesRenewed,
    /// A recovery code was used.
    CodeUsed {
        /// How many are left.
        left: i64,
        /// From which address.
        ip: &'a str,
    },
}

/// Writes mails in the language of whom they go to. The floor above provides it.
pub trait Letters: Send + Sync {
    /// A letter, in the language that the account says; where it says none, in the other one that is given, and in English
    /// without one.
    fn write(&self, to: &Addressee<'_>, letter: &Letter<'_>) -> Written;
}

/// Whom a letter goes to, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Addressee<'a> {
    /// The tenant that it is from.
    pub tenant: &'a Tenant,
    /// The tenant's address.
    pub address: &'a str,
    /// The person's account.
    pub user: &'a User,
    /// The language of the request that caused the mail, as a tag (BCP 47).
    pub otherwise: Option<&'a str>,
}

/// A letter as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What about.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML, which says the same.
    pub html: String,
}

/// What a mail's link opens; sealed under a key of its own. It works once: setting a password changes the account's epoch,
/// and a used "this was not me" link is stored until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailLink {
    /// What for: a link for one thing opens no other.
    pub(crate) purpose: LinkPurpose,
    /// Whose account.
    pub(crate) user: UserId,
    /// Its epoch when the mail was written.
    pub(crate) epoch: i64,
    /// When it was written, in milliseconds since 1970.
    pub(crate) written_at: i64,
    /// A hash of the address that it went to. Empty in links of the version before.
    #[serde(default)]
    pub(crate) recipient: Vec<u8>,
    /// The address, where the link gives it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
}

/// A link that works, and the account as it is now.
pub(crate) struct OpenedLink {
    /// What it opens.
    pub(crate) purpose: LinkPurpose,
    /// The account, as it is now.
    pub(crate) user: User,
    /// The operation by which it is used: a duplicate when it was used before.
    pub(crate) once: Op,
    /// The address that it gives back.
    pub(crate) address: Option<String>,
}

/// What a mail's link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LinkPurpose {
    /// To choose another password.
    Reset,
    /// To say of a session's sign-in that it was somebody else.
    NotMe(SessionId),
    /// To set how one signs in to an account that was made for one.
    Invitation,
    /// To give an account the address back to which the mail goes.
    UndoAddress,
}

/// The kinds of sealed text that a mail's link can be; the last one is the version before's, which had one for all.
const LINK_KINDS: [TokenKind; 5] = [
    TokenKind::ResetLink,
    TokenKind::NotMeLink,
    TokenKind::InvitationLink,
    TokenKind::UndoLink,
    TokenKind::MailLink,
];

impl LinkPurpose {
    /// The kind of sealed text, which has a key of its own.
    const fn kind(self) -> TokenKind {
        match self {
            Self::Reset => TokenKind::ResetLink,
            Self::NotMe(_) => TokenKind::NotMeLink,
            Self::Invitation => TokenKind::InvitationLink,
            Self::UndoAddress => TokenKind::UndoLink,
        }
    }

    /// How long such a link works, in milliseconds.
    const fn lifetime_ms(self) -> i64 {
        match self {
            Self::Reset => 3_600_000,
            // It ends something and opens nothing, and is read the next day.
            Self::NotMe(_) => 24 * 3_600_000,
            // People come back from holidays.
            Self::Invitation => 7 * 24 * 3_600_000,
            Self::UndoAddress => 72 * 3_600_000,
        }
    }
}

/// What a mail is kept as: nobody who reads the database finds a link in it, or to whom it went.
#[derive(Serialize, Deserialize)]
struct Sealed {
    recipient: String,
    subject: String,
    body: String,
    /// None in what a program wrote that sent text alone.
    #[serde(default)]
    html: Option<String>,
}

/// What a sealed mail begins with. A mail that a program before this one wrote is plain.
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
    /// The text of a link's token.
    pub(crate) fn mail_link(
        &self,
        tenant: &Tenant,
        purpose: LinkPurpose,
        user: &User,
    ) -> Result<String, EngineError> {
        let link = MailLink {
            purpose,
            user: user.id,
            epoch: user.epoch,
            written_at: self.now().0,
            recipient: recipient_of(user),
            address: user.email.clone().filter(|_| purpose == LinkPurpose::UndoAddress),
        };
        let body = serde_json::to_vec(&link).unwrap_or_default();
        Ok(self.sealer.seal(purpose.kind(), tenant.id, &body)?)
    }

    /// Opens a link that is recent and unused. A link that sets a password also requires the account's epoch and mail
    /// address to be unchanged. A link that only ends sessions doesn't, so that an intruder can't invalidate it by changing
    /// the account.
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

    /// A mail to a person, to be written with what it is about.
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
            let (tenant, id) = (mail.tenant, mail.id);
            let mail = match self.unsealed(mail) {
                Ok(mail) => mail,
                Err(error) => {
                    tracing::error!(%error, "a mail is given up");
                    self.apply(ChangeSet::of(tenant, Op::SettleMail { id, retry_at: None }))
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
