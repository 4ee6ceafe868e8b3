//! `/oauth2/revoke`: token revocation (RFC 7009).

use axum::body::Bytes;
use http::StatusCode;
use sojourn_oidc::OAuthError;

use super::refusal::Answer;
use crate::context::Context;
use crate::oidc::{authenticated_form, binding};
use crate::respond;

/// `POST`: revokes a token of the calling application.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (params, app) = authenticated_form(&context, &body).await?;
    let missing = || OAuthError::invalid_request("token is missing");
    let token = params.get("token").ok_or_else(missing)?;
    let presented = binding::presented(&context).await?;
    context.engine().revoke(context.tenant(), &app, token, &presented).await?;
    Ok(respond::empty(StatusCode::OK))
}
