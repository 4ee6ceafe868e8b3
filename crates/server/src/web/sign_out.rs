//! The sign-out button of our own pages.

use axum::body::Bytes;
use axum::response::Response;
use sojourn_model::{Actor, EndReason, Session};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::request;
use crate::web::signed_out::{ended, nobody};
use crate::web::{errors, words};

/// A form of a page for the signed in, with the session that sent it. Whoever isn't signed in any more is
/// told that they are signed out.
pub(crate) async fn signed_in_form(
    context: &Context,
    body: &Bytes,
) -> Result<(Session, Params), Box<Response>> {
    let params = request::form(&context.headers, body)
        .map_err(|error| errors::bad_request(context, words::message(&error)))?;
    let session = match context.session().await {
        Ok(Some(session)) => session,
        Ok(None) => return Err(Box::new(nobody(context))),
        Err(error) => return Err(Box::new(errors::failure(context, &error))),
    };
    if context.genuine(&session, params.get("csrf")) {
        Ok((session, params))
    } else {
        Err(Box::new(errors::forged(context)))
    }
}

/// Ends this browser's session.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let (session, _) = match signed_in_form(&context, &body).await {
        Ok(form) => form,
        Err(answered) => return *answered,
    };
    let actor = Actor::User(session.user);
    match context.engine().sign_out(context.tenant(), &session, EndReason::User, actor).await {
        Ok(told) => ended(&context, Some(&session), None, told).await,
        Err(error) => errors::failure(&context, &error),
    }
}
