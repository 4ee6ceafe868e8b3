//! The response to a step: a redirect to the destination, the page of the next step, or an error message.

use http::{StatusCode, header};
use sojourn_engine::sign_in::{Pending, SignInError, SignedIn, Step};
use sojourn_engine::sign_up::SignedUp;
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use super::state::{Way, visit};
use super::{
    enrolment_page, login_page, new_password_page, passkey_offer, second_factor_page, sessions_page,
};
use crate::context::Context;
use crate::language::say;
use crate::oidc::session_state;
use crate::respond;
use crate::ticket::{Done, Ticket};
use crate::web::refusal::Answer;
use crate::web::words;

const WRONG: &str = "The login name or password is incorrect. Check both and try again.";
const TOO_MANY: &str = "Too many attempts. Wait five minutes, then try again.";
const INTERRUPTED: &str = "Your account was changed while you signed in. Please sign in again.";
const PASSWORD_DUE: &str = "This password is no longer valid. Choose a new one under “Forgotten your password?”, or ask your administrator.";
const NO_PASSKEY: &str =
    "Your organisation doesn't allow passkeys here. Sign in with your password.";
const BUSY: &str = "Many people are signing in right now. Try again in a moment.";

/// Responds to the outcome of a step. An error is shown on the sign-in page, with the fields in `params`.
pub(super) async fn answer(
    context: &Context,
    way: Way,
    outcome: Result<SignedIn, SignInError>,
    browser_cookie: Option<String>,
    params: &Params,
) -> Answer {
    match outcome {
        Ok(signed_in) => finish(context, way, &signed_in, browser_cookie).await,
        Err(SignInError::Needs(pending)) => next(context, &way, *pending, false).await,
        Err(refused) => refuse(context, params, refused).await,
    }
}

/// Shows the page of the next step; `again` means that the user has tried it and that it wasn't sufficient.
pub(super) async fn next(context: &Context, way: &Way, pending: Pending, again: bool) -> Answer {
    let Pending { proven, step } = pending;
    match step {
        Step::SecondFactor { least } => {
            context.state.metrics.sign_in("second_factor");
            second_factor_page::ask(context, way, proven, least).await
        }
        Step::Enrolment { least } => {
            context.state.metrics.sign_in("enrolment");
            enrolment_page::ask(context, way, proven, least).await
        }
        Step::NewPassword => {
            context.state.metrics.sign_in("password_due");
            Ok(new_password_page::demand(context, way, proven))
        }
        Step::EndSessions { live, max } => {
            context.state.metrics.sign_in("limited");
            Ok(sessions_page::show(context, way, proven, (&live, max), again))
        }
    }
}

/// Shows the sign-in page again with an error message.
async fn refuse(context: &Context, params: &Params, refused: SignInError) -> Answer {
    let (status, message, counted) = match refused {
        SignInError::Wrong
        | SignInError::WrongCode
        | SignInError::WrongKey
        | SignInError::UnknownKey => (StatusCode::UNAUTHORIZED, WRONG.into(), "wrong"),
        SignInError::TooMany => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY.into(), "throttled"),
        SignInError::TooManySessions { max } => {
            let sessions = words::count(max as u64, words::Noun::Session);
            let text = say(
                "You already have {0}, which is the maximum. Sign out in another browser, then try again.",
                [sessions],
            );
            (StatusCode::FORBIDDEN, text, "limited")
        }
        SignInError::PasswordDue => (StatusCode::FORBIDDEN, PASSWORD_DUE.into(), "password_due"),
        SignInError::Waiting { until } => {
            (StatusCode::FORBIDDEN, words::waiting(until), "recovering")
        }
        SignInError::PasskeyNotAllowed => (StatusCode::FORBIDDEN, NO_PASSKEY.into(), "not_allowed"),
        SignInError::Interrupted | SignInError::Needs(_) | SignInError::Factor(_) => {
            (StatusCode::CONFLICT, INTERRUPTED.into(), "interrupted")
        }
        SignInError::Failed(sojourn_engine::EngineError::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, BUSY.into(), "busy")
        }
        SignInError::Failed(error) => return Err(error.into()),
    };
    context.state.metrics.sign_in(counted);
    login_page::show(context, params, status, Some(message)).await
}

/// Sets the session cookie and redirects a signed-in user to the destination.
async fn finish(
    context: &Context,
    Way { mut ticket, raises, .. }: Way,
    signed_in: &SignedIn,
    browser_cookie: Option<String>,
) -> Answer {
    context.state.metrics.sign_in("success");
    let cookie = context.session_cookie(&signed_in.secret, &signed_in.session);
    let done = ticket.done.in_session(signed_in.session.id);
    // Raising the level isn't a new sign-in.
    ticket.done = Done { signed_in: done.signed_in || raises.is_none(), ..done };
    let to = match raises {
        // The session has started, so a failure here must not hide it behind an error page.
        None => match passkey_offer::way_on(context, &ticket, &signed_in.session).await {
            Ok(way) => way,
            Err(error) => {
                tracing::warn!(%error, "no passkey was offered");
                ticket.location(context)
            }
        },
        Some(_) => ticket.location(context),
    };
    let response = respond::see_other(&to);
    let mut response = respond::with(response, header::SET_COOKIE, &cookie);
    if let Some(cookie) = browser_cookie {
        response = respond::with(response, header::SET_COOKIE, &cookie);
    }
    Ok(session_state::with_cookie(context, Some(&signed_in.session), response))
}

/// Starts the first session of an account that was just created, or leads to a step that is missing for it. Recovery
/// codes are shown first.
pub(in crate::web) async fn begin_after_sign_up(
    context: &Context,
    ticket: Ticket,
    SignedUp { proven, codes, .. }: SignedUp,
) -> Answer {
    context.state.metrics.sign_in("signed_up");
    let present = context.session().await?;
    let text = ticket.seal(context).unwrap_or_default();
    let again = with_query(&context.link("/login"), &[("ticket", &text)]);
    let query = again.split_once('?').map_or("", |(_, query)| query);
    let params = Params::parse(query.as_bytes()).unwrap_or_default();
    let way = Way { ticket, remember: false, raises: None };
    let (visit, cookie) = visit(context, &way, present, None).await;
    let begun = context.engine().sign_in_after_choice(context.tenant(), proven, &visit, &[]).await;
    let on = answer(context, way, begun, cookie, &params).await;
    if codes.is_empty() {
        return on;
    }
    // The account exists even if its first session doesn't, and the codes can't be shown later.
    let on = match on {
        Ok(on) if on.headers().contains_key(header::LOCATION) => on,
        _ => respond::see_other(&again),
    };
    Ok(enrolment_page::codes(context, on, codes))
}
