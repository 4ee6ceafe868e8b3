//! Grants and tokens: authorization, exchange, refresh, validation and revocation.

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

/// Reasons why a token request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// An error response that the specification defines.
    #[error(transparent)]
    Refused(#[from] OAuthError),
    /// The use case failed.
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

/// Maximum number of attempts at a decision after conflicts.
pub(crate) const TRIES: usize = CONFLICT_RETRIES_MAX;
