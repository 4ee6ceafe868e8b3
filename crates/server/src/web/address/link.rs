//! The page behind the link of a mail by which an address is proved. It works on any device.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::directory::{AddressRefused, ToldAddress};

use crate::context::Context;
use crate::web::{errors, filters, form, render, words};
use crate::{request, respond};

pub(super) const TOO_OLD: &str = "This mail is too old, was used already, or your account has another address by now. Ask for another one in My Account.";

/// The page, and what it shows afterwards.
#[derive(Template)]
#[template(path = "address_link.html")]
pub(super) struct AddressLink {
    pub(super) base: String,
    pub(super) csrf: String,
    pub(super) token: String,
    pub(super) user: String,
    pub(super) address: String,
    /// Whether the link gives an address back.
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

/// The token of a link.
pub(super) fn token_of(context: &Context, uri: &Uri) -> Result<String, Box<Response>> {
    match request::query(uri.query()) {
        Ok(params) => Ok(params.get("token").unwrap_or_default().to_owned()),
        Err(error) => Err(Box::new(errors::bad_request(context, words::message(&error)))),
    }
}

/// Asks, and changes nothing: programs that look at mail follow links.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    let token = match token_of(&context, &uri) {
        Ok(token) => token,
        Err(refused) => return *refused,
    };
    match context.engine().told_address(context.tenant(), &token).await {
        Ok(Some(told)) => {
            context.speak_as(&told.user.profile);
            show(&context, told, &token, (false, false))
        }
        Ok(None) => errors::bad_request(&context, TOO_OLD),
        Err(error) => errors::failure(&context, &error),
    }
}

/// Proves it.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match form::before_sign_in(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let (engine, tenant) = (context.engine(), context.tenant());
    let token = params.get("token").unwrap_or_default();
    let told = match engine.told_address(tenant, token).await {
        Ok(Some(told)) => told,
        Ok(None) => return errors::bad_request(&context, TOO_OLD),
        Err(error) => return errors::failure(&context, &error),
    };
    context.speak_as(&told.user.profile);
    match engine.prove_address_by_link(tenant, token).await {
        Ok(_) => show(&context, told, token, (false, true)),
        Err(AddressRefused::Failed(error)) => errors::failure(&context, &error),
        Err(_) => errors::bad_request(&context, TOO_OLD),
    }
}
