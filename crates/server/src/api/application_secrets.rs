//! `/api/server/v1/applications/{id}/secrets`: the client secrets of an application. Times are in seconds since 1970,
//! as in registered metadata (RFC 7591 §3.2.1).

use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use sojourn_engine::EngineError;
use sojourn_engine::directory::SecretInfo;
use sojourn_model::Millis;
use sojourn_model::limits::SECRET_OVERLAP_MS;

use super::applications::{UPDATE, VIEW, document, id_of};
use super::caller::caller;
use super::refusal::Answer;
use crate::context::Context;
use crate::respond;

fn shown(secret: &SecretInfo) -> serde_json::Value {
    json!({
        "ends_with": secret.ends_with,
        "last_used_at": secret.last_used_at.map(Millis::seconds),
        "valid_until": secret.valid_until.map(Millis::seconds),
    })
}

/// Returns the application version that the request requires (`If-Match`, RFC 9110 §13.1.1), so that a request that is
/// sent twice creates only one secret. An unknown entity tag matches no version.
fn if_match(context: &Context) -> Option<i64> {
    let tag = context.header(header::IF_MATCH)?.trim();
    let number = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    (tag != "*").then(|| number.and_then(|text| text.parse().ok()).unwrap_or(-1))
}

/// `GET …/secrets`: lists the valid secrets by their last characters, the current one first. The entity tag is for
/// `If-Match`.
pub(crate) async fn list(context: Context, Path(id): Path<String>) -> Answer {
    caller(&context, VIEW).await?;
    let engine = context.engine();
    let app = engine.application_to_manage(context.tenant(), id_of(&id)?).await?;
    let secrets = engine.application_secrets(&app).await?;
    let secrets: Vec<_> = secrets.iter().map(shown).collect();
    let response = respond::json(StatusCode::OK, &json!({ "secrets": secrets }));
    Ok(respond::with(response, header::ETAG, &format!("\"{}\"", app.version)))
}

/// Optional body of `POST …/secret`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    /// Seconds for which the previous secret stays valid; defaults to a day.
    previous_valid_for: Option<i64>,
}

/// `POST …/secret`: creates a new secret, shown only once. The previous one stays valid for a day, or for `previous_valid_for`
/// seconds.
pub(crate) async fn rotate(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let caller = caller(&context, UPDATE).await?;
    let wanted: Wanted = if body.is_empty() {
        Wanted::default()
    } else {
        let document = document(&context, &body)?;
        serde_json::from_value(document.into())
            .map_err(|why| EngineError::Invalid(why.to_string()))?
    };
    let overlap =
        wanted.previous_valid_for.map_or(SECRET_OVERLAP_MS, |seconds| seconds.saturating_mul(1000));
    let (engine, id) = (context.engine(), id_of(&id)?);
    let how = (overlap, if_match(&context));
    let new = engine.rotate_application_secret(context.tenant(), id, how, &caller).await?;
    let body = json!({
        "client_secret": new.secret,
        "previous_valid_until": new.previous_until.map(Millis::seconds),
    });
    Ok(respond::json(StatusCode::OK, &body))
}

/// `DELETE …/secrets/previous`: revokes the previous secret.
pub(crate) async fn drop_previous(context: Context, Path(id): Path<String>) -> Answer {
    let caller = caller(&context, UPDATE).await?;
    let (engine, id) = (context.engine(), id_of(&id)?);
    engine.drop_previous_secret(context.tenant(), (id, if_match(&context)), &caller).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
