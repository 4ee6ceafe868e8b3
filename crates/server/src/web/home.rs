//! `/`.

use axum::response::Response;

use crate::context::Context;
use crate::respond;

/// People who come to the server itself want their account; `/dashboard` is what it is called elsewhere.
pub(crate) async fn get(context: Context) -> Response {
    respond::see_other(&context.link("/myaccount"))
}

/// Where administrators of WSO2 look for it.
pub(crate) async fn console(context: Context) -> Response {
    respond::see_other(&context.link("/console"))
}
