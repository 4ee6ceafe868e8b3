//! `/`.

use axum::response::Response;

use crate::context::Context;
use crate::respond;

/// People who come to the server itself want their account.
pub(crate) async fn get(context: Context) -> Response {
    respond::see_other(&context.link("/myaccount"))
}
