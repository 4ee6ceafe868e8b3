//! After a sign-in with a password: offers a passkey, with which the user needs no password the next time.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::EngineError;
use sojourn_engine::factors::{FactorRefused, KeyOffer, NewKey};
use sojourn_model::Session;
use sojourn_oidc::params::with_query;

use super::enrolment_page;
use crate::context::Context;
use crate::language::Text;
use crate::ticket::Ticket;
use crate::web::consent::AppFace;
use crate::web::factors::key::WRONG;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{consent, filters, form, render, words};
use crate::{request, respond};

const PATH: &str = "/login/passkey-offer";
/// Marks a browser in which a passkey was offered.
const COOKIE: &str = "passkey-offer";
/// How long it isn't offered again, in seconds.
const PAUSE_SECONDS: i64 = 30 * 24 * 3600;

/// The page that offers a passkey. A browser that can creates it without being asked.
#[derive(Template)]
#[template(path = "passkey_offer.html")]
struct PasskeyOffer {
    csrf: String,
    action: String,
    ticket: String,
    app: Option<AppFace>,
    offer: KeyOffer,
    /// Where the sign-in leads.
    next: String,
    error: Option<Text>,
}

/// Returns the address at which a user who just signed in continues: the offer if there is one, or else the destination
/// of the ticket.
pub(super) async fn way_on(
    context: &Context,
    ticket: &Ticket,
    session: &Session,
) -> Result<String, EngineError> {
    if context.cookie(&context.own_cookie_name(COOKIE)).is_none() {
        let app = consent::app_of_ticket(context, ticket).await.map(|app| app.id);
        if context.engine().offers_passkey(context.tenant(), session, app).await? {
            let text = ticket.seal(context).unwrap_or_default();
            return Ok(with_query(&context.link(PATH), &[("ticket", &text)]));
        }
    }
    Ok(ticket.location(context))
}

/// Returns whether the sign-in that a ticket belongs to started this session.
fn is_of(ticket: &Ticket, session: &Session) -> bool {
    ticket.done.signed_in && ticket.done.session == session.id.to_string()
}

async fn show(
    context: &Context,
    (session, ticket): (&Session, &Ticket),
    error: Option<Text>,
) -> Answer {
    let next = ticket.location(context);
    let app = consent::app_of_ticket(context, ticket).await;
    let (engine, tenant) = (context.engine(), context.tenant());
    // Another site can link to this page, so it requires the ticket of the sign-in that started this session.
    if !is_of(ticket, session)
        || !engine.offers_passkey(tenant, session, app.as_ref().map(|app| app.id)).await?
    {
        return Ok(respond::see_other(&next));
    }
    let offered = context.engine().offer_passkey_after_password(context.tenant(), session).await;
    let offer = match offered {
        Ok(offer) => offer,
        Err(FactorRefused::Failed(error)) => return Err(error.into()),
        // Too late, or too many factors. The user didn't ask for a passkey, so there is no error message.
        Err(_) => return Ok(respond::see_other(&next)),
    };
    let app = app.as_deref().map(consent::face);
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let (secret, cookie) = context.form_secret();
    let page = PasskeyOffer {
        csrf: context.form_token(&secret),
        action: context.link(PATH),
        ticket: ticket.seal(context).unwrap_or_default(),
        app,
        offer,
        next,
        error,
    };
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    let response = respond::with(response, header::SET_COOKIE, &cookie);
    Ok(respond::with(response, header::SET_COOKIE, &offered_cookie(context)))
}

fn offered_cookie(context: &Context) -> String {
    let (name, path) = (context.own_cookie_name(COOKIE), context.cookie_path());
    format!("{name}=1; Path={path}; Secure; HttpOnly; SameSite=Lax; Max-Age={PAUSE_SECONDS}")
}

/// Serves `GET /login/passkey-offer`.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let params = request::query(uri.query())?;
    let ticket = params.get("ticket").and_then(|text| Ticket::open(&context, text));
    let ticket = ticket.ok_or(Refusal::Incomplete)?;
    match context.session().await? {
        Some(session) => show(&context, (&session, &ticket), None).await,
        None => Ok(ticket.begin_again(&context)),
    }
}

/// Serves `POST /login/passkey-offer`: adds the passkey and continues to the destination of the sign-in.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let ticket = Ticket::open(&context, text("ticket")).ok_or(Refusal::Incomplete)?;
    let Some(session) = context.session().await? else { return Ok(ticket.begin_again(&context)) };
    if !is_of(&ticket, &session) {
        return Err(Refusal::Incomplete);
    }
    let (sealed, credential, name) = (text("offer"), text("credential"), text("name"));
    let new = NewKey { sealed, credential, name, user_agent: context.user_agent() };
    let on = |context: &Context| -> Response { respond::see_other(&ticket.location(context)) };
    let error: Text = match context.engine().add_key(context.tenant(), &session, new).await {
        Ok(added) => {
            return Ok(match added.codes {
                Some(codes) => enrolment_page::codes(&context, on(&context), codes),
                None => on(&context),
            });
        }
        Err(FactorRefused::Wrong) => WRONG.into(),
        Err(FactorRefused::Failed(EngineError::Invalid(why))) => words::sentence(why),
        Err(FactorRefused::Failed(error)) => return Err(error.into()),
        // The form was sent twice, or too late.
        Err(_) => return Ok(on(&context)),
    };
    show(&context, (&session, &ticket), Some(error)).await
}
