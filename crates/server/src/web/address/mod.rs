//! My Account: the user's mail addresses: confirming, adding, changing and removing them.

pub(crate) mod link;
pub(crate) mod undo;

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, Uri};
use sojourn_engine::EngineError;
use sojourn_engine::directory::{AddressRefused, MY_ACCOUNT};
use sojourn_engine::factors::FactorRefused;

use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::respond;
use crate::web::factors::refused;
use crate::web::my_account::{Visitor, genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

const PATH: &str = "/myaccount/address";
const NO_MAIL: &str = "This server doesn't send mail. Ask your administrator.";
const NO_ADDRESS: &str = "This is not a valid mail address. Check it and try again.";
const ALREADY: &str = "Your account has this address already.";
const FULL: &str = "You already have {0} other addresses. Remove one first.";
const TOO_MANY: &str = "Too many attempts. Wait five minutes, then try again.";
const WRONG: &str = "This code doesn't match the one in the mail. Try again.";

#[derive(Template)]
#[template(path = "address.html")]
struct AddressPage {
    frame: Frame,
    /// The present address of the account; empty if there is none.
    present: String,
    proved: bool,
    /// The confirmed addresses besides the main one.
    others: Vec<String>,
    /// The address that the user typed.
    typed: String,
    /// Whether the address that the user typed is to be the main one.
    main: bool,
    /// For the page that asks for the code: its sealed state, and the address to which the mail was sent.
    asked: Option<(String, String)>,
    error: Option<Text>,
}

/// What the form is shown with: the address that was typed, whether it is to be the main one, and why it was refused.
#[derive(Default)]
struct Typed {
    address: String,
    main: bool,
    error: Option<Text>,
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    asked: Option<(String, String)>,
    typed: Typed,
) -> Answer {
    let Typed { address: typed, main, error } = typed;
    let others = context.engine().other_addresses(context.tenant(), visitor.user.id).await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = AddressPage {
        frame: visitor.frame(context, "profile"),
        present: visitor.user.email.clone().unwrap_or_default(),
        proved: visitor.user.email_verified,
        others: others.into_iter().map(|other| other.address).collect(),
        typed,
        main,
        asked,
        error,
    };
    Ok(render::page(context, status, &page))
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
    let unproved = visitor.user.email.clone().filter(|_| !visitor.user.email_verified);
    let main = unproved.is_some();
    let typed = Typed { address: unproved.unwrap_or_default(), main, error: None };
    show(&context, &visitor, None, typed).await
}

/// Serves `POST /myaccount/address`: has a mail with a code and a link sent to the address.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let address = params.get("address").unwrap_or_default();
    // The address of the account itself can only be the main one.
    let present = visitor.user.email.as_deref() == Some(address.trim());
    let main = params.get("main").is_some() || (present && !visitor.user.email_verified);
    let (engine, tenant, ip) = (context.engine(), context.tenant(), context.arrival.ip.to_string());
    let asked = engine.ask_to_prove(tenant, &visitor.session, (address, !main), &ip).await;
    let error: Text = match asked {
        Ok(page) => {
            let asked = engine.asked_address(tenant, &page).map(|address| (page, address));
            return show(&context, &visitor, asked, Typed::default()).await;
        }
        Err(AddressRefused::NotFresh) => {
            return refused(&context, &visitor, PATH, FactorRefused::NotFresh).await;
        }
        Err(AddressRefused::TooMany) => TOO_MANY.into(),
        Err(AddressRefused::Already) => ALREADY.into(),
        Err(AddressRefused::Full { max }) => say(FULL, [plain(max.to_string())]),
        Err(AddressRefused::Failed(EngineError::Invalid(why))) => words::sentence(why),
        Err(AddressRefused::Failed(error)) => return Err(error.into()),
        Err(_) => NO_ADDRESS.into(),
    };
    let typed = Typed { address: address.to_owned(), main, error: Some(error) };
    show(&context, &visitor, None, typed).await
}

/// Serves `POST /myaccount/address/main` and `POST /myaccount/address/remove`: makes an address the main one, or
/// removes it.
pub(crate) async fn change(context: Context, uri: Uri, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let address = params.get("address").unwrap_or_default();
    let main = uri.path().ends_with("/main");
    let done = match main {
        true => engine.make_main_address(tenant, &visitor.session, address).await,
        false => engine.remove_address(tenant, &visitor.session, address).await,
    };
    match done {
        // A form that was sent twice, or from a page that is out of date: the list shows what is there.
        Ok(()) | Err(AddressRefused::Gone) => Ok(respond::see_other(&context.link(PATH))),
        Err(AddressRefused::NotFresh) => {
            refused(&context, &visitor, PATH, FactorRefused::NotFresh).await
        }
        Err(AddressRefused::Failed(error)) => Err(error.into()),
        Err(_) => Err(Refusal::bad_request(link::TOO_OLD)),
    }
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
    show(&context, &visitor, asked, Typed { error: Some(error), ..Typed::default() }).await
}
