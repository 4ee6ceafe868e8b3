//! The page of a sign-in on which the user adds a second factor, because one is required.

use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::factors::{FactorRefused, KeyOffer, TotpOffer};
use sojourn_engine::sign_in::{Proven, SignInError};
use sojourn_model::{FactorKind, Level, Method};

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::ticket::Ticket;
use crate::web::consent::AppFace;
use crate::web::factors::qr;
use crate::web::refusal::Answer;
use crate::web::{consent, errors, filters, render};

/// The page on which the user adds an authenticator app or a passkey.
#[derive(Template)]
#[template(path = "enrolment.html")]
struct Enrolment {
    base: String,
    csrf: String,
    state: String,
    app: Option<AppFace>,
    offer: TotpOffer,
    /// The QR code: data of an SVG path, and side length of the picture in modules; `None` if the address is too long.
    qr: Option<(String, usize)>,
    /// The secret in groups of four characters.
    secret: String,
    name: String,
    error: Option<Text>,
    /// The offer of a passkey as an alternative; `None` if this address supports no keys.
    key: Option<KeyOffer>,
    /// Whether an authenticator app is sufficient for the required level.
    may_app: bool,
}

/// The offers on the page: an authenticator app, and a passkey if this address supports keys.
pub(super) struct Offers {
    pub(super) app: TotpOffer,
    pub(super) key: Option<KeyOffer>,
    /// Whether the organisation allows the app.
    pub(super) may_app: bool,
}

/// The page with the recovery codes after an enrolment, and the link to continue.
#[derive(Template)]
#[template(path = "enrolled.html")]
struct Enrolled {
    codes: Vec<String>,
    next: String,
}

/// Shows the page to a user who has proven everything else; `least` is the level that must be reached.
pub(super) async fn ask(context: &Context, way: &Way, proven: Proven, least: Level) -> Answer {
    let ticket = Ticket { least: least.acr().to_owned(), ..way.ticket.clone() };
    let offers = match offer(context, (&proven, &ticket), None).await {
        Ok(offers) => offers,
        Err(SignInError::Failed(error)) => return Err(error.into()),
        Err(_) => return Ok(way.ticket.clone().begin_again(context)),
    };
    let (secret, _) = context.form_secret();
    let csrf = context.form_token(&secret);
    let way = Way { ticket, ..*way };
    let state = State::seal(context, Page::Enrolment, &way, proven, &csrf);
    Ok(show(context, StatusCode::OK, &way, (state, offers), (String::new(), None)).await)
}

/// Creates both offers; with `sealed`, the same app is offered again.
pub(super) async fn offer(
    context: &Context,
    (proven, ticket): (&Proven, &Ticket),
    sealed: Option<&str>,
) -> Result<Offers, SignInError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let app = engine.offer_at_sign_in(tenant, proven, sealed).await?;
    let on = consent::app_of_ticket(context, ticket).await.map(|app| app.id);
    let methods = engine.methods_for(tenant, proven.user, on).await.map_err(SignInError::Failed)?;
    let kind = match methods.allow(Method::Passkey) {
        true => FactorKind::Passkey,
        false => FactorKind::SecurityKey,
    };
    // Only what leads on, together with what is proven.
    let least = Level::parse(&ticket.least).unwrap_or(Level::Two);
    let leads = |method: Method| {
        let proven = proven.proofs.0.iter().map(|proof| proof.method);
        methods.allow(method) && methods.reach(proven.chain([method])) >= Some(least)
    };
    let may_app = leads(Method::Totp);
    let allowed = leads(Method::Passkey) || leads(Method::SecurityKey);
    let key = match engine.offer_key_at_sign_in(tenant, proven, kind).await {
        Ok(offer) => Some(offer).filter(|_| allowed),
        Err(SignInError::Factor(FactorRefused::NoKeys)) => None,
        Err(why) => return Err(why),
    };
    Ok(Offers { app, key, may_app })
}

/// Shows the page with an existing state.
pub(super) async fn show(
    context: &Context,
    status: StatusCode,
    way: &Way,
    (state, Offers { app: offer, key, may_app }): (String, Offers),
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
        may_app,
        key,
    };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Shows the recovery codes in place of a redirect: with the cookies of the redirect, and its target as a link.
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
