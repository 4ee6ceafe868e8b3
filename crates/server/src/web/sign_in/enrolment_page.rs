//! Adding a second factor where one is demanded, as it is shown.

use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::factors::{FactorRefused, KeyOffer, TotpOffer};
use sojourn_engine::sign_in::{Proven, SignInError};
use sojourn_model::{FactorKind, Level};

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::consent::AppFace;
use crate::web::factors::qr;
use crate::web::refusal::Answer;
use crate::web::ticket::Ticket;
use crate::web::{consent, errors, filters, render};

/// The page.
#[derive(Template)]
#[template(path = "enrolment.html")]
struct Enrolment {
    base: String,
    csrf: String,
    state: String,
    app: Option<AppFace>,
    offer: TotpOffer,
    /// The QR code: the data of a path, and the side of the picture.
    qr: Option<(String, usize)>,
    /// The secret in groups of four.
    secret: String,
    name: String,
    error: Option<Text>,
    /// What a browser is asked to make instead.
    key: Option<KeyOffer>,
    /// Whether an app is enough.
    may_app: bool,
}

/// What is offered: an app, and a passkey where there can be one.
pub(super) struct Offers {
    pub(super) app: TotpOffer,
    pub(super) key: Option<KeyOffer>,
}

/// Recovery codes after an enrolment, and the way on.
#[derive(Template)]
#[template(path = "enrolled.html")]
struct Enrolled {
    codes: Vec<String>,
    next: String,
}

/// Shows the page to someone who has proven everything else.
pub(super) async fn ask(context: &Context, way: &Way, proven: Proven, least: Level) -> Answer {
    let offers = match offer(context, &proven, None).await {
        Ok(offers) => offers,
        Err(SignInError::Failed(error)) => return Err(error.into()),
        Err(_) => return Ok(way.ticket.clone().begin_again(context)),
    };
    let (secret, _) = context.form_secret();
    let csrf = context.form_token(&secret);
    let ticket = Ticket { least: least.acr().to_owned(), ..way.ticket.clone() };
    let way = Way { ticket, ..*way };
    let state = State::seal(context, Page::Enrolment, &way, proven, &csrf);
    Ok(show(context, StatusCode::OK, &way, (state, offers), (String::new(), None)).await)
}

/// Offers both; with `sealed`, the same app again.
pub(super) async fn offer(
    context: &Context,
    proven: &Proven,
    sealed: Option<&str>,
) -> Result<Offers, SignInError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let app = engine.offer_at_sign_in(tenant, proven, sealed).await?;
    let kind = FactorKind::Passkey;
    let key = match engine.offer_key_at_sign_in(tenant, proven, kind).await {
        Ok(offer) => Some(offer),
        Err(SignInError::Factor(FactorRefused::NoKeys)) => None,
        Err(why) => return Err(why),
    };
    Ok(Offers { app, key })
}

/// The same page, with what is carried already.
pub(super) async fn show(
    context: &Context,
    status: StatusCode,
    way: &Way,
    (state, Offers { app: offer, key }): (String, Offers),
    (name, error): (String, Option<Text>),
) -> Response {
    let app = consent::app_of_ticket(context, &way.ticket).await;
    let app = app.as_deref().map(consent::face);
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let (secret, cookie) = context.form_secret();
    let page = Enrolment {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        state,
        app,
        qr: qr::path_of(&offer.uri),
        secret: qr::spaced(&offer.secret),
        offer,
        name,
        error,
        may_app: Level::parse(&way.ticket.least).is_none_or(|least| least <= Level::Two),
        key,
    };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// The recovery codes, in the place of an answer that leads on: with its cookies, and its way as a link.
pub(super) fn codes(context: &Context, on: Response, codes: Vec<String>) -> Response {
    let next = on.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
    let Some(next) = next.map(str::to_owned) else {
        return errors::page(
            context,
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "",
        );
    };
    let mut response = render::page(context, StatusCode::OK, &Enrolled { codes, next });
    for cookie in on.headers().get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}
