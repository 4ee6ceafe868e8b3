//! Which further origins may use the passkeys of this one (Web Authentication §5.11).

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::context::Context;
use crate::respond;
use crate::web::errors;

/// Lists them; nothing where there are none.
pub(crate) async fn get(context: Context) -> Response {
    let origins = match context.engine().settings().relying_party() {
        Some(rp) if rp.origins.len() > 1 => rp.origins,
        _ => return errors::missing(&context, "There is no such page."),
    };
    respond::json(StatusCode::OK, &json!({ "origins": origins }))
}
