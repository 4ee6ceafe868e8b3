//! The sign-out button of our own pages.

use axum::body::Bytes;
use sojourn_model::{Actor, EndReason, Session};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::request;
use crate::web::refusal::{Answer, Refusal};
use crate::web::signed_out::{ended, nobody};

/// A form of a page for the signed in, with the session that sent it. Whoever isn't signed in any more is
/// told that they are signed out.
pub(crate) async fn signed_in_form(
    context: &Context,
    body: &Bytes,
) -> Result<(Session, Params), Refusal> {
    let params = request::form(&context.headers, body)?;
    let session = match context.session().await? {
        Some(session) => session,
        None => return Err(Refusal::instead(nobody(context))),
    };
    if context.genuine(&session, params.get("csrf")) {
        Ok((session, params))
    } else {
        Err(Refusal::Forged)
    }
}

/// Ends this browser's session.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (session, _) = signed_in_form(&context, &body).await?;
    let actor = Actor::User(session.user);
    let told =
        context.engine().sign_out(context.tenant(), &session, EndReason::User, actor).await?;
    ended(&context, Some(&session), None, told).await
}
