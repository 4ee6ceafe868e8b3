//! `/connect/register` and WSO2's path for the same: dynamic registration of applications.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Map, Value};
use sojourn_engine::RegistrationMode;
use sojourn_oidc::OAuthError;

use super::refusal::{Answer, Refusal};
use crate::context::Context;
use crate::oidc::bearer;
use crate::respond;

/// `POST /connect/register`: registers an application.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    if context.engine().settings().registration == RegistrationMode::Off {
        let why = "applications can not register themselves here";
        let error = OAuthError::new("access_denied", why);
        return Err(Refusal::Registration(StatusCode::FORBIDDEN, error));
    }
    let document = document(&context, &body)?;
    let (token, ip) = (bearer(&context), context.arrival.ip.to_string());
    let engine = context.engine();
    let made = engine.register(context.tenant(), &document, token.as_deref(), &ip).await?;
    Ok(answer(StatusCode::CREATED, &made))
}

/// `GET …/{client_id}`: returns the registered metadata that is in force.
pub(crate) async fn get(context: Context, Path(client_id): Path<String>) -> Answer {
    let (engine, token) = (context.engine(), bearer(&context));
    let read = engine.read_registration(context.tenant(), &client_id, token.as_deref()).await?;
    Ok(answer(StatusCode::OK, &read))
}

/// `PUT …/{client_id}`: replaces the registered metadata.
pub(crate) async fn put(context: Context, Path(client_id): Path<String>, body: Bytes) -> Answer {
    let document = document(&context, &body)?;
    let (engine, token) = (context.engine(), bearer(&context));
    let (tenant, token) = (context.tenant(), token.as_deref());
    let updated = engine.update_registration(tenant, &client_id, &document, token).await?;
    Ok(answer(StatusCode::OK, &updated))
}

/// `DELETE …/{client_id}`: removes the registration.
pub(crate) async fn delete(context: Context, Path(client_id): Path<String>) -> Answer {
    let (engine, token) = (context.engine(), bearer(&context));
    engine.remove_registration(context.tenant(), &client_id, token.as_deref()).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

fn document(context: &Context, body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    let refused = |why: &str| {
        let error = OAuthError::new("invalid_client_metadata", why);
        Refusal::Registration(StatusCode::BAD_REQUEST, error)
    };
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(refused("send application/json"));
    }
    serde_json::from_slice(body).map_err(|_| refused("the body is no JSON object"))
}

fn answer(status: StatusCode, metadata: &Map<String, Value>) -> Response {
    respond::with(respond::json(status, metadata), header::PRAGMA, "no-cache")
}
