//! "This was not me": the page behind the link of a mail that told of a sign-in.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::EngineError;
use sojourn_engine::directory::PasswordRefused;
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::pages::NotMe;
use crate::web::{errors, render, words};
use crate::{request, respond};

const TOO_OLD: &str =
    "This link is too old, or not complete. Sign in and look at your sessions instead.";

/// What the page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Asks.
    Ask,
    /// It has ended; now a new password.
    Choose,
    /// All is done.
    Done,
}

/// Asks, and changes nothing: programs that look at mail follow links.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    match request::query(uri.query()) {
        Ok(params) => show(&context, &params, Step::Ask, StatusCode::OK, None).await,
        Err(error) => errors::bad_request(&context, words::message(&error)),
    }
}

async fn show(
    context: &Context,
    params: &Params,
    step: Step,
    status: StatusCode,
    error: Option<Text>,
) -> Response {
    let token = params.get("token").unwrap_or_default();
    let told = match context.engine().told_sign_in(context.tenant(), token).await {
        Ok(Some(told)) => told,
        Ok(None) => return errors::bad_request(context, TOO_OLD),
        Err(error) => return errors::failure(context, &error),
    };
    let (secret, cookie) = context.form_secret();
    let facts = told.session.map(|session| {
        vec![
            words::browser(&session.user_agent),
            say("Address {0}", [plain(&session.ip)]),
            words::moment(session.auth_time),
        ]
    });
    let page = NotMe {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        token: token.to_owned(),
        user: told.user.username,
        facts: facts.unwrap_or_default(),
        choose: step == Step::Choose,
        done: step == Step::Done,
        error,
    };
    let response = render::page(context, status, &page);
    match cookie {
        Some(cookie) => respond::with(response, header::SET_COOKIE, &cookie),
        None => response,
    }
}

fn form(context: &Context, body: &Bytes) -> Result<Params, Box<Response>> {
    let params = request::form(&context.headers, body)
        .map_err(|error| Box::new(errors::bad_request(context, words::message(&error))))?;
    params
        .no_doubles()
        .map_err(|error| Box::new(errors::bad_request(context, words::message(&error))))?;
    if !context.genuine_before_sign_in(params.get("csrf")) {
        return Err(Box::new(errors::forged(context)));
    }
    Ok(params)
}

/// Ends the session, and asks for a new password.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match form(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let token = params.get("token").unwrap_or_default();
    match context.engine().not_me(context.tenant(), token).await {
        Ok(()) => show(&context, &params, Step::Choose, StatusCode::OK, None).await,
        Err(EngineError::Invalid(_)) => errors::bad_request(&context, TOO_OLD),
        Err(error) => errors::failure(&context, &error),
    }
}

/// Sets the new password.
pub(crate) async fn password(context: Context, body: Bytes) -> Response {
    let params = match form(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let text = |name: &str| params.get(name).unwrap_or_default();
    if text("new") != text("again") {
        let error = Some("The two passwords are not the same. Type both again.".into());
        return show(&context, &params, Step::Choose, StatusCode::BAD_REQUEST, error).await;
    }
    match context.engine().choose_password(context.tenant(), text("token"), text("new")).await {
        Ok(()) => show(&context, &params, Step::Done, StatusCode::OK, None).await,
        Err(PasswordRefused::Failed(EngineError::Invalid(_))) => {
            errors::bad_request(&context, TOO_OLD)
        }
        Err(PasswordRefused::Failed(error)) => errors::failure(&context, &error),
        Err(refused) => {
            let error = Some(words::refused_password(&refused));
            show(&context, &params, Step::Choose, StatusCode::BAD_REQUEST, error).await
        }
    }
}
