//! Further origins that may use the passkeys of this server (Web Authentication §5.11).

use http::StatusCode;
use serde_json::json;

use crate::context::Context;
use crate::respond;
use crate::web::refusal::{Answer, Refusal};

/// Serves `GET /.well-known/webauthn`: the list of origins as JSON; 404 if there are no further ones.
pub(crate) async fn get(context: Context) -> Answer {
    let origins = match context.engine().settings().relying_party() {
        Some(rp) if rp.origins.len() > 1 => rp.origins,
        _ => return Err(Refusal::missing("There is no such page.")),
    };
    Ok(respond::json(StatusCode::OK, &json!({ "origins": origins })))
}
