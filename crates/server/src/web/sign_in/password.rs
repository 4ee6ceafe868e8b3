//! The first step: login name and password.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::sign_in::Credentials;
use sojourn_oidc::Params;

use super::answer::answer;
use super::login_page;
use super::state::{Way, form_of, visit};
use crate::context::Context;
use crate::ticket::Opened;
use crate::web::refusal::{Answer, Refusal};
use crate::web::words;
use crate::{request, respond};

const EXPIRED: &str = "This page was open for too long. Please sign in again.";
/// Query parameter that asks for the sign-in of another user than the current one.
const OTHER: &str = "other";

/// Serves `GET /login`: the sign-in page, or a redirect if the user has signed in meanwhile.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    match request::query(uri.query()) {
        Ok(params) => match goes_on(&context, &params).await {
            Some(elsewhere) => Ok(elsewhere),
            None => login_page::show(&context, &params, StatusCode::OK, None).await,
        },
        Err(error) => Err(Refusal::bad_request(words::message(&error))),
    }
}

/// Returns a redirect if a user has signed in since the page was requested, for example in another tab: the request
/// continues, and its requirements are checked again.
async fn goes_on(context: &Context, params: &Params) -> Option<Response> {
    if params.get(OTHER).is_some() {
        return None;
    }
    let ticket = Opened::of(context, params.get("ticket")?)?.ticket();
    let session = context.session().await.ok()??;
    (ticket.before != Some(session.id)).then(|| respond::see_other(&ticket.location(context)))
}

/// Serves `POST /login`: verifies login name and password.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = request::form(&context.headers, &body)?;
    if let Err(error) = params.no_doubles() {
        return Err(Refusal::bad_request(words::message(&error)));
    }
    if !context.genuine_before_sign_in(params.get("csrf")) {
        let why = context.why_not_genuine().unwrap_or_else(|| EXPIRED.into());
        return login_page::show(&context, &params, StatusCode::FORBIDDEN, Some(why)).await;
    }
    let Some(ticket) = login_page::destination(&context, &params) else {
        return login_page::show(&context, &params, StatusCode::BAD_REQUEST, None).await;
    };
    let present = context.session().await?;
    let way = Way { ticket, remember: params.get("remember").is_some(), raises: None };
    let form = page_of(&context, &params);
    let (visit, browser_cookie) = visit(&context, &way, present, form).await;
    let typed = Credentials {
        username: params.get("username").unwrap_or_default().to_owned(),
        password: params.get("password").unwrap_or_default().to_owned(),
    };
    let began = crate::listen::started();
    let outcome = context.engine().sign_in(context.tenant(), &typed, &visit).await;
    context.state.metrics.sign_in_took(began);
    answer(&context, way, outcome, browser_cookie, &params).await
}

/// Returns the identifier of the page from which a form was sent, based on its ticket, which is different for each
/// page; `None` without a valid ticket.
fn page_of(context: &Context, params: &Params) -> Option<[u8; 32]> {
    let ticket = params.get("ticket")?;
    let good = matches!(Opened::of(context, ticket), Some(Opened::Good(_)));
    good.then(|| form_of(&[params.get("csrf"), Some(ticket)]))
}
