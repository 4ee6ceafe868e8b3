//! The page of the link in a mail that reported a change of the address: it restores the previous one.

use axum::body::Bytes;
use http::Uri;
use sojourn_engine::directory::AddressRefused;

use super::link::{show, token_of};
use crate::context::Context;
use crate::web::form;
use crate::web::refusal::{Answer, Refusal};

const TOO_OLD: &str =
    "This link has expired or has already been used. Ask your administrator for help.";

/// Serves `GET /address/undo`: asks for confirmation, and changes nothing.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let token = token_of(&uri)?;
    match context.engine().told_address_before(context.tenant(), &token).await? {
        Some(told) => {
            context.speak_as(&told.user.profile);
            Ok(show(&context, told, &token, (true, false)))
        }
        None => Err(Refusal::bad_request(TOO_OLD)),
    }
}

/// Serves `POST /address/undo`: restores the previous address.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let token = params.get("token").unwrap_or_default();
    let told = engine
        .told_address_before(tenant, token)
        .await?
        .ok_or_else(|| Refusal::bad_request(TOO_OLD))?;
    context.speak_as(&told.user.profile);
    match engine.undo_address(tenant, token).await {
        Ok(_) => Ok(show(&context, told, token, (true, true))),
        Err(AddressRefused::Failed(error)) => Err(error.into()),
        Err(_) => Err(Refusal::bad_request(TOO_OLD)),
    }
}
