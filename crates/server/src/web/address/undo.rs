//! The page behind the link of a mail that told that an account has another address: it gives the one before back.

use axum::body::Bytes;
use axum::response::Response;
use http::Uri;
use sojourn_engine::directory::AddressRefused;

use super::link::{show, token_of};
use crate::context::Context;
use crate::web::{errors, form};

const TOO_OLD: &str = "This link is too old, or was used already. Ask your administrator for help.";

/// Asks, and changes nothing.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    let token = match token_of(&context, &uri) {
        Ok(token) => token,
        Err(refused) => return *refused,
    };
    match context.engine().told_address_before(context.tenant(), &token).await {
        Ok(Some(told)) => {
            context.speak_as(&told.user.profile);
            show(&context, told, &token, (true, false))
        }
        Ok(None) => errors::bad_request(&context, TOO_OLD),
        Err(error) => errors::failure(&context, &error),
    }
}

/// Gives it back.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match form::before_sign_in(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let (engine, tenant) = (context.engine(), context.tenant());
    let token = params.get("token").unwrap_or_default();
    let told = match engine.told_address_before(tenant, token).await {
        Ok(Some(told)) => told,
        Ok(None) => return errors::bad_request(&context, TOO_OLD),
        Err(error) => return errors::failure(&context, &error),
    };
    context.speak_as(&told.user.profile);
    match engine.undo_address(tenant, token).await {
        Ok(_) => show(&context, told, token, (true, true)),
        Err(AddressRefused::Failed(error)) => errors::failure(&context, &error),
        Err(_) => errors::bad_request(&context, TOO_OLD),
    }
}
