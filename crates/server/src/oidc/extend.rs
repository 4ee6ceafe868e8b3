//! WSO2's session extender: an application keeps a user's session alive while the user works there.

use axum::body::Bytes;
use axum::response::Response;
use http::{HeaderName, StatusCode, Uri};
use serde_json::json;
use sojourn_engine::session::{ExtendOutcome, ExtendRequest};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::{request, respond};

/// `GET`: extends a session, found by the session key of an ID token (`isk`), by the browser's session, or by both.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    match request::query(uri.query()) {
        Ok(params) => extend(context, &params).await,
        Err(error) => refuse(&context, StatusCode::BAD_REQUEST, "ISE-60001", &error.to_string()),
    }
}

/// `POST`: extends a session, with the key in the query or in a form.
pub(crate) async fn post(context: Context, uri: Uri, body: Bytes) -> Response {
    if body.is_empty() {
        return get(context, uri).await;
    }
    match request::form(&context.headers, &body) {
        Ok(params) if params.get("idpSessionKey").is_some() => extend(context, &params).await,
        Ok(_) => {
            let why = "The form has no idpSessionKey.";
            refuse(&context, StatusCode::BAD_REQUEST, "ISE-60001", why)
        }
        Err(error) => refuse(&context, StatusCode::BAD_REQUEST, "ISE-60001", &error.to_string()),
    }
}

async fn extend(context: Context, params: &Params) -> Response {
    if params.is_double("idpSessionKey") {
        let why = "idpSessionKey is given more than once.";
        return refuse(&context, StatusCode::BAD_REQUEST, "ISE-60001", why);
    }
    let key = params.get("idpSessionKey").map(str::to_owned);
    if key.is_none() && context.is_from_another_site() {
        let why = "From another site, send idpSessionKey.";
        return refuse(&context, StatusCode::BAD_REQUEST, "ISE-60001", why);
    }
    let session = match context.session().await {
        Ok(session) => session,
        Err(error) => return respond::failure(&error),
    };
    let asked = ExtendRequest { key, session, cookie: context.has_session_cookie() };
    match context.engine().extend_session(context.tenant(), asked).await {
        Ok(ExtendOutcome::Extended) => {
            let response = respond::empty(StatusCode::OK);
            let name = HeaderName::from_static("trace-id");
            respond::with(response, name, &context.arrival.request_id)
        }
        Ok(ExtendOutcome::Missing) => {
            let why = "Send idpSessionKey or the session cookie.";
            refuse(&context, StatusCode::BAD_REQUEST, "ISE-60001", why)
        }
        Ok(ExtendOutcome::Unknown) => {
            let why = "There is no such session, or it has ended.";
            refuse(&context, StatusCode::BAD_REQUEST, "ISE-60004", why)
        }
        Ok(ExtendOutcome::Disagree) => {
            let why = "The cookie and idpSessionKey name different sessions.";
            refuse(&context, StatusCode::CONFLICT, "ISE-60005", why)
        }
        Err(error) => respond::failure(&error),
    }
}

fn refuse(context: &Context, status: StatusCode, code: &str, why: &str) -> Response {
    let body = json!({
        "code": code,
        "message": "The session was not extended.",
        "description": why,
        "traceId": &*context.arrival.request_id,
    });
    respond::json(status, &body)
}
