//! What can go wrong in a use case.

use sojourn_store::StoreError;

/// A use case that didn't come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too much to do at once: try again in a moment.
    #[error("the server is busy: try again in a moment")]
    Busy,
    /// What was named isn't there, in this tenant.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// What was given can't be used; the text says what to do.
    #[error("{0}")]
    Invalid(String),
    /// It exists already.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// The caller may not do this.
    #[error("not allowed")]
    Forbidden,
    /// It would take away what the tenant needs to be administered; the text says what, and what to do.
    #[error("{0}")]
    Protected(&'static str),
    /// Others changed the same thing again and again.
    #[error("others are changing the same thing: try again")]
    Contended,
    /// It has another version than the caller read.
    #[error("it changed since it was read: read it again")]
    Stale,
    /// Tokens bound to the session can't outlive it.
    #[error(
        "tokens bound to the session (sso-session) can't outlive it: end the tokens of all \
         applications too"
    )]
    SessionBoundTokens,
    /// More would end than the caller expects.
    #[error("{found} sessions or more would end, and {most} were expected at most: look again")]
    MoreThanExpected {
        /// So many at least.
        found: u64,
        /// So many were expected at most.
        most: u64,
    },
    /// A key can't be used: damage, or the wrong master key.
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
