//! `/oauth2/introspect`: token introspection (RFC 7662).

use axum::body::Bytes;
use http::StatusCode;
use serde_json::json;
use sojourn_oidc::OAuthError;

use super::refusal::Answer;
use crate::context::Context;
use crate::oidc::authenticated_form;
use crate::respond;

/// `POST`: returns whether a token is valid. Public applications are refused.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (params, app) = authenticated_form(&context, &body).await?;
    if app.is_public() {
        return Err(OAuthError::invalid_client().into());
    }
    let missing = || OAuthError::invalid_request("token is missing");
    let token = params.get("token").ok_or_else(missing)?;
    Ok(match context.engine().introspect(context.tenant(), &app, token).await? {
        Some(active) => respond::json(StatusCode::OK, &active),
        None => respond::json(StatusCode::OK, &json!({ "active": false })),
    })
}
