//! Sign-in is a sequence of steps.
//!
//! Each step verifies or settles one thing: a password, a second factor, a new password if one is required, room for
//! one more session. After each step, the table in `steps` determines what is still missing. If a step is missing,
//! the use case returns [`SignInError::Needs`] with the proofs so far, which the page of that step carries; otherwise
//! a session starts.
//!
//! A new way to authenticate needs a [`Method`](sojourn_model::Method), a row in the table, a use case in this module
//! and a page.

mod begin;
mod drawn;
mod enrolment;
mod key;
mod new_password;
mod password;
mod second_factor;
mod steps;
mod trusted_browser;
mod unknown_browser;

use serde::{Deserialize, Serialize};
use sojourn_model::{AppId, ChangeSet, Millis, Proofs, Session, User, UserId};

use crate::error::EngineError;
use crate::factors::FactorRefused;
pub use enrolment::Adding;
pub use key::KeyProof;
pub use new_password::NewPasswordError;
pub use password::Credentials;
pub(crate) use password::cut;
pub use second_factor::Shown;
pub use steps::Step;
pub use trusted_browser::trusted_browser_id;
pub use unknown_browser::ToldSignIn;

/// The circumstances of a sign-in: the browser, the application and the user's choices.
#[derive(Clone, Default)]
pub struct Visit {
    /// Whether the user chose to stay signed in.
    pub remember: bool,
    /// IP address of the browser.
    pub ip: String,
    /// `User-Agent` of the browser.
    pub user_agent: String,
    /// Whether the user trusts this browser from now on.
    pub trusts: bool,
    /// Active session of this browser, if there is one.
    pub present: Option<Session>,
    /// Application that requested the sign-in.
    pub app: Option<AppId>,
    /// Secret of the browser's own cookie, by which it is recognised.
    pub browser: Option<[u8; 32]>,
    /// Identifies the form: if it is sent twice, both requests lead to the same session.
    pub form: Option<[u8; 32]>,
}

/// The proofs that a user has given so far. They are carried between steps in sealed form and become invalid when the
/// account changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The account that the proofs are for.
    pub user: UserId,
    /// The account's epoch at the time of the first proof.
    pub epoch: i64,
    /// Authentication methods, each with its time.
    pub proofs: Proofs,
}

/// A sign-in that requires another step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The proofs so far.
    pub proven: Proven,
    /// The step that comes next.
    pub step: Step,
}

/// A session and the secret that opens it. The secret isn't stored anywhere.
#[derive(Clone)]
pub struct SignedIn {
    /// The session that was started or renewed.
    pub session: Session,
    /// Secret for the session cookie.
    pub secret: [u8; 32],
    /// The user who signed in.
    pub user: User,
}

/// Reasons why a sign-in isn't complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// Name or password is wrong, or the account may not be used. The variant doesn't reveal which.
    #[error("name or password is wrong")]
    Wrong,
    /// The code of a second factor is wrong, or was used before.
    #[error("the code is wrong or has already been used")]
    WrongCode,
    /// The key's response is invalid, or was used before.
    #[error("the key's response is wrong or has already been used")]
    WrongKey,
    /// The key belongs to no account.
    #[error("no account has this key")]
    UnknownKey,
    /// Too many failed attempts; the user may retry later.
    #[error("too many attempts")]
    TooMany,
    /// The account changed during the sign-in.
    #[error("the account changed meanwhile")]
    Interrupted,
    /// The user reported a sign-in as not theirs, so the password must be reset by mail first.
    #[error("a new password must be chosen first")]
    PasswordDue,
    /// The account is being recovered, and can be used then, or with a factor that it still has.
    #[error("the account is being recovered")]
    Waiting {
        /// End of the waiting time.
        until: Millis,
    },
    /// The organisation doesn't allow passkeys here; the user signs in with the password.
    #[error("passkeys aren't allowed here")]
    PasskeyNotAllowed,
    /// The user has reached the limit of concurrent sessions.
    #[error("the limit of {max} concurrent sessions has been reached")]
    TooManySessions {
        /// The maximum number of sessions.
        max: usize,
    },
    /// The credentials are correct, but another step is required.
    #[error("another step is needed")]
    Needs(Box<Pending>),
    /// The factor can't be added.
    #[error(transparent)]
    Factor(FactorRefused),
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// A user whose credentials have been verified.
pub(crate) struct Checked {
    pub(crate) user: User,
    /// The proofs that were given.
    pub(crate) proven: Proven,
    /// Written together with the result: clears the counted attempts, and uses up one-time proofs.
    pub(crate) also: ChangeSet,
}
