//! `/api/server/v1/applications`: administration of applications. Documents use the names of registered metadata (RFC
//! 7591 §2), and a few that only an organisation sets; docs/ADMINISTRATION.md lists them.

use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use sojourn_engine::directory::application_document;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{AppId, Application};

use super::caller::caller;
use super::refusal::Answer;
use crate::context::Context;
use crate::respond;

pub(super) const VIEW: Right = Right::ApplicationView;
pub(super) const UPDATE: Right = Right::ApplicationUpdate;
const CREATE: Right = Right::ApplicationCreate;
const DELETE: Right = Right::ApplicationDelete;

pub(super) fn id_of(id: &str) -> Result<AppId, EngineError> {
    id.parse().map_err(|_| EngineError::NotFound("application"))
}

/// Parses a body as a JSON object. The media type must be `application/json` or `application/merge-patch+json`.
pub(super) fn document(context: &Context, body: &Bytes) -> Result<Map<String, Value>, EngineError> {
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "application/json" && kind != "application/merge-patch+json" {
        return Err(EngineError::Invalid("send application/json".into()));
    }
    crate::api::object::read(body)
        .map_err(|why| EngineError::Invalid(format!("the body is not a JSON object: {why}")))
}

fn shown(app: &Application, secret: Option<String>) -> Map<String, Value> {
    let mut document = application_document(app);
    if let Some(secret) = secret {
        document.insert("client_secret".into(), secret.into());
    }
    document
}

/// `GET`: lists all applications of the tenant.
pub(crate) async fn list(context: Context) -> Answer {
    caller(&context, VIEW).await?;
    let found = context.engine().applications(context.tenant()).await?;
    let all: Vec<_> = found.iter().map(application_document).collect();
    let body = json!({ "totalResults": all.len(), "applications": all });
    Ok(respond::json(StatusCode::OK, &body))
}

/// `POST`: creates an application. Its secret is shown only in this response.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let caller = caller(&context, CREATE).await?;
    let document = document(&context, &body)?;
    let engine = context.engine();
    let (app, secret) = engine.create_application(context.tenant(), &document, &caller).await?;
    let location = context.link(&format!("/api/server/v1/applications/{}", app.id));
    let response = respond::json(StatusCode::CREATED, &shown(&app, secret));
    Ok(respond::with(response, header::LOCATION, &location))
}

/// `GET …/{id}`: returns one application, without its secret.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    caller(&context, VIEW).await?;
    let app = context.engine().application_to_manage(context.tenant(), id_of(&id)?).await?;
    Ok(respond::json(StatusCode::OK, &application_document(&app)))
}

async fn change(context: Context, id: String, body: Bytes, patch: bool) -> Answer {
    let caller = caller(&context, UPDATE).await?;
    let document = document(&context, &body)?;
    let (engine, id) = (context.engine(), id_of(&id)?);
    let what = (&document, patch);
    let (app, secret) = engine.change_application(context.tenant(), id, what, &caller).await?;
    Ok(respond::json(StatusCode::OK, &shown(&app, secret)))
}

/// `PUT …/{id}`: replaces the metadata of an application.
pub(crate) async fn put(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    change(context, id, body, false).await
}

/// `PATCH …/{id}`: changes part of an application, with a JSON Merge Patch (RFC 7396).
pub(crate) async fn patch(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    change(context, id, body, true).await
}

/// `DELETE …/{id}`: removes an application. Everything that was issued to it stops working, and it is notified of the
/// stays that end.
pub(crate) async fn delete(context: Context, Path(id): Path<String>) -> Answer {
    let caller = caller(&context, DELETE).await?;
    let (engine, id) = (context.engine(), id_of(&id)?);
    engine.remove_application(context.tenant(), id, &caller).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
