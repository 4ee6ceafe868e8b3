//! A step: ending sessions, so that one more may begin.

use axum::body::Bytes;
use axum::response::Response;
use sojourn_engine::sign_in::SignInError;
use sojourn_model::SessionId;
use sojourn_oidc::Params;

use super::answer::{answer, next};
use super::state::{Page, State, form_of, visit};
use crate::context::Context;
use crate::request;
use crate::web::{errors, words};

/// Ends the chosen sessions and signs in, both in one transaction.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match request::form(&context.headers, &body) {
        Ok(params) => params,
        Err(error) => return errors::bad_request(&context, words::message(&error)),
    };
    if !context.genuine_before_sign_in(params.get("csrf")) {
        return errors::forged(&context);
    }
    let choice = params.get("choice");
    let (way, proven) = match State::open(&context, Page::Sessions, choice.unwrap_or_default()) {
        Ok(opened) => opened,
        Err(elsewhere) => return *elsewhere,
    };
    let ends: Vec<SessionId> = params.all("end").filter_map(|id| id.parse().ok()).collect();
    let present = match context.session().await {
        Ok(present) => present,
        Err(error) => return errors::failure(&context, &error),
    };
    let (visit, cookie) = visit(&context, &way, present, Some(form_of(&[choice]))).await;
    let (engine, tenant) = (context.engine(), context.tenant());
    match engine.sign_in_after_choice(tenant, proven, &visit, &ends).await {
        Err(SignInError::Needs(pending)) => next(&context, &way, *pending, true).await,
        outcome => answer(&context, way, outcome, cookie, &Params::default()).await,
    }
}
