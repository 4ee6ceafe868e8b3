//! From a template to an answer with its content security policy.

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

/// A page whose forms stay here.
pub(crate) fn page(context: &Context, status: StatusCode, page: &impl Template) -> Response {
    rendered(context, status, page, &format!("{POLICY}; form-action 'self'"))
}

/// The same with a script of ours.
pub(crate) fn own_script_page(
    context: &Context,
    status: StatusCode,
    page: &impl Template,
) -> Response {
    rendered(context, status, page, &format!("{POLICY}; form-action 'self'; script-src 'self'"))
}

/// A page with a form whose answer leads to an application: browsers apply `form-action` to the
/// redirects after a form as well, and would stop them.
pub(crate) fn form_page(context: &Context, status: StatusCode, page: &impl Template) -> Response {
    rendered(context, status, page, POLICY)
}

/// A page with the logo of an application, whose form leads there.
pub(crate) fn face_page(
    context: &Context,
    status: StatusCode,
    page: &impl Template,
    logo: Option<&str>,
) -> Response {
    rendered(context, status, page, &with_logo(logo))
}

/// The same with a script of ours, which asks the browser for a key or shows what was typed.
pub(crate) fn script_form_page(
    context: &Context,
    status: StatusCode,
    page: &impl Template,
    logo: Option<&str>,
) -> Response {
    rendered(context, status, page, &format!("{}; script-src 'self'", with_logo(logo)))
}

/// The policy of a page that shows a logo from elsewhere.
fn with_logo(logo: Option<&str>) -> String {
    // The logo's origin alone, and only what can stand in a policy.
    let source = logo.and_then(|uri| {
        let (scheme, rest) = uri.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        (scheme == "https" && host.chars().all(plain)).then(|| format!(" https://{host}"))
    });
    POLICY.replace("img-src 'self'", &format!("img-src 'self'{}", source.unwrap_or_default()))
}

/// A page with a script of ours, and perhaps frames of the given sources. Its form leads to an application.
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

/// A page that hears of what happens while it is open.
pub(crate) fn live_page(context: &Context, status: StatusCode, page: &impl Template) -> Response {
    let more = "; form-action 'self'; script-src 'self'; connect-src 'self'";
    rendered(context, status, page, &format!("{POLICY}{more}"))
}

/// A page that a page of ours holds in a frame, and whose form leads to an application.
pub(crate) fn own_frame(context: &Context, page: &impl Template) -> Response {
    let policy = POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'");
    let policy = format!("{policy}; script-src 'self'");
    let mut response = rendered(context, StatusCode::OK, page, &policy);
    let headers = response.headers_mut();
    headers.insert("x-frame-options", http::HeaderValue::from_static("SAMEORIGIN"));
    response
}

/// A page that others hold in a frame.
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
