//! Reasons why a page isn't shown. Page handlers return them with `?`.

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

/// The result of a page handler: a response, or the reason why the page isn't shown.
pub(crate) type Answer = Result<Response, Refusal>;

/// The reason why a page isn't shown, from which the response is created.
pub(crate) enum Refusal {
    /// The engine refused the request or failed.
    Failed(EngineError),
    /// The named object doesn't exist; the text is a sentence that says so.
    Missing(Text),
    /// The request is invalid, and the user who sees the page can't correct it.
    BadRequest(Text),
    /// A form doesn't come from a page of this server or has no valid CSRF token.
    Forged,
    /// A page was opened without a valid ticket for the request that it belongs to.
    Incomplete,
    /// Another response replaces the page: a redirect to the sign-in page, or a more specific page.
    Instead(Box<Response>),
}

impl Refusal {
    /// Creates a refusal for a named object that doesn't exist; `what` is a sentence that says so.
    pub(crate) fn missing(what: impl Into<Text>) -> Self {
        Self::Missing(what.into())
    }

    /// Creates a refusal for an invalid request; `what` is a sentence that explains the error.
    pub(crate) fn bad_request(what: impl Into<Text>) -> Self {
        Self::BadRequest(what.into())
    }

    /// Creates a refusal that replaces the page with another response.
    pub(crate) fn instead(answer: Response) -> Self {
        Self::Instead(Box::new(answer))
    }

    /// Renders the error page for this refusal.
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
