//! My Account: adding an authenticator app.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::factors::{FactorRefused, TotpOffer};

use super::{SECURITY, codes, qr, refused};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::{Visitor, genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::{filters, render, words};

const PATH: &str = "/myaccount/factors/app";
pub(in crate::web) const WRONG: &str = "The code is wrong. Enter the code that the app shows now, and check that the clock of its device is correct.";

/// The page with the secret of a new authenticator app.
#[derive(Template)]
#[template(path = "factor_app.html")]
struct AddApp {
    frame: Frame,
    offer: TotpOffer,
    /// The QR code: data of an SVG path, and side length of the picture in modules; `None` if the address is too long.
    qr: Option<(String, usize)>,
    /// The secret in groups of four characters.
    secret: String,
    name: String,
    error: Option<Text>,
}

fn show(
    context: &Context,
    visitor: &Visitor,
    offer: TotpOffer,
    name: String,
    error: Option<Text>,
) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = AddApp {
        frame: visitor.frame(context, "security"),
        qr: qr::path_of(&offer.uri),
        secret: qr::spaced(&offer.secret),
        offer,
        name,
        error,
    };
    render::page(context, status, &page)
}

/// Serves `GET /myaccount/factors/app`: offers a new authenticator app.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    match context.engine().offer_totp(context.tenant(), &visitor.session).await {
        Ok(offer) => Ok(show(&context, &visitor, offer, String::new(), None)),
        Err(why) => refused(&context, &visitor, PATH, why).await,
    }
}

/// Serves `POST /myaccount/factors/app`: adds the offered app, after verifying one of its codes.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (engine, tenant, session) = (context.engine(), context.tenant(), &visitor.session);
    let (sealed, name) = (text("offer"), text("name"));
    let error: Text = match engine.add_totp(tenant, session, sealed, text("code"), name).await {
        Ok(added) => match added.codes {
            Some(codes) => return Ok(codes::show(&context, &visitor, codes, "factor")),
            None => {
                return Ok(respond::see_other(&context.link("/myaccount/security?done=factor")));
            }
        },
        Err(FactorRefused::Wrong) => WRONG.into(),
        Err(FactorRefused::Failed(EngineError::Invalid(why))) => words::sentence(why),
        // The form was sent twice: the app has been added already.
        Err(FactorRefused::Gone) => return Ok(respond::see_other(&context.link(SECURITY))),
        Err(why) => return refused(&context, &visitor, PATH, why).await,
    };
    match engine.offered_totp(tenant, session, sealed).await? {
        Some(offer) => Ok(show(&context, &visitor, offer, name.to_owned(), Some(error))),
        None => Ok(respond::see_other(&context.link(PATH))),
    }
}
