//! The sign-out button of built-in pages.

use axum::body::Bytes;
use sojourn_model::{Actor, EndReason, Session};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::request;
use crate::web::refusal::{Answer, Refusal};
use crate::web::signed_out::{ended, nobody};

/// Parses a form of a page for signed-in users and returns it with the session that sent it. Without a session, the
/// response says that the user is signed out.
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

/// Serves `POST /logout`: ends this browser's session.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (session, _) = signed_in_form(&context, &body).await?;
    let actor = Actor::User(session.user);
    let told =
        context.engine().sign_out(context.tenant(), &session, EndReason::User, actor).await?;
    ended(&context, Some(&session), None, told).await
}
