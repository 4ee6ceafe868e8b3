//! `/oauth2/userinfo` (OpenID Connect Core 1.0 §5.3, RFC 6750).

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::json;
use sojourn_engine::tokens::{Userinfo, UserinfoRefused};

use crate::context::Context;
use crate::oidc::{bearer, binding};
use crate::{request, respond};

/// The token in the header.
pub(crate) async fn get(context: Context) -> Response {
    let token = bearer(&context);
    answer(&context, token).await
}

/// The token in the header, or in the form; not in both.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let in_header = bearer(&context);
    if body.is_empty() {
        return answer(&context, in_header).await;
    }
    let params = match request::form(&context.headers, &body) {
        Ok(params) => params,
        Err(error) => {
            return refuse(StatusCode::BAD_REQUEST, "invalid_request", &error.to_string());
        }
    };
    let doubled = params.is_double("access_token");
    match (in_header, params.get("access_token")) {
        (Some(_), Some(_)) => {
            let why = "send the token in one way only";
            refuse(StatusCode::BAD_REQUEST, "invalid_request", why)
        }
        _ if doubled => {
            refuse(StatusCode::BAD_REQUEST, "invalid_request", "access_token is given twice")
        }
        (None, Some(token)) => answer(&context, Some(token.to_owned())).await,
        (token, None) => answer(&context, token).await,
    }
}

async fn answer(context: &Context, token: Option<String>) -> Response {
    let Some(token) = token else {
        // RFC 6750 §3.1: without credentials there is no error code.
        let response = respond::empty(StatusCode::UNAUTHORIZED);
        return respond::with(response, header::WWW_AUTHENTICATE, "Bearer realm=\"sojourn\"");
    };
    let presented = match binding::presented(context).await {
        Ok(presented) => presented,
        Err(error) => return respond::failure(&error),
    };
    match context.engine().userinfo(context.tenant(), &token, &presented).await {
        Ok(Userinfo::Json(claims)) => respond::json(StatusCode::OK, &claims),
        Ok(Userinfo::Jwt(token)) => respond::jwt(token),
        Err(UserinfoRefused::InvalidToken) => {
            refuse(StatusCode::UNAUTHORIZED, "invalid_token", "the token is not valid")
        }
        Err(UserinfoRefused::InsufficientScope) => {
            refuse(StatusCode::FORBIDDEN, "insufficient_scope", "the token has no scope openid")
        }
        Err(UserinfoRefused::BindingMissing) => refuse(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Valid token binding value not present in the request.",
        ),
        Err(UserinfoRefused::Failed(error)) => respond::failure(&error),
    }
}

fn refuse(status: StatusCode, code: &str, why: &str) -> Response {
    let response = respond::json(status, &json!({ "error": code, "error_description": why }));
    let challenge =
        format!("Bearer realm=\"sojourn\", error=\"{code}\", error_description=\"{why}\"");
    respond::with(response, header::WWW_AUTHENTICATE, &challenge)
}
