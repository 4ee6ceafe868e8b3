//! `/oauth2/revoke` (RFC 7009).

use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_oidc::OAuthError;

use crate::context::Context;
use crate::oidc::{authenticated_form, binding};
use crate::respond;

/// Revokes a token of the calling application.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let (params, app) = match authenticated_form(&context, &body).await {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let Some(token) = params.get("token") else {
        return respond::oauth_error(&OAuthError::invalid_request("token is missing"), false);
    };
    let presented = match binding::presented(&context).await {
        Ok(presented) => presented,
        Err(error) => return respond::failure(&error),
    };
    match context.engine().revoke(context.tenant(), &app, token, &presented).await {
        Ok(()) => respond::empty(StatusCode::OK),
        Err(error) => respond::token_error(&error, false),
    }
}
