//! Why a request to one of WSO2's APIs isn't served. Handlers end in `?`.

use axum::response::{IntoResponse, Response};
use sojourn_engine::directory::ApiRefused;
use sojourn_engine::{EngineError, StoreError};
use sojourn_oidc::ParamError;

use super::error;
use crate::context::Context;
use crate::refusal::later;

/// What a handler returns.
pub(crate) type Answer = Result<Response, Refusal>;

/// Why a request isn't served.
pub(crate) enum Refusal {
    /// The caller isn't let in.
    Denied(ApiRefused),
    /// The engine refused or failed.
    Failed(EngineError),
    /// The path names no user of the tenant.
    UnknownUser,
    /// A list or a search with parameters that don't fit; the text says which.
    InvalidSearch(String),
    /// No more than a status: WSO2 says nothing else here.
    Bare(http::StatusCode),
}

impl Refusal {
    /// The error of the catalogue.
    fn respond(self, context: &Context) -> Response {
        match self {
            Self::Denied(ApiRefused::Unauthenticated) => error::unauthenticated(context),
            Self::Denied(ApiRefused::SecondFactor) => error::second_factor(context),
            Self::Denied(ApiRefused::TooMany) => error::too_many(context),
            Self::Denied(ApiRefused::Failed(cause)) | Self::Failed(cause) => {
                error::failure(context, &cause)
            }
            Self::UnknownUser => error::unknown_user(context),
            Self::InvalidSearch(why) => error::invalid_search(context, &why),
            Self::Bare(status) => context.challenged(crate::respond::empty(status)),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        later(|context| self.respond(context))
    }
}

impl From<ApiRefused> for Refusal {
    fn from(refused: ApiRefused) -> Self {
        Self::Denied(refused)
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ParamError> for Refusal {
    fn from(error: ParamError) -> Self {
        Self::Failed(EngineError::Invalid(error.to_string()))
    }
}
