//! A step: adding a second factor if one is required.

use axum::body::Bytes;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::factors::{FactorRefused, NewKey};
use sojourn_engine::sign_in::{Adding, SignInError};
use sojourn_oidc::Params;

use super::answer::answer;
use super::enrolment_page;
use super::state::{Page, State, form_of, visit};
use crate::context::Context;
use crate::language::Text;
use crate::web::factors::app::WRONG;
use crate::web::factors::key::WRONG as WRONG_KEY;
use crate::web::refusal::Answer;
use crate::web::{form, words};

/// Serves `POST /login/enrol`: adds the factor and continues the sign-in; the recovery codes are shown before the
/// destination.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (way, proven) = State::open(&context, Page::Enrolment, text("state"))?;
    let present = context.session().await?;
    let name = form_of(&["state", "offer", "code", "credential"].map(|field| params.get(field)));
    let (visit, cookie) = visit(&context, &way, present, Some(name)).await;
    let (engine, tenant) = (context.engine(), context.tenant());
    let (sealed, name) = (text("offer"), text("name"));
    let adding = match params.get("credential").filter(|credential| !credential.is_empty()) {
        Some(credential) => {
            let user_agent = context.user_agent();
            Adding::Key(NewKey { sealed, credential, name, user_agent })
        }
        None => Adding::App { offer: sealed, code: text("code"), name },
    };
    let outcome = engine.sign_in_by_enrolment(tenant, proven.clone(), &visit, adding).await;
    let error: Text = match outcome {
        Err(SignInError::Factor(FactorRefused::Wrong)) => match adding {
            Adding::App { .. } => WRONG.into(),
            Adding::Key(_) => WRONG_KEY.into(),
        },
        Err(SignInError::Factor(FactorRefused::Failed(EngineError::Invalid(why)))) => {
            words::sentence(why)
        }
        Err(SignInError::Factor(FactorRefused::Failed(error))) => {
            return Err(error.into());
        }
        Err(SignInError::Factor(_)) => return Ok(way.ticket.begin_again(&context)),
        Ok(signed_in) => {
            // The codes are shown once. The user can create new ones in My Account.
            let codes = engine.recovery_codes_after_enrolment(tenant, &signed_in.session).await;
            let on = answer(&context, way, Ok(signed_in), cookie, &Params::default()).await?;
            return match codes {
                Ok(codes) => Ok(enrolment_page::codes(&context, on, codes)),
                Err(error) => {
                    tracing::warn!(%error, "no recovery codes after adding a second factor");
                    Ok(on)
                }
            };
        }
        outcome => return answer(&context, way, outcome, cookie, &Params::default()).await,
    };
    let same = matches!(adding, Adding::App { .. }).then_some(sealed);
    let offers = match enrolment_page::offer(&context, (&proven, &way.ticket), same).await {
        Ok(offers) => offers,
        Err(SignInError::Failed(error)) => return Err(error.into()),
        Err(_) => return Ok(way.ticket.begin_again(&context)),
    };
    let (state, name) = (text("state").to_owned(), name.to_owned());
    let status = StatusCode::BAD_REQUEST;
    Ok(enrolment_page::show(&context, status, &way, (state, offers), (name, Some(error))).await)
}
