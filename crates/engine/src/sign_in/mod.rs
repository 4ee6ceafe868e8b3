//! Signing in is a row of steps.
//!
//! Each step proves or settles one thing: a password, a second factor, another password where one is demanded, room for one
//! more session. After each, the table in [`steps`] says what is still missing. Where something is, the answer is
//! [`SignInError::Needs`] with what has been proven so far, for the page of that step to carry; where nothing is, a session begins.
//!
//! A further way to prove who one is needs a [`Method`](sojourn_model::Method), a line in the table, a use case here and a
//! page that shows it.

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
use sojourn_model::{AppId, ChangeSet, Proofs, Session, User, UserId};

use crate::error::EngineError;
use crate::factors::FactorRefused;
pub use enrolment::Adding;
pub use key::KeyProof;
pub use new_password::NewPasswordError;
pub use password::Credentials;
pub(crate) use password::{cut, plain_name};
pub use second_factor::Shown;
pub use steps::Step;
pub use trusted_browser::trusted_browser_id;
pub use unknown_browser::ToldSignIn;

/// Where a person signs in, and for what.
#[derive(Clone, Default)]
pub struct Visit {
    /// Whether to stay signed in.
    pub remember: bool,
    /// The browser's address.
    pub ip: String,
    /// The browser's user agent.
    pub user_agent: String,
    /// Whether the person trusts this browser from now on.
    pub trusts: bool,
    /// The live session that this browser has already.
    pub present: Option<Session>,
    /// The application for which the person signs in.
    pub app: Option<AppId>,
    /// The browser's own secret, by which it is known again.
    pub browser: Option<[u8; 32]>,
    /// What names the form that was sent: sent twice, it leads to the same session.
    pub form: Option<[u8; 32]>,
}

/// What a person has proven so far. It is carried from step to step, sealed, and worth nothing once the account changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The account.
    pub user: UserId,
    /// The account's epoch when the first proof was given.
    pub epoch: i64,
    /// By which methods, and when.
    pub proofs: Proofs,
}

/// A sign-in that needs another step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// What has been proven.
    pub proven: Proven,
    /// What comes next.
    pub step: Step,
}

/// A session and the secret that opens it. The secret is nowhere else.
#[derive(Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// For the cookie.
    pub secret: [u8; 32],
    /// Who signed in.
    pub user: User,
}

/// Why nobody is signed in, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// Name or password is wrong, or the account may not be used: which one isn't told.
    #[error("name or password is wrong")]
    Wrong,
    /// The code of a second factor is wrong, or was used.
    #[error("the code is wrong, or was used")]
    WrongCode,
    /// The key's answer is wrong, or was used.
    #[error("the answer of the key is wrong, or was used")]
    WrongKey,
    /// No account has this key.
    #[error("no account has this key")]
    UnknownKey,
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany,
    /// The account changed meanwhile.
    #[error("the account changed meanwhile")]
    Interrupted,
    /// Its person said that a sign-in was not theirs: another password has to be chosen by mail first.
    #[error("another password has to be chosen first")]
    PasswordDue,
    /// The user has reached the limit of concurrent sessions.
    #[error("the limit of {max} concurrent sessions has been reached")]
    TooManySessions {
        /// How many sessions are allowed.
        max: usize,
    },
    /// What was given is right, and another step comes next.
    #[error("another step is needed")]
    Needs(Box<Pending>),
    /// The factor can't be added.
    #[error(transparent)]
    Factor(FactorRefused),
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// A user who has proven who they are.
pub(crate) struct Checked {
    pub(crate) user: User,
    /// By what.
    pub(crate) proven: Proven,
    /// What is written with the result: it clears the attempts that were counted, and uses up what was shown.
    pub(crate) also: ChangeSet,
}
