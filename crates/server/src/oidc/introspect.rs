//! `/oauth2/introspect` (RFC 7662).

use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use sojourn_oidc::OAuthError;

use crate::context::Context;
use crate::oidc::authenticated_form;
use crate::respond;

/// Says whether a token is valid, to those who may know.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let (params, app) = match authenticated_form(&context, &body).await {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    if app.is_public() {
        return respond::oauth_error(&OAuthError::invalid_client(), false);
    }
    let Some(token) = params.get("token") else {
        return respond::oauth_error(&OAuthError::invalid_request("token is missing"), false);
    };
    match context.engine().introspect(context.tenant(), &app, token).await {
        Ok(Some(active)) => respond::json(StatusCode::OK, &active),
        Ok(None) => respond::json(StatusCode::OK, &json!({ "active": false })),
        Err(error) => respond::failure(&error),
    }
}
