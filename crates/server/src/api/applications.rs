//! `/api/server/v1/applications`: applications by administrators. Documents have the names of registered metadata (RFC
//! 7591 §2), and a few that only an organisation decides; docs/ADMINISTRATION.md has them.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use sojourn_engine::directory::application_document;
use sojourn_engine::{Authority, EngineError, Right};
use sojourn_model::{AppId, Application};

use super::caller::caller;
use super::error;
use crate::context::Context;
use crate::respond;

pub(super) const VIEW: Right = Right::ApplicationView;
pub(super) const UPDATE: Right = Right::ApplicationUpdate;
const CREATE: Right = Right::ApplicationCreate;
const DELETE: Right = Right::ApplicationDelete;

pub(super) fn id_of(id: &str) -> Result<AppId, EngineError> {
    id.parse().map_err(|_| EngineError::NotFound("application"))
}

/// Reads a JSON object.
pub(super) fn document(context: &Context, body: &Bytes) -> Result<Map<String, Value>, EngineError> {
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "application/json" && kind != "application/merge-patch+json" {
        return Err(EngineError::Invalid("send application/json".into()));
    }
    crate::api::object::read(body)
        .map_err(|why| EngineError::Invalid(format!("the body is no JSON object: {why}")))
}

fn shown(app: &Application, secret: Option<String>) -> Map<String, Value> {
    let mut document = application_document(app);
    if let Some(secret) = secret {
        document.insert("client_secret".into(), secret.into());
    }
    document
}

pub(super) fn answer(context: &Context, done: Result<Response, EngineError>) -> Response {
    done.unwrap_or_else(|cause| error::failure(context, &cause))
}

/// `GET`: all of them.
pub(crate) async fn list(context: Context) -> Response {
    if let Err(refused) = caller(&context, VIEW).await {
        return *refused;
    }
    let found = context.engine().applications(context.tenant()).await;
    answer(
        &context,
        found.map(|found| {
            let all: Vec<_> = found.iter().map(application_document).collect();
            let body = json!({ "totalResults": all.len(), "applications": all });
            respond::json(StatusCode::OK, &body)
        }),
    )
}

/// `POST`: makes one. Its secret is told this once.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let caller = match caller(&context, CREATE).await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let done = async {
        let document = document(&context, &body)?;
        let engine = context.engine();
        let (app, secret) = engine.create_application(context.tenant(), &document, &caller).await?;
        let location = context.link(&format!("/api/server/v1/applications/{}", app.id));
        let response = respond::json(StatusCode::CREATED, &shown(&app, secret));
        Ok(respond::with(response, header::LOCATION, &location))
    };
    answer(&context, done.await)
}

/// `GET …/{id}`.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Response {
    if let Err(refused) = caller(&context, VIEW).await {
        return *refused;
    }
    let done = async {
        let app = context.engine().application_to_manage(context.tenant(), id_of(&id)?).await?;
        Ok(respond::json(StatusCode::OK, &application_document(&app)))
    };
    answer(&context, done.await)
}

async fn change(context: Context, id: String, body: Bytes, patch: bool) -> Response {
    let caller: Authority = match caller(&context, UPDATE).await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let done = async {
        let document = document(&context, &body)?;
        let (engine, id) = (context.engine(), id_of(&id)?);
        let what = (&document, patch);
        let (app, secret) = engine.change_application(context.tenant(), id, what, &caller).await?;
        Ok(respond::json(StatusCode::OK, &shown(&app, secret)))
    };
    answer(&context, done.await)
}

/// `PUT …/{id}`: replaces it.
pub(crate) async fn put(context: Context, Path(id): Path<String>, body: Bytes) -> Response {
    change(context, id, body, false).await
}

/// `PATCH …/{id}`: changes a part (RFC 7396).
pub(crate) async fn patch(context: Context, Path(id): Path<String>, body: Bytes) -> Response {
    change(context, id, body, true).await
}

/// `DELETE …/{id}`: nothing that it was given works any more, and it is told of the stays that end.
pub(crate) async fn delete(context: Context, Path(id): Path<String>) -> Response {
    let caller = match caller(&context, DELETE).await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let done = async {
        let (engine, id) = (context.engine(), id_of(&id)?);
        engine.remove_application(context.tenant(), id, &caller).await?;
        Ok(respond::empty(StatusCode::NO_CONTENT))
    };
    answer(&context, done.await)
}
