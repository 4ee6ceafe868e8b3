//! A step: the second factor.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::sign_in::{Shown, SignInError, Visit};
use sojourn_model::{Level, Session};
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use super::answer::answer;
use super::second_factor_page;
use super::state::{Page, State, Way, form_of, key_proof, visit};
use crate::context::Context;
use crate::web::ticket::Opened;
use crate::web::{errors, form, words};
use crate::{request, respond};

const WRONG: &str =
    "The code is not right, or was used already. Wait for the next one, then type it.";
const WRONG_KEY: &str = "The key was not accepted. Try again, or use another way.";
const TOO_MANY: &str = "Too many attempts. Wait five minutes, then try again.";

/// Asks someone who is signed in already for the second factor, because what a ticket leads back to demands it.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    let params = match request::query(uri.query()) {
        Ok(params) => params,
        Err(error) => return errors::bad_request(&context, words::message(&error)),
    };
    let opened = params.get("ticket").and_then(|text| Opened::of(&context, text));
    let Some(ticket) = opened.map(Opened::ticket) else {
        return errors::unknown_ticket(&context);
    };
    let session = match context.session().await {
        Ok(Some(session)) if !session.sign_in_due => session,
        Ok(_) => {
            let text = ticket.seal(&context).unwrap_or_default();
            return respond::see_other(&with_query(&context.link("/login"), &[("ticket", &text)]));
        }
        Err(error) => return errors::failure(&context, &error),
    };
    match context.engine().proven_in(context.tenant(), &session).await {
        Ok(proven) => {
            let (remember, raises) = (session.remember, Some(session.id));
            let least = Level::parse(&ticket.least).unwrap_or(Level::Two);
            let way = Way { ticket, remember, raises };
            second_factor_page::ask(&context, &way, proven, least).await
        }
        Err(error) => errors::failure(&context, &error),
    }
}

/// Checks the code, and goes on with the sign-in.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match form::before_sign_in(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (way, proven) = match State::open(&context, Page::SecondFactor, text("state")) {
        Ok(opened) => opened,
        Err(elsewhere) => return *elsewhere,
    };
    let present = match context.session().await {
        Ok(present) => present,
        Err(error) => return errors::failure(&context, &error),
    };
    // What was proven in a session serves to raise its level, as long as it is good for anything.
    let good = |session: &Session| Some(session.id) == way.raises && !session.sign_in_due;
    if way.raises.is_some() && !present.as_ref().is_some_and(good) {
        return way.ticket.begin_again(&context);
    }
    let name = form_of(&[params.get("state"), params.get("code"), params.get("credential")]);
    let (visit, cookie) = visit(&context, &way, present, Some(name)).await;
    let visit = Visit { trusts: params.get("trust").is_some(), ..visit };
    let (engine, tenant) = (context.engine(), context.tenant());
    let (user, credential) = (proven.user, params.get("credential").filter(|it| !it.is_empty()));
    let shown = match credential {
        Some(credential) => Shown::Key(key_proof(&context, text("state"), credential)),
        None => Shown::Code(text("code")),
    };
    let outcome = engine.sign_in_with_second_factor(tenant, proven, &visit, shown).await;
    let (status, error) = match &outcome {
        Err(SignInError::WrongKey) => (StatusCode::UNAUTHORIZED, WRONG_KEY),
        Err(SignInError::WrongCode) => (StatusCode::UNAUTHORIZED, WRONG),
        Err(SignInError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        _ => return answer(&context, way, outcome, cookie, &Params::default()).await,
    };
    context.state.metrics.sign_in("wrong_code");
    let (state, error) = (text("state").to_owned(), Some(error.into()));
    second_factor_page::show(&context, status, (&way, user), state, error).await
}
