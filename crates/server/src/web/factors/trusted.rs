//! My Account: removing the trust in a browser.

use axum::body::Bytes;
use axum::extract::Path;
use sojourn_engine::directory::MY_ACCOUNT;

use super::SECURITY;
use crate::context::Context;
use crate::respond;
use crate::web::my_account::genuine_form;
use crate::web::refusal::Answer;

/// Serves `POST /myaccount/browsers/{browser_id}/untrust`: from the next sign-in on, the browser asks for the second
/// factor.
pub(crate) async fn post(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, _) = genuine_form(&context, &body, SECURITY, MY_ACCOUNT).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let next = match engine.untrust_browser(tenant, &visitor.session, &id).await? {
        true => "/myaccount/security?done=untrusted",
        // The form was sent twice, or the trust has expired.
        false => SECURITY,
    };
    Ok(respond::see_other(&context.link(next)))
}
