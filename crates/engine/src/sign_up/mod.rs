//! Accounts that people make themselves.
//!
//! A person asks with a mail address ([`Engine::ask_to_sign_up`]), proves it by the link or the code of a mail, and makes the
//! account with a passkey or a password ([`Engine::sign_up_with_password`]). Until then nothing is stored but the mail: what
//! was asked for travels sealed. Pages, mails and times are the same whether or not an account has the address.

mod account;
mod ask;
mod leave;
mod rules;
mod work;

use sojourn_crypto::TokenKind;
use sojourn_model::{Millis, Op, Tenant, User, UserId};

use serde::{Deserialize, Serialize};

use crate::directory::PasswordRefused;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::FactorRefused;
pub use account::{NewPerson, SignedUp};
pub use ask::Asking;
pub use leave::Left;
pub use rules::NewCode;
pub use work::WORK_BITS;

/// How long an account can be made after the mail was written, in milliseconds.
const LINK_MS: i64 = 3_600_000;

/// Why no account is made.
#[derive(Debug, thiserror::Error)]
pub enum SignUpRefused {
    /// This tenant lets nobody make an account.
    #[error("nobody can make an account here")]
    Closed,
    /// What was typed is no address.
    #[error("this is no mail address")]
    NoAddress,
    /// Only people with an address in other domains make accounts here.
    #[error("addresses of this domain can't make an account")]
    OtherDomain,
    /// The code that lets people make accounts is wrong, used up or too old.
    #[error("the invitation code is wrong, used up or too old")]
    WrongInvitation,
    /// The terms were not accepted, or are others by now.
    #[error("the terms have to be accepted")]
    Terms,
    /// The browser didn't do the work that is asked for.
    #[error("the proof of work is missing, wrong or too old")]
    Work,
    /// Another code than the one in the mail.
    #[error("the code is wrong")]
    WrongCode,
    /// Too many mails to this address, or too many tries.
    #[error("too many attempts")]
    TooMany,
    /// Too many mails in this hour, from the client's address or in all.
    #[error("too many accounts were asked for: try again in an hour")]
    TooManyMails,
    /// Too many codes for this mail.
    #[error("too many codes: ask for another mail")]
    TooManyCodes,
    /// The mail is too old or was used, or there is such an account by now.
    #[error("the mail is too old, or was used")]
    Gone,
    /// The password is refused.
    #[error(transparent)]
    Password(PasswordRefused),
    /// The passkey is refused.
    #[error(transparent)]
    Key(FactorRefused),
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<sojourn_store::StoreError> for SignUpRefused {
    fn from(error: sojourn_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// What was asked for. It is sealed twice, each time under a key of its own: in the link, and in the page that takes the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    /// The id that the account will have.
    user: UserId,
    address: String,
    /// The language of the page, as a tag (BCP 47).
    language: String,
    /// The invitation code that was given.
    invitation: Option<[u8; 32]>,
    written_at: i64,
}

impl Asked {
    /// Link and code use up the same.
    fn once(&self) -> Op {
        let key = sojourn_crypto::sha256(&[b"sign up".as_slice(), self.user.0.as_bytes()].concat());
        Op::UseOnce { key: key.to_vec(), until: Millis(self.written_at).plus(LINK_MS) }
    }
}

impl Engine {
    /// Whether people can make accounts in a tenant. Without mail nobody can, because addresses have to be proved.
    #[must_use]
    pub fn is_sign_up_open(&self, tenant: &Tenant) -> bool {
        self.settings.resets_by_mail && tenant.sign_up.open_to != sojourn_model::OpenTo::Nobody
    }

    fn asked_for(&self, tenant: &Tenant, kind: TokenKind, sealed: &str) -> Option<Asked> {
        let body = self.sealer.open(kind, tenant.id, sealed)?;
        let asked: Asked = serde_json::from_slice(&body).ok()?;
        self.is_recent(Millis(asked.written_at), LINK_MS).then_some(asked)
    }

    /// Whether somebody has an account by that name or proved address.
    async fn has_account(
        &self,
        tenant: &Tenant,
        address: &str,
    ) -> Result<Option<User>, EngineError> {
        let named = self.user_called(tenant, address).await?;
        let mut proved = self.store.users_by_proved_email(tenant.id, address, 1).await?;
        Ok(named.or_else(|| proved.pop()))
    }
}
