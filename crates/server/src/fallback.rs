//! Answers where no route answers: unknown tenants, paths and methods, in the format of the path.

use axum::response::Response;
use http::StatusCode;

use crate::context::Context;
use crate::respond;
use crate::web::errors::page;
use crate::web::refusal::{Answer, Refusal};

fn wants_json(path: &str) -> bool {
    ["/api/", "/oauth2/", "/scim2/"].iter().any(|prefix| path.starts_with(prefix))
}

/// The 404 response for an unknown tenant, in the format of the requested path: SCIM, session API, JSON or plain text.
pub(crate) fn no_such_tenant(path: &str, request_id: &str) -> Response {
    const TEXT: &str = "There is no such tenant.";
    let status = StatusCode::NOT_FOUND;
    if path.starts_with("/scim2") {
        return crate::scim::not_found(TEXT);
    }
    if path.starts_with("/api/sessions/v1") {
        return crate::api::v1::not_found(TEXT, request_id);
    }
    if wants_json(path) || path.starts_with("/.well-known/") || path.starts_with("/connect/") {
        let body = serde_json::json!({ "error": "not_found", "error_description": TEXT });
        return respond::json(status, &body);
    }
    respond::plain(status, TEXT)
}

/// The 404 response for an unknown path, in the format of that path: SCIM, session API, JSON or a page.
pub(crate) async fn not_found(context: Context, uri: http::Uri) -> Answer {
    if uri.path().starts_with("/scim2") {
        return Ok(crate::scim::no_such_path());
    }
    if uri.path().starts_with("/api/sessions/v1") {
        return Ok(crate::api::v1::not_found(
            "There is no such path.",
            &context.arrival.request_id,
        ));
    }
    if wants_json(uri.path()) {
        let body = serde_json::json!({ "error": "not_found", "error_description": "no such path" });
        return Ok(respond::json(StatusCode::NOT_FOUND, &body));
    }
    Err(Refusal::missing("There is no page at this address."))
}

/// The 405 response for an unsupported method, in the format of the path; the router adds `Allow`.
pub(crate) async fn method_not_allowed(context: Context, uri: http::Uri) -> Response {
    if uri.path().starts_with("/scim2") {
        return crate::scim::no_such_method();
    }
    if wants_json(uri.path()) {
        let body = serde_json::json!({
            "error": "method_not_allowed",
            "error_description": "the path has other methods: see the header Allow",
        });
        return respond::json(StatusCode::METHOD_NOT_ALLOWED, &body);
    }
    let title = "This address doesn't support this request";
    page(&context, StatusCode::METHOD_NOT_ALLOWED, title, "Go back and try again.")
}
