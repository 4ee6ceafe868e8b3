//! Refusals of requests to WSO2's APIs. Handlers return them with `?`.

use axum::response::{IntoResponse, Response};
use sojourn_engine::directory::ApiRefused;
use sojourn_engine::{EngineError, StoreError};
use sojourn_oidc::ParamError;

use super::error;
use crate::context::Context;
use crate::refusal::later;

/// The result of a handler: a response, or a refusal that becomes an error body.
pub(crate) type Answer = Result<Response, Refusal>;

/// The reason why a request isn't served.
pub(crate) enum Refusal {
    /// The caller could not be authenticated.
    Denied(ApiRefused),
    /// The engine refused the request or failed.
    Failed(EngineError),
    /// The path names no user of the tenant.
    UnknownUser,
    /// A list or search parameter is invalid; the text says which one.
    InvalidSearch(String),
    /// A status without a body: WSO2 returns nothing else here.
    Bare(http::StatusCode),
}

impl Refusal {
    /// Converts the refusal to a response with an error of WSO2's catalogue.
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
