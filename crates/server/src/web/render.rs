//! From a template to an answer with its content security policy.

use askama::Template;
use axum::response::Response;
use http::{HeaderName, StatusCode, header};

use crate::respond;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

fn rendered(status: StatusCode, page: &impl Template, policy: &str) -> Response {
    match page.render() {
        Ok(body) => {
            let response = respond::html(status, body);
            let response = respond::with(response, header::CONTENT_SECURITY_POLICY, policy);
            respond::with(response, HeaderName::from_static("x-frame-options"), "DENY")
        }
        Err(error) => {
            tracing::error!(%error, "a page can't be rendered");
            respond::plain(StatusCode::INTERNAL_SERVER_ERROR, "The page can't be shown.")
        }
    }
}

/// A page whose forms stay here.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Response {
    rendered(status, page, &format!("{POLICY}; form-action 'self'"))
}

/// A page with a form whose answer leads to an application: browsers apply `form-action` to the
/// redirects after a form as well, and would stop them.
pub(crate) fn form_page(status: StatusCode, page: &impl Template) -> Response {
    rendered(status, page, POLICY)
}
