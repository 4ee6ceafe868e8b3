//! `/connect/register` and WSO2's path for the same: applications that register themselves.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use sojourn_engine::RegistrationMode;
use sojourn_engine::directory::RegistrationRefused;
use sojourn_oidc::OAuthError;

use crate::context::Context;
use crate::oidc::bearer;
use crate::respond;

type Answer = Result<Map<String, Value>, RegistrationRefused>;

/// Registers.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    if context.engine().settings().registration == RegistrationMode::Off {
        let why = "applications can not register themselves here";
        let error = OAuthError::new("access_denied", why);
        return respond::json(StatusCode::FORBIDDEN, &error_body(&error));
    }
    let document = match document(&context, &body) {
        Ok(document) => document,
        Err(refused) => return *refused,
    };
    let token = bearer(&context);
    let ip = context.arrival.ip.to_string();
    let registered =
        context.engine().register(context.tenant(), &document, token.as_deref(), &ip).await;
    answer(StatusCode::CREATED, registered)
}

/// Tells what is in force.
pub(crate) async fn get(context: Context, Path(client_id): Path<String>) -> Response {
    let token = bearer(&context);
    let engine = context.engine();
    let read = engine.read_registration(context.tenant(), &client_id, token.as_deref()).await;
    answer(StatusCode::OK, read)
}

/// Replaces it.
pub(crate) async fn put(context: Context, Path(client_id): Path<String>, body: Bytes) -> Response {
    let document = match document(&context, &body) {
        Ok(document) => document,
        Err(refused) => return *refused,
    };
    let token = bearer(&context);
    let engine = context.engine();
    let updated =
        engine.update_registration(context.tenant(), &client_id, &document, token.as_deref()).await;
    answer(StatusCode::OK, updated)
}

/// Removes it.
pub(crate) async fn delete(context: Context, Path(client_id): Path<String>) -> Response {
    let token = bearer(&context);
    let engine = context.engine();
    match engine.remove_registration(context.tenant(), &client_id, token.as_deref()).await {
        Ok(()) => respond::empty(StatusCode::NO_CONTENT),
        Err(refused) => refuse(&refused),
    }
}

fn document(context: &Context, body: &Bytes) -> Result<Map<String, Value>, Box<Response>> {
    let refused = |why: &str| {
        let error = OAuthError::new("invalid_client_metadata", why);
        Box::new(respond::json(StatusCode::BAD_REQUEST, &error_body(&error)))
    };
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(refused("send application/json"));
    }
    serde_json::from_slice(body).map_err(|_| refused("the body is no JSON object"))
}

fn error_body(error: &OAuthError) -> Value {
    json!({ "error": error.code, "error_description": error.description })
}

fn answer(status: StatusCode, answer: Answer) -> Response {
    match answer {
        Ok(metadata) => {
            let response = respond::json(status, &metadata);
            respond::with(response, header::PRAGMA, "no-cache")
        }
        Err(refused) => refuse(&refused),
    }
}

fn refuse(refused: &RegistrationRefused) -> Response {
    match refused {
        RegistrationRefused::InvalidToken => {
            let error =
                OAuthError::new("invalid_token", "the registration is not open to this token");
            let response = respond::json(StatusCode::UNAUTHORIZED, &error_body(&error));
            let challenge = "Bearer realm=\"sojourn\", error=\"invalid_token\"";
            respond::with(response, header::WWW_AUTHENTICATE, challenge)
        }
        RegistrationRefused::Refused(error) => respond::oauth_error(error, false),
        RegistrationRefused::Failed(error) => respond::failure(error),
    }
}
