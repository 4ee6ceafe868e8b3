//! A step: adding a second factor where one is demanded.

use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::factors::FactorRefused;
use sojourn_engine::sign_in::SignInError;
use sojourn_oidc::Params;

use super::answer::answer;
use super::enrolment_page;
use super::state::{Page, State, form_of, visit};
use crate::context::Context;
use crate::language::Text;
use crate::web::factors::app::WRONG;
use crate::web::{errors, form, words};

/// Adds the app and continues the sign-in; the recovery codes are shown before the destination.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match form::before_sign_in(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (way, proven) = match State::open(&context, Page::Enrolment, text("state")) {
        Ok(opened) => opened,
        Err(elsewhere) => return *elsewhere,
    };
    let present = match context.session().await {
        Ok(present) => present,
        Err(error) => return errors::failure(&context, &error),
    };
    let name = form_of(&[params.get("state"), params.get("offer"), params.get("code")]);
    let (visit, cookie) = visit(&context, &way, present, Some(name)).await;
    let (engine, tenant) = (context.engine(), context.tenant());
    let shown = (text("offer"), text("code"), text("name"));
    let outcome = engine.sign_in_by_enrolment(tenant, proven.clone(), &visit, shown).await;
    let error: Text = match outcome {
        Err(SignInError::Factor(FactorRefused::Wrong)) => WRONG.into(),
        Err(SignInError::Factor(FactorRefused::Failed(EngineError::Invalid(why)))) => {
            words::sentence(why)
        }
        Err(SignInError::Factor(FactorRefused::Failed(error))) => {
            return errors::failure(&context, &error);
        }
        Err(SignInError::Factor(_)) => return way.ticket.begin_again(&context),
        Ok(signed_in) => {
            // Shown once. New ones can be made in My Account.
            let codes = engine.renew_recovery_codes(tenant, &signed_in.session).await;
            let on = answer(&context, way, Ok(signed_in), cookie, &Params::default()).await;
            return match codes {
                Ok(codes) => enrolment_page::codes(&context, on, codes),
                Err(error) => {
                    tracing::warn!(%error, "no recovery codes after adding a second factor");
                    on
                }
            };
        }
        outcome => return answer(&context, way, outcome, cookie, &Params::default()).await,
    };
    let offer = match engine.offer_at_sign_in(tenant, &proven, Some(text("offer"))).await {
        Ok(offer) => offer,
        Err(SignInError::Failed(error)) => return errors::failure(&context, &error),
        Err(_) => return way.ticket.begin_again(&context),
    };
    let (state, name) = (text("state").to_owned(), text("name").to_owned());
    let status = StatusCode::BAD_REQUEST;
    enrolment_page::show(&context, status, &way, (state, offer), (name, Some(error))).await
}
