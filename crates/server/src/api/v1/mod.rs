//! `/api/sessions/v1`: the session service. Errors are problem details (RFC 9457).

mod bounds;
pub(crate) mod deliveries;
mod effects;
pub(crate) mod end;
pub(crate) mod feed;
pub(crate) mod handlers;
pub(crate) mod jobs;
pub(crate) mod openapi;
pub(crate) mod policies;
mod prefer;
pub(crate) mod sessions;
pub(crate) mod streams;
pub(crate) mod types;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use sojourn_engine::directory::ApiRefused;
use sojourn_engine::{Authority, EngineError, Right, StoreError, Who};
use sojourn_model::UserId;
use sojourn_oidc::ParamError;

use self::types::ProblemJson;
use crate::api::object::Object;
use crate::context::Context;
use crate::refusal::later;
use crate::respond;

/// The result of a handler: a response, or a refusal that becomes a problem document.
pub(super) type Answer = Result<Response, Refusal>;

/// The reason why a request isn't served. Handlers return it with `?`.
pub(crate) enum Refusal {
    /// The request is invalid; the text says what to do.
    Problem(StatusCode, String),
    /// The engine refused the request or failed.
    Failed(EngineError),
    /// The caller could not be authenticated.
    Denied(ApiRefused),
}

impl From<EngineError> for Refusal {
    fn from(cause: EngineError) -> Self {
        Self::Failed(cause)
    }
}

impl From<StoreError> for Refusal {
    fn from(cause: StoreError) -> Self {
        Self::Failed(cause.into())
    }
}

impl From<ParamError> for Refusal {
    fn from(error: ParamError) -> Self {
        Self::bad(error.to_string())
    }
}

impl Refusal {
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::Problem(StatusCode::BAD_REQUEST, detail.into())
    }

    fn respond(self, context: &Context) -> Response {
        const LATER: &str = "The request could not be served. Try again in a moment.";
        match self {
            Self::Problem(status, detail) => problem(context, status, &detail),
            Self::Denied(ApiRefused::Unauthenticated) => {
                let detail = "Send a bearer token, or a login name and a password.";
                problem(context, StatusCode::UNAUTHORIZED, detail)
            }
            Self::Denied(refused @ ApiRefused::SecondFactor) => {
                problem(context, StatusCode::UNAUTHORIZED, &format!("{refused}."))
            }
            Self::Denied(ApiRefused::TooMany) => {
                let detail = "Too many attempts. Try again later.";
                let response = problem(context, StatusCode::TOO_MANY_REQUESTS, detail);
                respond::with(response, header::RETRY_AFTER, "300")
            }
            Self::Denied(ApiRefused::Failed(cause)) | Self::Failed(cause) => {
                let status = respond::status_of(&cause);
                if status.is_server_error() {
                    tracing::error!(error = %cause, request.id = %context.arrival.request_id, "session service failed");
                    return problem(context, status, LATER);
                }
                problem(context, status, &cause.to_string())
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        later(|context| self.respond(context))
    }
}

/// Builds a problem response with an authentication challenge; `detail` says what to do.
fn problem(context: &Context, status: StatusCode, detail: &str) -> Response {
    context.challenged(described(status, detail, &context.arrival.request_id))
}

/// Builds a 404 problem response with the reason.
pub(crate) fn not_found(why: &str, request_id: &str) -> Response {
    described(StatusCode::NOT_FOUND, why, request_id)
}

/// Builds a problem response (RFC 9457) with the request's id as `instance`.
fn described(status: StatusCode, detail: &str, request_id: &str) -> Response {
    let body = ProblemJson {
        r#type: "about:blank".into(),
        title: status.canonical_reason().unwrap_or_default().into(),
        status: status.as_u16(),
        detail: detail.to_owned(),
        instance: format!("urn:request:{request_id}"),
    };
    let mut response = respond::json(status, &body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// Authenticates the caller; fails if it lacks one of the rights.
pub(super) async fn caller(context: &Context, rights: &[Right]) -> Result<Authority, Refusal> {
    let caller = crate::caller::authenticated(context).await.map_err(Refusal::Denied)?;
    if rights.iter().all(|right| caller.may(*right)) {
        return Ok(caller);
    }
    let detail = "The caller doesn't have permission to do this.";
    Err(Refusal::Problem(StatusCode::FORBIDDEN, detail.into()))
}

/// Authenticates a user who accesses their own data; applications are refused.
pub(super) async fn own(context: &Context) -> Result<(Authority, UserId), Refusal> {
    let caller = caller(context, &[Right::Login]).await?;
    match caller.who() {
        Who::User(user, _) => Ok((caller, user)),
        Who::Application(_) | Who::Operator | Who::System => {
            let detail = "An application has no sessions of its own.";
            Err(Refusal::Problem(StatusCode::FORBIDDEN, detail.into()))
        }
    }
}

/// Parses a JSON body. The media type must be `application/json`.
pub(super) fn body<T: DeserializeOwned>(context: &Context, body: &Bytes) -> Result<T, Refusal> {
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::bad("Send application/json."));
    }
    let read = crate::api::object::read::<Object<T>>(body);
    read.map(|object| object.0).map_err(Refusal::bad)
}
