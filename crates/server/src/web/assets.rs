//! Style sheet, scripts and logo, embedded in the program.

use axum::extract::Path;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use crate::context::Context;
use crate::web::errors;

const STYLE: &str = include_str!("../../assets/style.css");
const LOGO: &str = include_str!("../../assets/logo.svg");
const SCRIPT: &str = "text/javascript; charset=utf-8";
const FORM_POST: &str = include_str!("../../assets/form_post.js");
const CHECK_SESSION: &str = include_str!("../../assets/check_session.js");
const LIVE: &str = include_str!("../../assets/live.js");
const SIGNED_OUT: &str = include_str!("../../assets/signed_out.js");

/// One of them.
pub(crate) async fn get(context: Context, Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "logo.svg" => ("image/svg+xml", LOGO),
        "form_post.js" => (SCRIPT, FORM_POST),
        "check_session.js" => (SCRIPT, CHECK_SESSION),
        "live.js" => (SCRIPT, LIVE),
        "signed_out.js" => (SCRIPT, SIGNED_OUT),
        _ => return errors::missing(&context, "There is no such file."),
    };
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
