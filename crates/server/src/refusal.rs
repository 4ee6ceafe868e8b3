//! Refusals that render themselves. A handler returns one with `?`; once the request is at hand, the interface that it
//! belongs to (pages, the session service, SCIM, WSO2's paths) renders it in its own form.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use http::{Method, header};

use crate::context::Context;

/// Renders the response of a refusal.
type Say = Box<dyn FnOnce(&Context) -> Response + Send>;

/// Extension of a response that is still to be rendered.
#[derive(Clone)]
struct Unsaid(Arc<Mutex<Option<Say>>>);

/// Returns a response that [`said`] renders later: a refusal doesn't know its request (language, address, id), on which
/// its content depends.
pub(crate) fn later(say: impl FnOnce(&Context) -> Response + Send + 'static) -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Unsaid(Arc::new(Mutex::new(Some(Box::new(say))))));
    response
}

/// Returns the response to a request: the handler's, or the rendered refusal.
pub(crate) fn said(context: &Context, mut response: Response) -> Response {
    let Some(Unsaid(say)) = response.extensions_mut().remove::<Unsaid>() else { return response };
    let say = say.lock().unwrap_or_else(PoisonError::into_inner).take();
    match say {
        Some(say) => {
            let mut written = say(context);
            // Extensions that the router added stay with the response.
            written.extensions_mut().extend(std::mem::take(response.extensions_mut()));
            if context.method == Method::HEAD { without_body(written) } else { written }
        }
        None => response,
    }
}

/// Removes the body from the response to a HEAD request and keeps its length (RFC 9110 §9.3.2). The router does that for
/// what handlers return; over HTTP/2 nobody else would.
fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    Response::from_parts(head, Body::empty())
}
