//! Error bodies of WSO2's APIs.

use axum::response::Response;
use http::{StatusCode, header};
use serde::Serialize;
use sojourn_engine::EngineError;
use sojourn_engine::directory::ApiRefused;

use crate::context::Context;
use crate::respond;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    trace_id: &'a str,
}

/// Builds the error body for a row of WSO2's error catalogue.
pub(super) fn error(
    context: &Context,
    status: StatusCode,
    code: &str,
    message: &str,
    description: &str,
) -> Response {
    let body = Body { code, message, description, trace_id: &context.arrival.request_id };
    respond::json(status, &body)
}

pub(super) fn unauthenticated(context: &Context) -> Response {
    context.challenged(error(
        context,
        StatusCode::UNAUTHORIZED,
        "UE-10001",
        "Authentication required",
        "Send a valid bearer token or a name and password.",
    ))
}

/// The response to a user name with the correct password, if the account signs in with a second factor.
pub(super) fn second_factor(context: &Context) -> Response {
    context.challenged(error(
        context,
        StatusCode::UNAUTHORIZED,
        "UE-10006",
        "A second factor is needed",
        &format!("{}.", ApiRefused::SecondFactor),
    ))
}

pub(super) fn forbidden(context: &Context) -> Response {
    context.challenged(error(
        context,
        StatusCode::FORBIDDEN,
        "UE-10002",
        "Operation not permitted",
        "The caller doesn't have permission to do this.",
    ))
}

pub(super) fn unknown_user(context: &Context) -> Response {
    error(
        context,
        StatusCode::NOT_FOUND,
        "UMG-10001",
        "Invalid UserID provided.",
        "The provided userId is invalid.",
    )
}

pub(super) fn too_many(context: &Context) -> Response {
    let response = error(
        context,
        StatusCode::TOO_MANY_REQUESTS,
        "UE-10003",
        "Too many attempts",
        "Wait a few minutes before the next attempt.",
    );
    respond::with(response, header::RETRY_AFTER, "300")
}

pub(super) fn failure(context: &Context, cause: &EngineError) -> Response {
    match cause {
        EngineError::Forbidden => forbidden(context),
        EngineError::Invalid(text) => {
            error(context, StatusCode::BAD_REQUEST, "UE-10000", "Invalid Request", text)
        }
        EngineError::Stale => {
            let text = cause.to_string();
            error(
                context,
                StatusCode::PRECONDITION_FAILED,
                "UE-10006",
                "Precondition failed",
                &text,
            )
        }
        EngineError::NotFound(_) => {
            let text = cause.to_string();
            error(context, StatusCode::NOT_FOUND, "UE-10004", "Not found", &text)
        }
        EngineError::Exists(_) | EngineError::Protected(_) => {
            let text = cause.to_string();
            error(context, StatusCode::CONFLICT, "UE-10005", "Exists already", &text)
        }
        _ => {
            tracing::error!(error = %cause, request.id = %context.arrival.request_id, "API failed");
            let status = respond::status_of(cause);
            let description = "Server encountered an error while serving the request.";
            error(context, status, "SE-50000", "Unexpected Processing Error.", description)
        }
    }
}

/// The response to a list or a search with invalid parameters.
pub(super) fn invalid_search(context: &Context, why: &str) -> Response {
    let description = format!("Data validation has failed, {why}.");
    error(context, StatusCode::BAD_REQUEST, "USM-10011", "Invalid data", &description)
}
