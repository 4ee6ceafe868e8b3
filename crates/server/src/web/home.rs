//! Redirects from entry addresses such as `/` to My Account and the Console.

use axum::response::Response;

use crate::context::Context;
use crate::respond;

/// Serves `GET /` and `GET /dashboard`: redirects to My Account, which is what visitors of the bare address want. Other
/// products call it the dashboard.
pub(crate) async fn get(context: Context) -> Response {
    respond::see_other(&context.link("/myaccount"))
}

/// Serves `GET /carbon`, where administrators of WSO2 look for the Console: redirects to it.
pub(crate) async fn console(context: Context) -> Response {
    respond::see_other(&context.link("/console"))
}
