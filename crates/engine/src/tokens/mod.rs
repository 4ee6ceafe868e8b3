//! Grants and tokens: authorizing, exchanging, refreshing, checking, revoking.

mod authenticate;
mod authorize;
mod binding;
mod check;
mod client_credentials;
mod code;
mod detail;
mod id_token;
mod introspect;
mod issue;
mod lifetimes;
mod memberships;
mod password;
mod refresh;
mod request_object;
mod revoke;
mod sealed_code;
mod shared;
mod subject;
mod userinfo;

use sojourn_model::limits::CONFLICT_RETRIES_MAX;
use sojourn_oidc::OAuthError;

pub use authorize::{AuthorizeAnswer, AuthorizeOutcome, Read};
pub use binding::BindingProof;
pub use check::{ActiveAccess, Bearer};
pub use issue::TokenAnswer;
pub use password::PasswordGrant;
pub use userinfo::{Userinfo, UserinfoRefused};

use crate::error::EngineError;

/// Why a token request isn't granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// What the specification says to answer.
    #[error(transparent)]
    Refused(#[from] OAuthError),
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<sojourn_store::StoreError> for TokenError {
    fn from(error: sojourn_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<sojourn_crypto::SealError> for TokenError {
    fn from(error: sojourn_crypto::SealError) -> Self {
        Self::Failed(error.into())
    }
}

/// How often a decision is made again after a conflict.
pub(crate) const TRIES: usize = CONFLICT_RETRIES_MAX;
