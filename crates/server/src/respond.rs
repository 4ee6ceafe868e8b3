//! Answers: JSON, redirects, errors.

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

/// Text for people and probes.
pub(crate) fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    build(status, "text/plain; charset=utf-8", text.into())
}

/// JSON. What our own types can't be turned into JSON doesn't exist.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    build(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

/// JSON that was written before.
pub(crate) fn json_bytes(status: StatusCode, body: bytes::Bytes) -> Response {
    build(status, "application/json", body)
}

/// JSON that is text already.
pub(crate) fn json_text(status: StatusCode, body: String) -> Response {
    build(status, "application/json", body)
}

/// A JWT as a document of its own.
pub(crate) fn jwt(token: String) -> Response {
    build(StatusCode::OK, "application/jwt", token)
}

/// HTML.
pub(crate) fn html(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    build(status, "text/html; charset=utf-8", body)
}

/// An event stream: its first byte is sent at once, and nothing on the way keeps it back.
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

/// No body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The longest address that goes into a header. Proxies allow 4 KiB for all headers of an answer by default, and there are
/// cookies beside it.
const LOCATION_BYTES_MAX: usize = 2_500;

/// A redirect that is followed with GET; to a long address by a page, since proxies refuse long headers.
pub(crate) fn see_other(location: &str) -> Response {
    if location.len() > LOCATION_BYTES_MAX {
        return onward(location);
    }
    let mut response = empty(StatusCode::SEE_OTHER);
    // An address that isn't a header value was refused before; the start page is never wrong.
    let value = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, value);
    response
}

/// A page that leads on by itself, and by a link where the browser doesn't. It may be framed, as a redirect may: silent
/// requests come from frames. It shows where it leads and has no words, so it is in no language (BCP 47 `zxx`).
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

/// Adds a header.
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

/// An OAuth error (RFC 6749 §5.2). `challenged`: the client authenticated by header, and is answered
/// with a challenge.
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

/// The status for a failure of ours.
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

/// A failure of ours at a protocol endpoint: what happened goes to the log, not to the caller.
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
