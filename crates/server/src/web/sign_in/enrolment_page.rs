//! Adding a second factor where one is demanded, as it is shown.

use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::factors::TotpOffer;
use sojourn_engine::sign_in::{Proven, SignInError};

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::factors::qr;
use crate::web::pages::AppFace;
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
}

/// Recovery codes after an enrolment, and the way on.
#[derive(Template)]
#[template(path = "enrolled.html")]
struct Enrolled {
    codes: Vec<String>,
    next: String,
}

/// Shows the page to someone who has proven everything and has no second factor.
pub(super) async fn ask(context: &Context, way: &Way, proven: Proven) -> Response {
    let offer = context.engine().offer_at_sign_in(context.tenant(), &proven, None).await;
    let offer = match offer {
        Ok(offer) => offer,
        Err(SignInError::Failed(error)) => return errors::failure(context, &error),
        Err(_) => return way.ticket.clone().begin_again(context),
    };
    let (secret, _) = context.form_secret();
    let csrf = context.form_token(&secret);
    let state = State::seal(context, Page::Enrolment, way, proven, &csrf);
    show(context, StatusCode::OK, way, (state, offer), (String::new(), None)).await
}

/// The same page, with what is carried already.
pub(super) async fn show(
    context: &Context,
    status: StatusCode,
    way: &Way,
    (state, offer): (String, TotpOffer),
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
    };
    let response = render::face_page(context, status, &page, logo.as_deref());
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
