//! The page of the link in a mail that confirms a mail address. It works on any device.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::directory::{AddressRefused, ToldAddress};

use crate::context::Context;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, form, render};
use crate::{request, respond};

pub(super) const TOO_OLD: &str = "This mail has expired or has already been used, or your account has a different address now. Request a new one in My Account.";

/// The page before and after the user has confirmed an address or restored the previous one.
#[derive(Template)]
#[template(path = "address_link.html")]
pub(super) struct AddressLink {
    pub(super) base: String,
    pub(super) csrf: String,
    pub(super) token: String,
    pub(super) user: String,
    pub(super) address: String,
    /// Whether the link restores the previous address.
    pub(super) undo: bool,
    pub(super) done: bool,
}

pub(super) fn show(
    context: &Context,
    told: ToldAddress,
    token: &str,
    (undo, done): (bool, bool),
) -> Response {
    let (secret, cookie) = context.form_secret();
    let page = AddressLink {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        token: token.to_owned(),
        user: told.user.username,
        address: told.address,
        undo,
        done,
    };
    let response = render::page(context, StatusCode::OK, &page);
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Returns the token in the query of a link; empty if there is none.
pub(super) fn token_of(uri: &Uri) -> Result<String, Refusal> {
    Ok(request::query(uri.query())?.get("token").unwrap_or_default().to_owned())
}

/// Serves `GET /address`: asks for confirmation. It changes nothing, because programs that scan mail follow links.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let token = token_of(&uri)?;
    match context.engine().told_address(context.tenant(), &token).await? {
        Some(told) => {
            context.speak_as(&told.user.profile);
            Ok(show(&context, told, &token, (false, false)))
        }
        None => Err(Refusal::bad_request(TOO_OLD)),
    }
}

/// Serves `POST /address`: confirms the address.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let token = params.get("token").unwrap_or_default();
    let told =
        engine.told_address(tenant, token).await?.ok_or_else(|| Refusal::bad_request(TOO_OLD))?;
    context.speak_as(&told.user.profile);
    match engine.prove_address_by_link(tenant, token).await {
        Ok(_) => Ok(show(&context, told, token, (false, true))),
        Err(AddressRefused::Failed(error)) => Err(error.into()),
        Err(_) => Err(Refusal::bad_request(TOO_OLD)),
    }
}
