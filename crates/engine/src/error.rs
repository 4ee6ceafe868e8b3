//! Errors that use cases return.

use sojourn_store::StoreError;

/// The reason why a use case failed. Unless a variant says otherwise, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The database failed; the store's error has the details.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is overloaded; the caller may retry in a moment.
    #[error("the server is busy: try again in a moment")]
    Busy,
    /// The named object doesn't exist in this tenant.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The input can't be used; the text says what to do.
    #[error("{0}")]
    Invalid(String),
    /// An object with the same unique name exists already.
    #[error("{0} already exists")]
    Exists(&'static str),
    /// The caller lacks the right that this needs.
    #[error("not allowed")]
    Forbidden,
    /// The change would leave the tenant without something that its administration needs; the text names it and says
    /// what to do.
    #[error("{0}")]
    Protected(&'static str),
    /// Other writers kept changing the same object until the retries were used up.
    #[error("concurrent changes to the same object: try again")]
    Contended,
    /// The object's version differs from the one that the caller read.
    #[error("the object has changed since it was read: read it again")]
    Stale,
    /// The change would leave tokens that are bound to a session without that session.
    #[error(
        "tokens bound to the session (sso-session) can't outlive it: end the tokens of all \
         applications too"
    )]
    SessionBoundTokens,
    /// More sessions would end than the caller expects.
    #[error("at least {found} sessions would end, but at most {most} were expected: check again")]
    MoreThanExpected {
        /// Number of sessions that would end, at least.
        found: u64,
        /// Upper limit that the caller gave.
        most: u64,
    },
    /// A key can't be used: it is damaged, or the master key is wrong.
    #[error("a key can't be used: {0}")]
    Key(String),
}

impl From<sojourn_crypto::SealError> for EngineError {
    fn from(error: sojourn_crypto::SealError) -> Self {
        Self::Key(error.to_string())
    }
}

impl From<sojourn_crypto::KeyError> for EngineError {
    fn from(error: sojourn_crypto::KeyError) -> Self {
        Self::Key(error.to_string())
    }
}
