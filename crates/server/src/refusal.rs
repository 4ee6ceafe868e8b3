//! Refusals that answer themselves. A handler ends in `?`: it says what is wrong, and the face that it belongs to (pages,
//! the session service, SCIM, WSO2's paths) says it in its own form, once the request is at hand.

use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Response;

use crate::context::Context;

/// Writes the answer of a refusal.
type Say = Box<dyn FnOnce(&Context) -> Response + Send>;

/// Travels with an answer that is still to be written.
#[derive(Clone)]
struct Unsaid(Arc<Mutex<Option<Say>>>);

/// An answer that [`said`] writes: a refusal doesn't know its request (language, address, id), which what it says
/// depends on.
pub(crate) fn later(say: impl FnOnce(&Context) -> Response + Send + 'static) -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Unsaid(Arc::new(Mutex::new(Some(Box::new(say))))));
    response
}

/// The answer to a request: what a handler made, or what its refusal says.
pub(crate) fn said(context: &Context, mut response: Response) -> Response {
    let Some(Unsaid(say)) = response.extensions_mut().remove::<Unsaid>() else { return response };
    let say = say.lock().unwrap_or_else(PoisonError::into_inner).take();
    match say {
        Some(say) => {
            let mut written = say(context);
            // What the router noted stays with the answer.
            written.extensions_mut().extend(std::mem::take(response.extensions_mut()));
            written
        }
        None => response,
    }
}
