//! `/oidc/logout`: RP-Initiated Logout 1.0.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::session::{LogoutOutcome, LogoutRequest};
use sojourn_model::{Actor, EndReason, Session};
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::language::Text;
use crate::ticket::{Opened, Ticket};
use crate::web::refusal::{Answer, Refusal};
use crate::web::signed_out::{done, ended};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// The page that asks for confirmation of a sign-out that an application requests.
#[derive(Template)]
#[template(path = "confirm_logout.html")]
struct ConfirmLogout {
    base: String,
    token: String,
    ticket: String,
    app: Option<String>,
    /// Why the request can't be trusted; `None` if it can.
    untrusted: Option<Text>,
}

/// Path of tickets that carry the redirect target beyond the confirmation.
const CONFIRM: &str = "/oidc/logout/confirm";

/// `GET /oidc/logout`: a request in the query.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    match request::query(uri.query()) {
        Ok(params) => answer(&context, &params).await,
        Err(error) => Err(Refusal::bad_request(words::message(&error))),
    }
}

/// `POST /oidc/logout`: a request in a form.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    match request::form(&context.headers, &body) {
        Ok(params) => match context.again_as_query("/oidc/logout", &params) {
            Some(again) => Ok(again),
            None => answer(&context, &params).await,
        },
        Err(error) => Err(Refusal::bad_request(words::message(&error))),
    }
}

async fn answer(context: &Context, params: &Params) -> Answer {
    context.speak(params);
    if let Err(error) = params.no_doubles() {
        return Err(Refusal::bad_request(words::message(&error)));
    }
    let session = context.session().await?;
    let asked = LogoutRequest {
        id_token_hint: params.get("id_token_hint").map(str::to_owned),
        client_id: params.get("client_id").map(str::to_owned),
        post_logout_redirect_uri: params.get("post_logout_redirect_uri").map(str::to_owned),
    };
    let outcome = context.engine().rp_logout(context.tenant(), &asked, session.as_ref()).await;
    let state = params.get("state");
    match outcome? {
        LogoutOutcome::Done { redirect, told } => {
            let next = redirect.map(|uri| with_state(&uri, state));
            match told {
                Some(told) => ended(context, session.as_ref(), next, told).await,
                None => Ok(done(context, next)),
            }
        }
        LogoutOutcome::Confirm { redirect, app, untrusted } => {
            let Some(session) = session else { return Ok(done(context, None)) };
            let target = redirect.map(|uri| with_state(&uri, state));
            let app = app.map(|app| app.name.clone());
            Ok(ask(context, &session, Asked { target, app, untrusted }))
        }
    }
}

/// What the user is asked to confirm.
struct Asked {
    /// URL that the user is sent to after the confirmation.
    target: Option<String>,
    /// Name of the application that requests the sign-out, if known.
    app: Option<String>,
    /// Why the request can't be trusted; `None` if it can.
    untrusted: Option<&'static str>,
}

fn ask(context: &Context, session: &Session, asked: Asked) -> Response {
    let query = asked.target.unwrap_or_default();
    let ticket = Ticket { query, hint: asked.app.clone(), ..Ticket::to(context, CONFIRM) };
    let page = ConfirmLogout {
        base: context.arrival.prefix.to_string(),
        token: context.session_token(session),
        ticket: ticket.seal(context).unwrap_or_default(),
        app: asked.app,
        untrusted: asked.untrusted.map(Text::from),
    };
    render::form_page(context, StatusCode::OK, &page)
}

fn with_state(uri: &str, state: Option<&str>) -> String {
    match state {
        Some(state) => with_query(uri, &[("state", state)]),
        None => uri.to_owned(),
    }
}

/// `POST /oidc/logout/confirm`: the user's response to the confirmation page. A user who has been signed out meanwhile
/// is sent where the confirmation would have led; a page that belongs to another session is shown again.
pub(crate) async fn confirm(context: Context, body: Bytes) -> Answer {
    let params = request::form(&context.headers, &body)?;
    if !context.same_origin() {
        return Err(Refusal::Forged);
    }
    let ticket = params.get("ticket").and_then(|text| Opened::of(&context, text));
    let ticket = ticket.map(Opened::ticket).filter(|ticket| ticket.path == CONFIRM);
    let ticket = ticket.ok_or(Refusal::Incomplete)?;
    let app = ticket.hint;
    let target = Some(ticket.query).filter(|uri| !uri.is_empty());
    let session = match context.session().await? {
        Some(session) => session,
        None => return Ok(done(&context, target)),
    };
    if !context.genuine(&session, params.get("csrf")) {
        return Ok(ask(&context, &session, Asked { target, app, untrusted: None }));
    }
    if params.get("answer") != Some("yes") {
        return match target {
            Some(uri) => Ok(respond::see_other(&with_query(&uri, &[("error", "access_denied")]))),
            None => Ok(respond::see_other(&context.link("/myaccount"))),
        };
    }
    let actor = Actor::User(session.user);
    let told =
        context.engine().sign_out(context.tenant(), &session, EndReason::RpLogout, actor).await;
    let told = told?;
    ended(&context, Some(&session), target, told).await
}
