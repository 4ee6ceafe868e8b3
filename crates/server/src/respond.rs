//! Builders of responses: JSON, redirects, errors.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sojourn_engine::EngineError;
use sojourn_oidc::OAuthError;

fn build(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<axum::body::Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Builds a plain text response, for people and probes.
pub(crate) fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    build(status, "text/plain; charset=utf-8", text.into())
}

/// Builds a JSON response. Serialization of our own types can't fail.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    build(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

/// Builds a JSON response from bytes that were serialized before.
pub(crate) fn json_bytes(status: StatusCode, body: bytes::Bytes) -> Response {
    build(status, "application/json", body)
}

/// Builds a JSON response from text that is already JSON.
pub(crate) fn json_text(status: StatusCode, body: String) -> Response {
    build(status, "application/json", body)
}

/// Builds a response that consists of a JWT (`application/jwt`).
pub(crate) fn jwt(token: String) -> Response {
    build(StatusCode::OK, "application/jwt", token)
}

/// Builds an HTML response.
pub(crate) fn html(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    build(status, "text/html; charset=utf-8", body)
}

/// Builds an event stream. Its first bytes are sent at once, and its headers keep proxies from buffering it.
pub(crate) fn events(
    stream: impl futures_util::Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response {
    let first = futures_util::stream::iter([Ok(Event::default().comment("open"))]);
    let stream = Sse::new(first.chain(stream)).keep_alive(KeepAlive::default());
    let mut response = stream.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Builds a response without a body that must not be cached.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Maximum length in bytes of a URL in a header. By default, proxies allow 4 KiB for all headers of a response, and
/// there are cookies as well.
const LOCATION_BYTES_MAX: usize = 2_500;

/// Builds a redirect that is followed with GET; to a long URL by a page, because proxies refuse long headers.
pub(crate) fn see_other(location: &str) -> Response {
    if location.len() > LOCATION_BYTES_MAX {
        return onward(location);
    }
    let mut response = empty(StatusCode::SEE_OTHER);
    // URLs that aren't a header value were refused before; the start page is always valid.
    let value = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, value);
    response
}

/// Builds a page that redirects by itself, with a link in case the browser doesn't follow. It may be framed, as a
/// redirect may: silent requests come from frames. It shows its target and has no words, so it is in no language (BCP
/// 47 `zxx`).
fn onward(location: &str) -> Response {
    let to = crate::web::filters::escaped(location);
    let host = sojourn_engine::directory::frame_source(location).unwrap_or("…");
    let host = crate::web::filters::escaped(host);
    let page = format!(
        "<!doctype html><html lang=\"zxx\"><head><meta charset=\"utf-8\"><title>{host}</title>\
         <meta http-equiv=\"refresh\" content=\"0;url={to}\"></head>\
         <body><p><a href=\"{to}\">→ {host}</a></p></body></html>"
    );
    let response = html(StatusCode::OK, page);
    with(response, header::CONTENT_SECURITY_POLICY, "default-src 'none'")
}

/// Appends a header; does nothing if the value is invalid.
pub(crate) fn with(mut response: Response, name: header::HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
    response
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// Builds an OAuth error response (RFC 6749 §5.2). `challenged`: the client authenticated by header and gets a
/// challenge.
pub(crate) fn oauth_error(error: &OAuthError, challenged: bool) -> Response {
    let status = match error.code {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "temporarily_unavailable" => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = ErrorBody { error: error.code, error_description: &error.description };
    let response = json(status, &body);
    if error.code == "invalid_client" && challenged {
        with(response, header::WWW_AUTHENTICATE, "Basic realm=\"sojourn\"")
    } else if status == StatusCode::TOO_MANY_REQUESTS {
        with(response, header::RETRY_AFTER, "60")
    } else {
        response
    }
}

/// Returns the HTTP status for an error of the engine.
pub(crate) fn status_of(error: &EngineError) -> StatusCode {
    match error {
        EngineError::Busy | EngineError::Contended | EngineError::Store(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        EngineError::NotFound(_) => StatusCode::NOT_FOUND,
        EngineError::Invalid(_) => StatusCode::BAD_REQUEST,
        EngineError::Exists(_)
        | EngineError::Protected(_)
        | EngineError::SessionBoundTokens
        | EngineError::MoreThanExpected { .. } => StatusCode::CONFLICT,
        EngineError::Stale => StatusCode::PRECONDITION_FAILED,
        EngineError::Forbidden => StatusCode::FORBIDDEN,
        EngineError::Key(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Builds the response to an internal failure at a protocol endpoint: the cause goes to the log, not to the caller.
pub(crate) fn failure(error: &EngineError) -> Response {
    tracing::error!(%error, "request failed");
    let status = status_of(error);
    let code = if status == StatusCode::SERVICE_UNAVAILABLE {
        "temporarily_unavailable"
    } else {
        "server_error"
    };
    let error_description = "the request could not be served: try again in a moment";
    let response = json(status, &ErrorBody { error: code, error_description });
    with(response, header::RETRY_AFTER, "1")
}
