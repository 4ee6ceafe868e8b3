//! "This was not me": the page of the link in a mail that reported a sign-in.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::EngineError;
use sojourn_model::User;

use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, form, render, words};
use crate::{request, respond};

const TOO_OLD: &str = "This link has expired, has already been used, or is incomplete. Sign in and check your sessions instead.";

/// The page about a reported sign-in, before and after the user has confirmed that it wasn't theirs.
#[derive(Template)]
#[template(path = "not_me.html")]
pub(crate) struct NotMe {
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) facts: Vec<Text>,
    pub(crate) ended: bool,
    pub(crate) by_mail: bool,
}

/// Serves `GET /not-me`: asks for confirmation. It changes nothing, because programs that scan mail follow links.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let params = request::query(uri.query())?;
    let token = params.get("token").unwrap_or_default();
    let told = context
        .engine()
        .told_sign_in(context.tenant(), token)
        .await?
        .ok_or_else(|| Refusal::bad_request(TOO_OLD))?;
    let facts = told.session.map(|session| {
        vec![
            words::browser(&session.user_agent),
            say("Address {0}", [plain(&session.ip)]),
            words::moment(session.auth_time),
        ]
    });
    Ok(show(&context, token, &told.user, facts.unwrap_or_default(), false))
}

fn show(context: &Context, token: &str, user: &User, facts: Vec<Text>, ended: bool) -> Response {
    let (secret, cookie) = context.form_secret();
    let page = NotMe {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        token: token.to_owned(),
        user: user.username.clone(),
        facts,
        ended,
        by_mail: context.engine().settings().resets_by_mail,
    };
    let response = render::page(context, StatusCode::OK, &page);
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Serves `POST /not-me`: ends the session. The user then chooses another password through the password reset, which
/// requires a proof of its own.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let token = params.get("token").unwrap_or_default();
    match context.engine().not_me(context.tenant(), token).await {
        Ok(user) => Ok(show(&context, "", &user, Vec::new(), true)),
        Err(EngineError::Invalid(_)) => Err(Refusal::bad_request(TOO_OLD)),
        Err(error) => Err(error.into()),
    }
}
