//! A step: the second factor, in a sign-in or to raise the level of a session.

use axum::body::Bytes;
use http::{StatusCode, Uri};
use sojourn_engine::sign_in::{Shown, SignInError, Visit};
use sojourn_model::{Level, Session};
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use super::answer::answer;
use super::second_factor_page;
use super::state::{Page, State, Way, form_of, key_proof, visit};
use crate::context::Context;
use crate::ticket::Opened;
use crate::web::form;
use crate::web::refusal::{Answer, Refusal};
use crate::{request, respond};

const WRONG: &str =
    "The code is wrong or has already been used. Wait for the next code and enter it.";
const WRONG_KEY: &str = "The key was not accepted. Try again, or use another way.";
const TOO_MANY: &str = "Too many attempts. Wait five minutes, then try again.";

/// Serves `GET /login/factor`: asks a user who is signed in already for the second factor, because the destination of
/// the ticket requires it.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let params = request::query(uri.query())?;
    let opened = params.get("ticket").and_then(|text| Opened::of(&context, text));
    let ticket = opened.map(Opened::ticket).ok_or(Refusal::Incomplete)?;
    let session = match context.session().await? {
        Some(session) if !session.sign_in_due => session,
        _ => {
            let text = ticket.seal(&context).unwrap_or_default();
            return Ok(respond::see_other(&with_query(
                &context.link("/login"),
                &[("ticket", &text)],
            )));
        }
    };
    let proven = context.engine().proven_in(context.tenant(), &session).await?;
    let (remember, raises) = (session.remember, Some(session.id));
    let least = Level::parse(&ticket.least).unwrap_or(Level::Two);
    let way = Way { ticket, remember, raises };
    second_factor_page::ask(&context, &way, proven, least).await
}

/// Serves `POST /login/factor`: verifies the code or the key, and continues the sign-in.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (way, proven) = State::open(&context, Page::SecondFactor, text("state"))?;
    let present = context.session().await?;
    // Proofs of a session can only raise the level of that session, and only while it can be used.
    let good = |session: &Session| Some(session.id) == way.raises && !session.sign_in_due;
    if way.raises.is_some() && !present.as_ref().is_some_and(good) {
        return Ok(way.ticket.begin_again(&context));
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
