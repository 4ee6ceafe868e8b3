//! The sign-out button of our own pages.

use axum::body::Bytes;
use axum::response::Response;
use http::header;
use sojourn_model::{Actor, EndReason};

use crate::context::Context;
use crate::oidc::logout::signed_out;
use crate::web::errors;
use crate::{request, respond};

/// Ends this browser's session.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match request::form(&context.headers, &body) {
        Ok(params) => params,
        Err(error) => return errors::bad_request(&context, &error.to_string()),
    };
    let session = match context.session().await {
        Ok(Some(session)) => session,
        Ok(None) => return signed_out(&context),
        Err(error) => return errors::failure(&context, &error),
    };
    if !context.genuine(&session, params.get("csrf")) {
        return errors::forged(&context);
    }
    let actor = Actor::User(session.user);
    match context.engine().sign_out(context.tenant(), &session, EndReason::User, actor).await {
        Ok(()) => {
            let cookie = context.no_session_cookie();
            respond::with(signed_out(&context), header::SET_COOKIE, &cookie)
        }
        Err(error) => errors::failure(&context, &error),
    }
}
