//! `/api/sessions/v1`: the session service. Errors are problem details (RFC 9457).

pub(crate) mod end;
pub(crate) mod sessions;

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use sojourn_engine::EngineError;
use sojourn_engine::directory::ApiCaller;

use crate::context::Context;
use crate::respond;

/// A problem, in words that say what to do.
pub(super) fn problem(context: &Context, status: StatusCode, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "instance": format!("urn:request:{}", context.arrival.request_id),
    });
    let mut response = respond::json(status, &body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// A failure of ours, or one of the caller's that the engine found.
pub(super) fn failure(context: &Context, cause: &EngineError) -> Response {
    let status = respond::status_of(cause);
    if status.is_server_error() {
        tracing::error!(error = %cause, "session service failed");
        return problem(context, status, "The request could not be served. Try again in a moment.");
    }
    problem(context, status, &cause.to_string())
}

/// Lets in who has all of the rights.
pub(super) async fn caller(context: &Context, rights: &[&str]) -> Result<ApiCaller, Box<Response>> {
    let first = rights.first().copied().unwrap_or("internal_login");
    let refused = |status: StatusCode, from: &Response| {
        let mut response = problem(context, status, "The caller has not the right to do this.");
        for value in from.headers().get_all(header::WWW_AUTHENTICATE) {
            let name: HeaderName = header::WWW_AUTHENTICATE;
            response.headers_mut().append(name, value.clone());
        }
        Box::new(response)
    };
    match super::caller::caller(context, first).await {
        Ok(caller) if rights.iter().all(|right| caller.rights.has(right)) => Ok(caller),
        Ok(_) => Err(Box::new(problem(
            context,
            StatusCode::FORBIDDEN,
            "The caller has not the right to do this.",
        ))),
        Err(response) => Err(refused(response.status(), &response)),
    }
}
