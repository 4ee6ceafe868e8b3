//! My Account: adding a passkey or a security key.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::factors::{FactorRefused, KeyOffer, NewKey};
use sojourn_model::FactorKind;

use super::{SECURITY, codes, refused};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::{Visitor, genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

pub(in crate::web) const WRONG: &str = "The browser's response was not accepted. Please try again.";
const SYNCED: &str = "This one is synced between devices, so it is a passkey. Add it as a passkey.";
const MISSING: &str = "There is no such kind of key.";

/// The page on which a passkey or a security key is added.
#[derive(Template)]
#[template(path = "factor_key.html")]
struct AddKey {
    frame: Frame,
    /// Whether the key is a security key rather than a passkey.
    security_key: bool,
    action: String,
    offer: String,
    options: String,
    name: String,
    error: Option<Text>,
}

fn path(kind: FactorKind) -> String {
    format!("/myaccount/factors/key/{}", kind.as_str())
}

/// Returns the kind of key that a path names; `None` unless it is a passkey or a security key.
fn kind_of(word: &str) -> Option<FactorKind> {
    [FactorKind::Passkey, FactorKind::SecurityKey].into_iter().find(|kind| kind.as_str() == word)
}

fn show(
    context: &Context,
    visitor: &Visitor,
    (kind, offer): (FactorKind, KeyOffer),
    name: String,
    error: Option<Text>,
) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = AddKey {
        frame: visitor.frame(context, "security"),
        security_key: kind == FactorKind::SecurityKey,
        action: context.link(&path(kind)),
        offer: offer.sealed,
        options: offer.options.to_string(),
        name,
        error,
    };
    render::script_page(context, status, &page, "")
}

/// Serves `GET /myaccount/factors/key/{kind}`: offers a new key.
pub(crate) async fn get(context: Context, Path(kind): Path<String>) -> Answer {
    let kind = kind_of(&kind).ok_or_else(|| Refusal::missing(MISSING))?;
    let visitor = visitor(&context, &path(kind), MY_ACCOUNT).await?;
    match context.engine().offer_key(context.tenant(), &visitor.session, kind).await {
        Ok(offer) => Ok(show(&context, &visitor, (kind, offer), String::new(), None)),
        Err(why) => refused(&context, &visitor, &path(kind), why).await,
    }
}

/// Serves `POST /myaccount/factors/key/{kind}`: adds the credential that the browser created.
pub(crate) async fn post(context: Context, Path(kind): Path<String>, body: Bytes) -> Answer {
    let kind = kind_of(&kind).ok_or_else(|| Refusal::missing(MISSING))?;
    let (visitor, params) = genuine_form(&context, &body, &path(kind), MY_ACCOUNT).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (engine, tenant, session) = (context.engine(), context.tenant(), &visitor.session);
    let (sealed, credential, name) = (text("offer"), text("credential"), text("name"));
    let new = NewKey { sealed, credential, name, user_agent: context.user_agent() };
    let error: Text = match engine.add_key(tenant, session, new).await {
        Ok(added) => match added.codes {
            Some(codes) => return Ok(codes::show(&context, &visitor, codes, kind.as_str())),
            None => {
                let done = format!("/myaccount/security?done={}", kind.as_str());
                return Ok(respond::see_other(&context.link(&done)));
            }
        },
        Err(FactorRefused::Wrong) => WRONG.into(),
        Err(FactorRefused::Synced) => SYNCED.into(),
        Err(FactorRefused::Failed(EngineError::Invalid(why))) => words::sentence(why),
        // The form was sent twice: the key has been added already.
        Err(FactorRefused::Gone) => return Ok(respond::see_other(&context.link(SECURITY))),
        Err(why) => return refused(&context, &visitor, &path(kind), why).await,
    };
    match engine.offer_key(tenant, session, kind).await {
        Ok(offer) => Ok(show(&context, &visitor, (kind, offer), name.to_owned(), Some(error))),
        Err(why) => refused(&context, &visitor, &path(kind), why).await,
    }
}
