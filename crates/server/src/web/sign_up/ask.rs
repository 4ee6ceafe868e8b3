//! The first page of a sign-up, which asks for a mail address, and the page that asks for the code in the mail.

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, Uri, header};
use sojourn_engine::sign_up::Asking;
use sojourn_model::OpenTo;
use sojourn_oidc::Params;

use super::{CLOSED, account, destination, told};
use crate::context::Context;
use crate::language::Text;
use crate::ticket::Ticket;
use crate::web::consent::AppFace;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{consent, filters, form, render, words};
use crate::{request, respond};

/// The page that asks for a mail address.
#[derive(Template)]
#[template(path = "sign_up.html")]
struct SignUpPage {
    base: String,
    csrf: String,
    /// Sealed ticket with the place to which the user goes afterwards.
    ticket: String,
    app: Option<AppFace>,
    /// Login name of the user who is signed in with this browser.
    present: Option<String>,
    address: String,
    /// The invitation code that was typed; `None` if the tenant asks for none.
    invitation: Option<String>,
    /// The task for the browser; `None` if the tenant requires no proof of work.
    work: Option<String>,
    error: Option<Text>,
}

/// The page that asks for the code in the mail.
#[derive(Template)]
#[template(path = "sign_up_sent.html")]
struct SentPage {
    base: String,
    csrf: String,
    ticket: String,
    app: Option<AppFace>,
    /// The sealed request to sign up.
    state: String,
    address: String,
    error: Option<Text>,
}

/// Returns the sealed ticket for a form, and the application to which it leads.
async fn way(context: &Context, ticket: &Ticket) -> (String, Option<AppFace>) {
    let app = consent::app_of_ticket(context, ticket).await;
    (ticket.seal(context).unwrap_or_default(), app.as_deref().map(consent::face))
}

async fn show(
    context: &Context,
    params: &Params,
    status: StatusCode,
    error: Option<Text>,
) -> Answer {
    let ticket = destination(context, params).ok_or(Refusal::Incomplete)?;
    let (engine, tenant) = (context.engine(), context.tenant());
    if !engine.is_sign_up_open(tenant) {
        return Err(Refusal::missing(CLOSED));
    }
    let present = match context.session().await? {
        Some(session) => {
            let user = engine.reads(tenant.id).user(session.user).await;
            user.ok().flatten().map(|user| user.username)
        }
        None => None,
    };
    let hint = ticket.hint.clone().filter(|hint| hint.contains('@')).unwrap_or_default();
    let (text, app) = way(context, &ticket).await;
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let typed = |name: &str| params.get(name).map(str::to_owned);
    let (secret, cookie) = context.form_secret();
    let page = SignUpPage {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        ticket: text,
        app,
        present,
        address: typed("address").unwrap_or(hint),
        invitation: (tenant.sign_up.open_to == OpenTo::Codes)
            .then(|| typed("invitation").unwrap_or_default()),
        work: engine.sign_up_work(tenant),
        error,
    };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    Ok(respond::with(response, header::SET_COOKIE, &cookie))
}

/// Serves `GET /sign-up`: the page that asks for a mail address.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    match request::query(uri.query()) {
        Ok(params) => show(&context, &params, StatusCode::OK, None).await,
        Err(error) => Err(Refusal::bad_request(words::message(&error))),
    }
}

/// Serves `POST /sign-up`: has the mail sent. The response is the same whether or not an account has the address.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let ticket = destination(&context, &params).ok_or(Refusal::Incomplete)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (language, ip) = (context.language().code.clone(), context.arrival.ip.to_string());
    let asking = Asking {
        address: text("address"),
        invitation: text("invitation"),
        work: params.get("work").zip(params.get("answer")),
        language: &language,
        ip: &ip,
    };
    match context.engine().ask_to_sign_up(context.tenant(), asking).await {
        Ok(state) => sent(&context, StatusCode::OK, &ticket, state, None).await,
        Err(refused) => match told(refused) {
            Ok((status, error)) => show(&context, &params, status, Some(error)).await,
            Err(answer) => Err(answer),
        },
    }
}

async fn sent(
    context: &Context,
    status: StatusCode,
    ticket: &Ticket,
    state: String,
    error: Option<Text>,
) -> Answer {
    let address = context.engine().asked_to_sign_up(context.tenant(), &state);
    let address = address.ok_or_else(|| Refusal::bad_request(super::TOO_OLD))?;
    let (text, app) = way(context, ticket).await;
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let (secret, cookie) = context.form_secret();
    let page = SentPage {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        ticket: text,
        app,
        state,
        address,
        error,
    };
    let response = render::face_page(context, status, &page, logo.as_deref());
    Ok(respond::with(response, header::SET_COOKIE, &cookie))
}

/// Serves `POST /sign-up/code`: verifies the code and shows the page that the link in the same mail opens.
pub(crate) async fn code(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let ticket = destination(&context, &params).ok_or(Refusal::Incomplete)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let typed = (text("state"), text("code"));
    match context.engine().sign_up_by_code(context.tenant(), typed).await {
        Ok(token) => account::begin(&context, &ticket, &token).await,
        Err(refused) => match told(refused) {
            Ok((status, error)) => {
                let state = text("state").to_owned();
                sent(&context, status, &ticket, state, Some(error)).await
            }
            Err(answer) => Err(answer),
        },
    }
}
