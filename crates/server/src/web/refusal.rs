//! Why a page isn't shown. Handlers of pages end in `?`.

use axum::response::{IntoResponse, Response};
use sojourn_engine::{EngineError, StoreError};
use sojourn_oidc::ParamError;
use sojourn_oidc::authorize::RedirectRefused;

use super::errors;
use crate::context::Context;
use crate::language::Text;
use crate::refusal::later;
use crate::request::FormError;
use crate::web::words;

/// What a handler of a page returns.
pub(crate) type Answer = Result<Response, Refusal>;

/// Why a page isn't shown.
pub(crate) enum Refusal {
    /// The engine refused or failed.
    Failed(EngineError),
    /// What was named isn't there; the sentence says so.
    Missing(Text),
    /// The request is wrong, and the person who sees the page can't change it.
    BadRequest(Text),
    /// A form that didn't come from a page of ours, or without what proves that it did.
    Forged,
    /// A page that carries no request any more.
    Incomplete,
    /// Another answer takes the place of the page: the way to the sign-in, or a page that says more.
    Instead(Box<Response>),
}

impl Refusal {
    /// What was named isn't there; `what` is a sentence that says so.
    pub(crate) fn missing(what: impl Into<Text>) -> Self {
        Self::Missing(what.into())
    }

    /// The request is wrong; `what` is a sentence that says how.
    pub(crate) fn bad_request(what: impl Into<Text>) -> Self {
        Self::BadRequest(what.into())
    }

    /// Another answer in the place of the page.
    pub(crate) fn instead(answer: Response) -> Self {
        Self::Instead(Box::new(answer))
    }

    /// The page that says it.
    pub(crate) fn respond(self, context: &Context) -> Response {
        match self {
            Self::Failed(error) => errors::failure(context, &error),
            Self::Missing(what) => errors::missing(context, what),
            Self::BadRequest(what) => errors::bad_request(context, what),
            Self::Forged => errors::forged(context),
            Self::Incomplete => errors::unknown_ticket(context),
            Self::Instead(answer) => *answer,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Instead(answer) => *answer,
            said => later(|context| said.respond(context)),
        }
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
        Self::BadRequest(words::message(error))
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        Self::BadRequest(words::message(error))
    }
}

impl From<RedirectRefused> for Refusal {
    fn from(refused: RedirectRefused) -> Self {
        Self::BadRequest(words::message(refused))
    }
}
