//! My Account: confirming the user's mail address, and changing it.

pub(crate) mod link;
pub(crate) mod undo;

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::directory::{AddressRefused, MY_ACCOUNT};
use sojourn_engine::factors::FactorRefused;

use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::factors::refused;
use crate::web::my_account::{Visitor, genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

const PATH: &str = "/myaccount/address";
const NO_MAIL: &str = "This server doesn't send mail. Ask your administrator.";
const NO_ADDRESS: &str = "This is not a valid mail address. Check it and try again.";
const TOO_MANY: &str = "Too many attempts. Wait five minutes, then try again.";
const WRONG: &str = "This code doesn't match the one in the mail. Try again.";

#[derive(Template)]
#[template(path = "address.html")]
struct AddressPage {
    frame: Frame,
    /// The present address of the account; empty if there is none.
    present: String,
    proved: bool,
    /// The address that the user typed.
    typed: String,
    /// For the page that asks for the code: its sealed state, and the address to which the mail was sent.
    asked: Option<(String, String)>,
    error: Option<Text>,
}

fn show(
    context: &Context,
    visitor: &Visitor,
    asked: Option<(String, String)>,
    (typed, error): (&str, Option<Text>),
) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = AddressPage {
        frame: visitor.frame(context, "profile"),
        present: visitor.user.email.clone().unwrap_or_default(),
        proved: visitor.user.email_verified,
        typed: typed.to_owned(),
        asked,
        error,
    };
    render::page(context, status, &page)
}

/// Serves `GET /myaccount/address`: the form for the address; requires a recent authentication.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    if !context.engine().settings().resets_by_mail {
        return Err(Refusal::missing(NO_MAIL));
    }
    match context.engine().is_fresh(context.tenant(), &visitor.session).await? {
        true => {}
        false => return refused(&context, &visitor, PATH, FactorRefused::NotFresh).await,
    }
    let typed = visitor.user.email.clone().unwrap_or_default();
    Ok(show(&context, &visitor, None, (&typed, None)))
}

/// Serves `POST /myaccount/address`: has a mail with a code and a link sent to the address.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let address = params.get("address").unwrap_or_default();
    let (engine, tenant, ip) = (context.engine(), context.tenant(), context.arrival.ip.to_string());
    let error: Text = match engine.ask_to_prove(tenant, &visitor.session, address, &ip).await {
        Ok(page) => {
            let asked = engine.asked_address(tenant, &page).map(|address| (page, address));
            return Ok(show(&context, &visitor, asked, ("", None)));
        }
        Err(AddressRefused::NotFresh) => {
            return refused(&context, &visitor, PATH, FactorRefused::NotFresh).await;
        }
        Err(AddressRefused::TooMany) => TOO_MANY.into(),
        Err(AddressRefused::Failed(EngineError::Invalid(why))) => words::sentence(why),
        Err(AddressRefused::Failed(error)) => return Err(error.into()),
        Err(_) => NO_ADDRESS.into(),
    };
    Ok(show(&context, &visitor, None, (address, Some(error))))
}

/// Serves `POST /myaccount/address/code`: confirms the address by the code in the mail.
pub(crate) async fn code(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (engine, tenant, ip) = (context.engine(), context.tenant(), context.arrival.ip.to_string());
    let (page, typed) = (text("state"), text("code"));
    let error: Text =
        match engine.prove_address_by_code(tenant, &visitor.session, (page, typed), &ip).await {
            Ok(()) => {
                return Ok(respond::see_other(&context.link("/myaccount/profile?done=address")));
            }
            Err(AddressRefused::Wrong) => WRONG.into(),
            Err(AddressRefused::TooMany) => TOO_MANY.into(),
            Err(AddressRefused::Failed(error)) => return Err(error.into()),
            Err(_) => return Err(Refusal::bad_request(link::TOO_OLD)),
        };
    let asked = engine.asked_address(tenant, page).map(|address| (page.to_owned(), address));
    Ok(show(&context, &visitor, asked, ("", Some(error))))
}
