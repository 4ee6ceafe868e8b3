//! Style sheet and logo, embedded in the program.

use axum::extract::Path;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use crate::context::Context;
use crate::web::errors;

const STYLE: &str = include_str!("../../assets/style.css");
const LOGO: &str = include_str!("../../assets/logo.svg");

/// One of them.
pub(crate) async fn get(context: Context, Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "logo.svg" => ("image/svg+xml", LOGO),
        _ => return errors::missing(&context, "There is no such file."),
    };
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
