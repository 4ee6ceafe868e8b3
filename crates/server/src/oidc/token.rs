//! `/oauth2/token`.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::sign_in::Credentials;
use sojourn_engine::tokens::{PasswordGrant, TokenError};
use sojourn_oidc::token_request::{self, TokenRequest};

use crate::context::Context;
use crate::oidc::{authenticated_form, binding};
use crate::respond;

/// Gives tokens for a code, a refresh token or the application's own rights.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let (params, app) = match authenticated_form(&context, &body).await {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    let engine = context.engine();
    let tenant = context.tenant();
    let answer = match token_request::parse(&params) {
        Err(error) => Err(TokenError::Refused(error)),
        Ok(TokenRequest::Code { code, redirect_uri, verifier }) => {
            let (uri, verifier) = (redirect_uri.as_deref(), verifier.as_deref());
            engine.redeem_code(tenant, &app, &code, uri, verifier).await
        }
        Ok(TokenRequest::Refresh { token, scopes }) => match binding::presented(&context).await {
            Ok(shown) => engine.refresh(tenant, &app, &token, scopes.as_deref(), &shown).await,
            Err(error) => Err(error.into()),
        },
        Ok(TokenRequest::Password { username, password, scopes }) => {
            let ip = context.arrival.ip.to_string();
            let wanted = PasswordGrant { typed: Credentials { username, password }, scopes, ip };
            engine.password_grant(tenant, &app, &wanted).await
        }
        Ok(TokenRequest::ClientCredentials { scopes }) => {
            engine.client_token(tenant, &app, scopes.as_deref()).await
        }
    };
    match answer {
        Ok(answer) => {
            let response = respond::json(StatusCode::OK, &answer);
            respond::with(response, header::PRAGMA, "no-cache")
        }
        Err(error) => respond::token_error(&error, context.header(header::AUTHORIZATION).is_some()),
    }
}
