//! `/oidc/logout`: RP-Initiated Logout 1.0.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::session::{LogoutOutcome, LogoutRequest};
use sojourn_model::{Actor, EndReason};
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::web::pages::{ConfirmLogout, Message};
use crate::web::sign_out::signed_in_form;
use crate::web::ticket::Ticket;
use crate::web::{errors, render};
use crate::{request, respond};

/// Names tickets that carry where to go after a confirmation.
const CONFIRM: &str = "/oidc/logout/confirm";

/// The request in the query.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    match request::query(uri.query()) {
        Ok(params) => answer(&context, &params).await,
        Err(error) => errors::bad_request(&context, &error.to_string()),
    }
}

/// The request in a form.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    match request::form(&context.headers, &body) {
        Ok(params) => answer(&context, &params).await,
        Err(error) => errors::bad_request(&context, &error.to_string()),
    }
}

async fn answer(context: &Context, params: &Params) -> Response {
    if let Err(error) = params.no_doubles() {
        return errors::bad_request(context, &error.to_string());
    }
    let session = match context.session().await {
        Ok(session) => session,
        Err(error) => return errors::failure(context, &error),
    };
    let asked = LogoutRequest {
        id_token_hint: params.get("id_token_hint").map(str::to_owned),
        client_id: params.get("client_id").map(str::to_owned),
        post_logout_redirect_uri: params.get("post_logout_redirect_uri").map(str::to_owned),
    };
    let outcome = context.engine().rp_logout(context.tenant(), &asked, session.as_ref()).await;
    let state = params.get("state");
    match outcome {
        Err(error) => errors::failure(context, &error),
        Ok(LogoutOutcome::Refused(why)) => errors::bad_request(context, why),
        Ok(LogoutOutcome::Done { redirect, ended }) => {
            let response = done(context, redirect.as_deref(), state);
            if ended {
                respond::with(response, header::SET_COOKIE, &context.no_session_cookie())
            } else {
                response
            }
        }
        Ok(LogoutOutcome::Confirm { redirect, app }) => {
            let Some(session) = session else { return done(context, None, None) };
            let now = context.engine().now().0;
            let mut query = redirect.unwrap_or_default();
            if let Some(state) = state.filter(|_| !query.is_empty()) {
                query = with_query(&query, &[("state", state)]);
            }
            let ticket =
                Ticket { path: CONFIRM.to_owned(), query, asked_at: now, made_at: now, hint: None };
            let page = ConfirmLogout {
                base: context.arrival.prefix.to_string(),
                token: context.session_token(&session),
                ticket: ticket.seal(context).unwrap_or_default(),
                app: app.map(|app| app.name.clone()),
            };
            render::form_page(StatusCode::OK, &page)
        }
    }
}

/// Signed out: to the application, or a page that says so.
fn done(context: &Context, redirect: Option<&str>, state: Option<&str>) -> Response {
    match redirect {
        Some(uri) => {
            let pairs: Vec<(&str, &str)> =
                state.map(|state| ("state", state)).into_iter().collect();
            respond::see_other(&with_query(uri, &pairs))
        }
        None => signed_out(context),
    }
}

/// The page that says that it is done.
pub(crate) fn signed_out(context: &Context) -> Response {
    let page = Message {
        title: "You are signed out".into(),
        text: "Every application that you used in this session is being told.".into(),
        request_id: None,
        link: Some((context.link("/myaccount"), "Sign in again".into())),
    };
    render::page(StatusCode::OK, &page)
}

/// The person's answer to the question.
pub(crate) async fn confirm(context: Context, body: Bytes) -> Response {
    let (session, params) = match signed_in_form(&context, &body).await {
        Ok(form) => form,
        Err(answered) => return *answered,
    };
    let ticket = params
        .get("ticket")
        .and_then(|text| Ticket::open(&context, text))
        .filter(|ticket| ticket.path == CONFIRM);
    let target = ticket.map(|ticket| ticket.query).filter(|uri| !uri.is_empty());
    if params.get("answer") != Some("yes") {
        return match target {
            Some(uri) => respond::see_other(&with_query(&uri, &[("error", "access_denied")])),
            None => respond::see_other(&context.link("/myaccount")),
        };
    }
    let actor = Actor::User(session.user);
    let ended =
        context.engine().sign_out(context.tenant(), &session, EndReason::RpLogout, actor).await;
    if let Err(error) = ended {
        return errors::failure(&context, &error);
    }
    let response = match target {
        Some(uri) => respond::see_other(&uri),
        None => signed_out(&context),
    };
    respond::with(response, header::SET_COOKIE, &context.no_session_cookie())
}
