//! Sign-up: accounts that users create themselves.
//!
//! A user enters a mail address ([`Engine::ask_to_sign_up`]), confirms it by the link or the code from a mail, and
//! creates the account with a passkey or a password ([`Engine::sign_up_with_password`]). Until then only the mail is
//! stored: the request travels in sealed form. Pages, mails and response times don't depend on whether an account has
//! the address.

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

/// How long after the mail an account can be created, in milliseconds.
const LINK_MS: i64 = 3_600_000;

/// Reasons why an account isn't created.
#[derive(Debug, thiserror::Error)]
pub enum SignUpRefused {
    /// The tenant doesn't allow sign-up.
    #[error("sign-up is not allowed here")]
    Closed,
    /// The input isn't a mail address.
    #[error("this is not a valid mail address")]
    NoAddress,
    /// Only addresses in other domains may sign up.
    #[error("sign-up is not allowed for this mail domain")]
    OtherDomain,
    /// The invitation code is wrong, used up or expired.
    #[error("the invitation code is wrong, used up or expired")]
    WrongInvitation,
    /// The terms weren't accepted, or have changed since.
    #[error("the terms have to be accepted")]
    Terms,
    /// The proof of work is missing, wrong or expired.
    #[error("the proof of work is missing, wrong or expired")]
    Work,
    /// The code differs from the one in the mail.
    #[error("the code is wrong")]
    WrongCode,
    /// Too many mails to this address, or too many tries.
    #[error("too many attempts")]
    TooMany,
    /// Too many mails within an hour, from the client's address or in total.
    #[error("too many accounts were requested: try again in an hour")]
    TooManyMails,
    /// Too many codes were tried for this mail.
    #[error("too many attempts: request a new mail")]
    TooManyCodes,
    /// The mail is too old or was used, or the account exists by now.
    #[error("the mail has expired or has already been used")]
    Gone,
    /// The rules forbid the password.
    #[error(transparent)]
    Password(PasswordRefused),
    /// The passkey can't be added.
    #[error(transparent)]
    Key(FactorRefused),
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<sojourn_store::StoreError> for SignUpRefused {
    fn from(error: sojourn_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A request for an account. It is sealed twice, each time under its own key: in the link, and in the page that
/// accepts the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    /// Id that the account will have.
    user: UserId,
    address: String,
    /// Language of the page, as a BCP 47 tag.
    language: String,
    /// Hash of the invitation code that was entered.
    invitation: Option<[u8; 32]>,
    written_at: i64,
}

impl Asked {
    /// The operation that uses up the request: link and code share one use.
    fn once(&self) -> Op {
        let key = sojourn_crypto::sha256(&[b"sign up".as_slice(), self.user.0.as_bytes()].concat());
        Op::UseOnce { key: key.to_vec(), until: Millis(self.written_at).plus(LINK_MS) }
    }
}

impl Engine {
    /// Returns whether users can sign up in a tenant. This requires mail, because addresses must be confirmed.
    #[must_use]
    pub fn is_sign_up_open(&self, tenant: &Tenant) -> bool {
        self.settings.resets_by_mail && tenant.sign_up.open_to != sojourn_model::OpenTo::Nobody
    }

    fn asked_for(&self, tenant: &Tenant, kind: TokenKind, sealed: &str) -> Option<Asked> {
        let body = self.sealer.open(kind, tenant.id, sealed)?;
        let asked: Asked = serde_json::from_slice(&body).ok()?;
        self.is_recent(Millis(asked.written_at), LINK_MS).then_some(asked)
    }

    /// Finds the account with this name or confirmed address.
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
