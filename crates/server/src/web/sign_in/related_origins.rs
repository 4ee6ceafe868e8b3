//! Which further origins may use the passkeys of this one (Web Authentication §5.11).

use http::StatusCode;
use serde_json::json;

use crate::context::Context;
use crate::respond;
use crate::web::refusal::{Answer, Refusal};

/// Lists them; nothing where there are none.
pub(crate) async fn get(context: Context) -> Answer {
    let origins = match context.engine().settings().relying_party() {
        Some(rp) if rp.origins.len() > 1 => rp.origins,
        _ => return Err(Refusal::missing("There is no such page.")),
    };
    Ok(respond::json(StatusCode::OK, &json!({ "origins": origins })))
}
