//! Forms of pages that nobody needs to be signed in for.

use axum::body::Bytes;
use axum::response::Response;
use sojourn_oidc::Params;

use crate::context::Context;
use crate::request;
use crate::web::{errors, words};

/// The fields of a form that was sent from a page of this browser, each at most once; or the answer that refuses it.
pub(crate) fn before_sign_in(context: &Context, body: &Bytes) -> Result<Params, Box<Response>> {
    let bad = |error: String| Box::new(errors::bad_request(context, words::message(error)));
    let params = request::form(&context.headers, body).map_err(|error| bad(error.to_string()))?;
    params.no_doubles().map_err(|error| bad(error.to_string()))?;
    if !context.genuine_before_sign_in(params.get("csrf")) {
        return Err(Box::new(errors::forged(context)));
    }
    Ok(params)
}
