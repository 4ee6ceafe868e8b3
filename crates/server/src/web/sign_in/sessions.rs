//! A step: ending sessions, so that a new one can start.

use axum::body::Bytes;
use sojourn_engine::sign_in::SignInError;
use sojourn_model::SessionId;
use sojourn_oidc::Params;

use super::answer::{answer, next};
use super::state::{Page, State, form_of, visit};
use crate::context::Context;
use crate::request;
use crate::web::refusal::{Answer, Refusal};

/// Serves `POST /login/sessions`: ends the selected sessions and signs in, both in one transaction.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = request::form(&context.headers, &body)?;
    if !context.genuine_before_sign_in(params.get("csrf")) {
        return Err(Refusal::Forged);
    }
    let choice = params.get("choice");
    let (way, proven) = State::open(&context, Page::Sessions, choice.unwrap_or_default())?;
    let ends: Vec<SessionId> = params.all("end").filter_map(|id| id.parse().ok()).collect();
    let present = context.session().await?;
    let (visit, cookie) = visit(&context, &way, present, Some(form_of(&[choice]))).await;
    let (engine, tenant) = (context.engine(), context.tenant());
    match engine.sign_in_after_choice(tenant, proven, &visit, &ends).await {
        Err(SignInError::Needs(pending)) => next(&context, &way, *pending, true).await,
        outcome => answer(&context, way, outcome, cookie, &Params::default()).await,
    }
}
