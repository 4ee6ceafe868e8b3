//! `/oauth2/token`: the token endpoint.

use axum::body::Bytes;
use http::{StatusCode, header};
use sojourn_engine::sign_in::Credentials;
use sojourn_engine::tokens::PasswordGrant;
use sojourn_oidc::token_request::{self, TokenRequest};

use super::refusal::Answer;
use crate::context::Context;
use crate::oidc::{authenticated_form, binding};
use crate::respond;

/// `POST`: issues tokens for a code, a refresh token or the application's own rights.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (params, app) = authenticated_form(&context, &body).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let answer = match token_request::parse(&params)? {
        TokenRequest::Code { code, redirect_uri, verifier } => {
            let (uri, verifier) = (redirect_uri.as_deref(), verifier.as_deref());
            engine.redeem_code(tenant, &app, &code, uri, verifier).await?
        }
        TokenRequest::Refresh { token, scopes } => {
            let shown = binding::presented(&context).await?;
            engine.refresh(tenant, &app, &token, scopes.as_deref(), &shown).await?
        }
        TokenRequest::Password { username, password, scopes } => {
            let ip = context.arrival.ip.to_string();
            let wanted = PasswordGrant { typed: Credentials { username, password }, scopes, ip };
            engine.password_grant(tenant, &app, &wanted).await?
        }
        TokenRequest::ClientCredentials { scopes } => {
            engine.client_token(tenant, &app, scopes.as_deref()).await?
        }
    };
    let response = respond::json(StatusCode::OK, &answer);
    Ok(respond::with(response, header::PRAGMA, "no-cache"))
}
