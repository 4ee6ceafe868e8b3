//! Password reset: a link in a mail lets the user choose a new password.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::EngineError;
use sojourn_engine::directory::PasswordRefused;

use crate::context::Context;
use crate::language::Text;
use crate::web::refusal::{Answer, Refusal};
use crate::web::sign_in::new_password_page::{Shown, show};
use crate::web::{filters, form, render, words};
use crate::{request, respond};

const TOO_OLD: &str = "This link has expired or has already been used. Request a new one.";
const BY_MAIL: &str = "Choose a password that you use nowhere else. You are signed out everywhere.";
const DIFFERENT: &str = "The passwords don't match. Enter both again.";

/// The page on which a user requests a password reset.
#[derive(Template)]
#[template(path = "forgot.html")]
pub(crate) struct Forgot {
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) sent: bool,
    pub(crate) error: Option<Text>,
}

fn ask(context: &Context, status: StatusCode, sent: bool, error: Option<&'static str>) -> Response {
    let (secret, cookie) = context.form_secret();
    let page = Forgot {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        sent,
        error: error.map(Text::from),
    };
    let response = render::page(context, status, &page);
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Serves `GET /forgot`: asks for the login name or mail address.
pub(crate) async fn forgot(context: Context) -> Answer {
    if !context.engine().settings().resets_by_mail {
        return Err(Refusal::missing("This server doesn't send mail. Ask your administrator."));
    }
    Ok(ask(&context, StatusCode::OK, false, None))
}

/// Serves `POST /forgot`: has the mail sent. The response and its timing are the same whether or not the user exists.
pub(crate) async fn post_forgot(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    if !context.engine().settings().resets_by_mail {
        return Err(Refusal::missing("This server doesn't send mail. Ask your administrator."));
    }
    let name = params.get("username").unwrap_or_default().to_owned();
    if name.is_empty() || name.len() > sojourn_model::limits::USERNAME_BYTES_MAX {
        let error = Some("Enter your login name or mail address.");
        return Ok(ask(&context, StatusCode::BAD_REQUEST, false, error));
    }
    let (state, tenant) = (context.state.clone(), context.tenant().clone());
    let ip = context.arrival.ip.to_string();
    let (browser, _) = context.browser_secret();
    match state.engine.may_ask_for_reset(&tenant, &name, &ip, Some(browser)).await? {
        true => {}
        false => {
            let error = Some("Too many attempts. Wait five minutes, then try again.");
            return Ok(ask(&context, StatusCode::TOO_MANY_REQUESTS, false, error));
        }
    }
    let language = context.language().code.clone();
    tokio::spawn(async move {
        if let Err(error) = state.engine.ask_for_reset(&tenant, &name, &language).await {
            tracing::warn!(%error, "a mail about a forgotten password isn't written");
        }
    });
    Ok(ask(&context, StatusCode::OK, true, None))
}

/// Serves `GET /reset`: the page of the link in that mail; it changes nothing.
pub(crate) async fn reset(context: Context, uri: Uri) -> Answer {
    let token = {
        let params = request::query(uri.query())?;
        params.get("token").unwrap_or_default().to_owned()
    };
    match context.engine().reset_link(context.tenant(), &token).await? {
        Some(user) => Ok(show(&context, StatusCode::OK, by_mail(token, user.username, None))),
        None => Err(Refusal::bad_request(TOO_OLD)),
    }
}

fn by_mail(token: String, user: String, error: Option<Text>) -> Shown {
    Shown { action: "/reset", token, why: BY_MAIL, user, done: false, error }
}

/// Serves `POST /reset`: sets the new password.
pub(crate) async fn post_reset(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let again = |error: Text| {
        let page = by_mail(text("token").into(), text("username").into(), Some(error));
        show(&context, StatusCode::BAD_REQUEST, page)
    };
    if text("new") != text("again") {
        return Ok(again(DIFFERENT.into()));
    }
    match context.engine().reset_by_mail(context.tenant(), text("token"), text("new")).await {
        Ok(()) => {
            let done = Shown { done: true, ..by_mail(String::new(), String::new(), None) };
            Ok(show(&context, StatusCode::OK, done))
        }
        Err(PasswordRefused::Failed(EngineError::Invalid(_))) => Err(Refusal::bad_request(TOO_OLD)),
        Err(PasswordRefused::Failed(error)) => Err(error.into()),
        Err(refused) => Ok(again(words::refused_password(&refused))),
    }
}
