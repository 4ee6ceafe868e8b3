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
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use sojourn_engine::{Authority, EngineError, Right, Who};
use sojourn_model::UserId;

use self::types::ProblemJson;
use crate::api::object::Object;
use crate::context::Context;
use crate::respond;

/// Why a request isn't served.
pub(super) enum Refusal {
    /// The request is wrong; the text says what to do.
    Problem(StatusCode, String),
    /// The engine found something, or failed.
    Failed(EngineError),
    /// Answered already: nobody signed in, or too many attempts.
    Answered(Box<Response>),
}

impl From<EngineError> for Refusal {
    fn from(cause: EngineError) -> Self {
        Self::Failed(cause)
    }
}

impl Refusal {
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::Problem(StatusCode::BAD_REQUEST, detail.into())
    }

    pub(super) fn respond(self, context: &Context) -> Response {
        match self {
            Self::Problem(status, detail) => problem(context, status, &detail),
            Self::Failed(cause) => {
                let status = respond::status_of(&cause);
                if status.is_server_error() {
                    tracing::error!(error = %cause, "session service failed");
                    let detail = "The request could not be served. Try again in a moment.";
                    return problem(context, status, detail);
                }
                problem(context, status, &cause.to_string())
            }
            Self::Answered(response) => *response,
        }
    }
}

/// A problem, in words that say what to do.
fn problem(context: &Context, status: StatusCode, detail: &str) -> Response {
    let response = described(status, detail, &context.arrival.request_id);
    if status == StatusCode::FORBIDDEN { context.challenged(response) } else { response }
}

/// Nothing is there, for a reason.
pub(crate) fn not_found(why: &str, request_id: &str) -> Response {
    described(StatusCode::NOT_FOUND, why, request_id)
}

/// A problem (RFC 9457).
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

/// Lets in who has all of the rights.
pub(super) async fn caller(context: &Context, rights: &[Right]) -> Result<Authority, Refusal> {
    const MAY_NOT: &str = "The caller has not the right to do this.";
    let first = rights.first().copied().unwrap_or(Right::Login);
    match super::caller::caller(context, first).await {
        Ok(caller) if rights.iter().all(|right| caller.may(*right)) => Ok(caller),
        Ok(_) => Err(Refusal::Problem(StatusCode::FORBIDDEN, MAY_NOT.into())),
        Err(answered) => {
            let detail = match answered.status() {
                StatusCode::UNAUTHORIZED => "Send a token or a name and a password.",
                StatusCode::TOO_MANY_REQUESTS => "Too many attempts. Try again later.",
                StatusCode::FORBIDDEN => MAY_NOT,
                _ => "The request could not be served. Try again in a moment.",
            };
            let mut response = problem(context, answered.status(), detail);
            // What a refusal of rights says is there already.
            if answered.status() == StatusCode::UNAUTHORIZED {
                for value in answered.headers().get_all(header::WWW_AUTHENTICATE) {
                    response.headers_mut().append(header::WWW_AUTHENTICATE, value.clone());
                }
            }
            Err(Refusal::Answered(Box::new(response)))
        }
    }
}

/// Lets in a person, for what is their own.
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

/// Reads a body of JSON.
pub(super) fn body<T: DeserializeOwned>(context: &Context, body: &Bytes) -> Result<T, Refusal> {
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::bad("Send application/json."));
    }
    let read = crate::api::object::read::<Object<T>>(body);
    read.map(|object| object.0).map_err(Refusal::bad)
}
