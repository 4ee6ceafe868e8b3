//! Forms of pages that require no sign-in.

use axum::body::Bytes;
use sojourn_oidc::Params;

use crate::context::Context;
use crate::request;
use crate::web::refusal::Refusal;
use crate::web::words;

/// Parses a form that was sent from a page in this browser, each field at most once. Returns a refusal if the form is
/// invalid or not genuine.
pub(crate) fn before_sign_in(context: &Context, body: &Bytes) -> Result<Params, Refusal> {
    let bad = |error: String| Refusal::bad_request(words::message(error));
    let params = request::form(&context.headers, body).map_err(|error| bad(error.to_string()))?;
    params.no_doubles().map_err(|error| bad(error.to_string()))?;
    if !context.genuine_before_sign_in(params.get("csrf")) {
        return Err(Refusal::Forged);
    }
    Ok(params)
}
