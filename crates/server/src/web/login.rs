//! The sign-in page.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::session::{SignIn, SignInError, SignedIn};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::{Text, say};
use crate::oidc::session_state;
use crate::web::pages::Login;
use crate::web::ticket::{Done, Opened, Ticket};
use crate::web::{consent, errors, new_password, render, sessions, words};
use crate::{request, respond};

const WRONG: &str = "The name or the password is not right. Check both and try again.";
const TOO_MANY: &str = "Too many attempts. Wait five minutes, then try again.";
const INTERRUPTED: &str = "Your account was changed while you signed in. Please sign in again.";
const PASSWORD_DUE: &str = "This password may not be used any more. Choose a new one as if you had forgotten it, \
                            or ask your administrator.";
const EXPIRED: &str = "This page was open for too long. Please sign in again.";
/// A parameter of the page that asks for another person than the one who is here.
const OTHER: &str = "other";
const BUSY: &str = "Many people are signing in right now. Try again in a moment.";

/// Shows it.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    match request::query(uri.query()) {
        Ok(params) => match goes_on(&context, &params).await {
            Some(elsewhere) => elsewhere,
            None => show(&context, &params, StatusCode::OK, None).await,
        },
        Err(error) => errors::bad_request(&context, words::message(&error)),
    }
}

/// Somebody signed in since the page was asked for, in another tab perhaps: the request goes on, and what it needs is
/// looked at again.
async fn goes_on(context: &Context, params: &Params) -> Option<Response> {
    if params.get(OTHER).is_some() {
        return None;
    }
    let ticket = Opened::of(context, params.get("ticket")?)?.ticket();
    let session = context.session().await.ok()??;
    (ticket.before != Some(session.id)).then(|| respond::see_other(&ticket.location(context)))
}

/// Where the person goes after signing in.
fn destination(context: &Context, params: &Params) -> Option<Ticket> {
    match params.get("ticket") {
        None => Some(Ticket::to(context, "/myaccount")),
        // A page that was open for too long: the same request, from its beginning.
        Some(text) => Opened::of(context, text).map(Opened::ticket),
    }
}

async fn show(
    context: &Context,
    params: &Params,
    status: StatusCode,
    error: Option<Text>,
) -> Response {
    let Some(ticket) = destination(context, params) else {
        return errors::unknown_ticket(context);
    };
    let present = match context.session().await {
        Ok(Some(session)) => {
            let user = context.engine().reads().user(context.tenant().id, session.user).await;
            user.ok().flatten().map(|user| user.username)
        }
        Ok(None) => None,
        Err(error) => return errors::failure(context, &error),
    };
    let (secret, cookie) = context.form_secret();
    let hint = ticket.hint.clone().or_else(|| present.clone()).unwrap_or_default();
    let app = consent::app_of_ticket(context, &ticket).await;
    let asked = app.as_ref().map(|app| app.id);
    let remember = match context.engine().asks_to_remember(context.tenant(), asked).await {
        Ok(asks) => asks.then(|| params.get("remember").is_some()),
        Err(error) => return errors::failure(context, &error),
    };
    let app = app.as_deref().map(consent::face);
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let page = u64::from_ne_bytes(sojourn_model::time::random(context.engine().rng()));
    let ticket = Ticket { page, ..ticket };
    let page = Login {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        ticket: ticket.seal(context).unwrap_or_default(),
        username: params.get("username").map_or(hint, str::to_owned),
        error,
        present,
        app,
        forgot: context.engine().settings().resets_by_mail,
        remember,
    };
    let response = render::face_page(context, status, &page, logo.as_deref());
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Checks name and password.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match request::form(&context.headers, &body) {
        Ok(params) => params,
        Err(error) => return errors::bad_request(&context, words::message(&error)),
    };
    if let Err(error) = params.no_doubles() {
        return errors::bad_request(&context, words::message(&error));
    }
    if !context.genuine_before_sign_in(params.get("csrf")) {
        let why = context.why_not_genuine().unwrap_or_else(|| EXPIRED.into());
        return show(&context, &params, StatusCode::FORBIDDEN, Some(why)).await;
    }
    let Some(ticket) = destination(&context, &params) else {
        return show(&context, &params, StatusCode::BAD_REQUEST, None).await;
    };
    let present = match context.session().await {
        Ok(present) => present,
        Err(error) => return errors::failure(&context, &error),
    };
    let (browser, browser_cookie) = context.browser_secret();
    let wanted = SignIn {
        username: params.get("username").unwrap_or_default().to_owned(),
        password: params.get("password").unwrap_or_default().to_owned(),
        remember: params.get("remember").is_some(),
        ip: context.arrival.ip.to_string(),
        user_agent: context.user_agent().to_owned(),
        present,
        app: consent::app_of_ticket(&context, &ticket).await.map(|app| app.id),
        browser: Some(browser),
        form: page_of(&context, &params),
    };
    let remember = wanted.remember;
    let began = crate::listen::started();
    let outcome = context.engine().sign_in(context.tenant(), wanted).await;
    context.state.metrics.sign_in_took(began);
    let refused = match outcome {
        Ok(signed_in) => return go_on(&context, ticket, &signed_in, browser_cookie),
        Err(SignInError::Choose(choice)) => {
            context.state.metrics.sign_in("limited");
            return sessions::choose(&context, &ticket, &choice, remember, false);
        }
        Err(SignInError::ChoosePassword(proven)) => {
            context.state.metrics.sign_in("password_due");
            return new_password::demanded(&context, &ticket, proven, remember);
        }
        Err(refused) => refused,
    };
    refuse(&context, &params, refused).await
}

/// What names the page that a form was sent from, where each page has a ticket of its own.
fn page_of(context: &Context, params: &Params) -> Option<[u8; 32]> {
    let ticket = params.get("ticket")?;
    let good = matches!(Opened::of(context, ticket), Some(Opened::Good(_)));
    good.then(|| form_of(&[params.get("csrf"), Some(ticket)]))
}

/// What names a form that was sent: sent twice, it is the same.
pub(super) fn form_of(fields: &[Option<&str>]) -> [u8; 32] {
    let fields: Vec<&str> = fields.iter().map(|field| field.unwrap_or_default()).collect();
    sojourn_engine::sha256(fields.join(" ").as_bytes())
}

/// Shows the page again with what went wrong.
pub(super) async fn refuse(context: &Context, params: &Params, refused: SignInError) -> Response {
    let (status, message, counted) = match refused {
        SignInError::Wrong => (StatusCode::UNAUTHORIZED, WRONG.into(), "wrong"),
        SignInError::TooMany => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY.into(), "throttled"),
        SignInError::TooManySessions { max } => {
            let sessions = words::count(max as u64, words::Noun::Session);
            let text = say(
                "You have {0} already, and no more are allowed. Sign out in another browser, then try again.",
                [sessions],
            );
            (StatusCode::FORBIDDEN, text, "limited")
        }
        SignInError::PasswordDue => (StatusCode::FORBIDDEN, PASSWORD_DUE.into(), "password_due"),
        SignInError::Interrupted | SignInError::Choose(_) | SignInError::ChoosePassword(_) => {
            (StatusCode::CONFLICT, INTERRUPTED.into(), "interrupted")
        }
        SignInError::Failed(sojourn_engine::EngineError::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, BUSY.into(), "busy")
        }
        SignInError::Failed(error) => return errors::failure(context, &error),
    };
    context.state.metrics.sign_in(counted);
    show(context, params, status, Some(message)).await
}

/// The person is signed in: on to where they were going.
pub(super) fn go_on(
    context: &Context,
    mut ticket: Ticket,
    signed_in: &SignedIn,
    browser_cookie: Option<String>,
) -> Response {
    context.state.metrics.sign_in("success");
    let cookie = context.session_cookie(&signed_in.secret, &signed_in.session);
    let done = ticket.done.in_session(signed_in.session.id);
    ticket.done = Done { signed_in: true, ..done };
    let response = respond::see_other(&ticket.location(context));
    let mut response = respond::with(response, header::SET_COOKIE, &cookie);
    if let Some(cookie) = browser_cookie {
        response = respond::with(response, header::SET_COOKIE, &cookie);
    }
    session_state::with_cookie(context, Some(&signed_in.session), response)
}
