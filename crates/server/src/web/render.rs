//! Renders templates to responses with a content security policy.

use askama::Template;
use axum::response::Response;
use http::{HeaderName, StatusCode, header};

use crate::context::Context;
use crate::respond;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

fn rendered(context: &Context, status: StatusCode, page: &impl Template, policy: &str) -> Response {
    match page.render_with_values(&context.around()) {
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

/// Renders a page without scripts; its forms lead only to this server.
pub(crate) fn page(context: &Context, status: StatusCode, page: &impl Template) -> Response {
    rendered(context, status, page, &format!("{POLICY}; form-action 'self'"))
}

/// The same as [`page`], with scripts from this server.
pub(crate) fn own_script_page(
    context: &Context,
    status: StatusCode,
    page: &impl Template,
) -> Response {
    rendered(context, status, page, &format!("{POLICY}; form-action 'self'; script-src 'self'"))
}

/// Renders a page with a form that finally leads to an application. The policy has no `form-action`, because browsers
/// also apply it to the redirects after a form and would block them.
pub(crate) fn form_page(context: &Context, status: StatusCode, page: &impl Template) -> Response {
    rendered(context, status, page, POLICY)
}

/// Renders a page with the logo of an application, to which its form leads.
pub(crate) fn face_page(
    context: &Context,
    status: StatusCode,
    page: &impl Template,
    logo: Option<&str>,
) -> Response {
    rendered(context, status, page, &with_logo(logo))
}

/// The same as [`face_page`], with scripts from this server, which ask the browser for a key or reveal a typed
/// password.
pub(crate) fn script_form_page(
    context: &Context,
    status: StatusCode,
    page: &impl Template,
    logo: Option<&str>,
) -> Response {
    rendered(context, status, page, &format!("{}; script-src 'self'", with_logo(logo)))
}

/// Returns the policy of a page that shows a logo from another origin.
fn with_logo(logo: Option<&str>) -> String {
    // Only the logo's origin is added, and only if all its characters are safe within a policy.
    let source = logo.and_then(|uri| {
        let (scheme, rest) = uri.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        (scheme == "https" && host.chars().all(plain)).then(|| format!(" https://{host}"))
    });
    POLICY.replace("img-src 'self'", &format!("img-src 'self'{}", source.unwrap_or_default()))
}

/// Renders a page with scripts from this server and frames from the sources in `frames`, which may be empty. Its form
/// leads to an application.
pub(crate) fn script_page(
    context: &Context,
    status: StatusCode,
    page: &impl Template,
    frames: &str,
) -> Response {
    let frames = if frames.is_empty() { String::new() } else { format!("; frame-src {frames}") };
    rendered(
        context,
        status,
        page,
        &format!("{POLICY}; script-src 'self'; connect-src 'self'{frames}"),
    )
}

/// Renders a page that receives events while it is open.
pub(crate) fn live_page(context: &Context, status: StatusCode, page: &impl Template) -> Response {
    let more = "; form-action 'self'; script-src 'self'; connect-src 'self'";
    rendered(context, status, page, &format!("{POLICY}{more}"))
}

/// Renders a page that pages of this server embed in a frame, and that has a form which leads to an application.
pub(crate) fn own_frame(context: &Context, page: &impl Template) -> Response {
    let policy = POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'");
    let policy = format!("{policy}; script-src 'self'");
    let mut response = rendered(context, StatusCode::OK, page, &policy);
    let headers = response.headers_mut();
    headers.insert("x-frame-options", http::HeaderValue::from_static("SAMEORIGIN"));
    response
}

/// Renders a page that any site can embed in a frame.
pub(crate) fn frame(context: &Context, page: &impl Template) -> Response {
    const POLICY: &str =
        "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'";
    match page.render_with_values(&context.around()) {
        Ok(body) => {
            let response = respond::html(StatusCode::OK, body);
            respond::with(response, header::CONTENT_SECURITY_POLICY, POLICY)
        }
        Err(error) => {
            tracing::error!(%error, "a frame can't be rendered");
            respond::plain(StatusCode::INTERNAL_SERVER_ERROR, "The frame can't be shown.")
        }
    }
}
