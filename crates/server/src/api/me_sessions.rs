//! `/api/users/v1/me/sessions`: the caller's own sessions.

use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::{Authority, EndPlan};
use sojourn_model::{EndReason, EndTarget, SessionId};

use super::caller::{own, person};
use super::refusal::Answer;
use crate::context::Context;
use crate::{request, respond};

/// `GET /api/users/v1/me/sessions`: lists the caller's own sessions.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let user = person(&context).await?;
    super::user_sessions::list_of(&context, &uri, user).await
}

/// `DELETE /api/users/v1/me/sessions`: ends all sessions of the caller.
pub(crate) async fn end_all(context: Context, uri: Uri) -> Answer {
    request::api_query(uri.query())?;
    let (user, by) = own(&context).await?;
    end(&context, &by, EndTarget::User(user)).await
}

/// `DELETE …/{session_id}`: ends one session. An id that is unknown, ended or another user's gets the same response and
/// has no effect, so that the response doesn't reveal which of these it is.
pub(crate) async fn end_one(context: Context, Path(id): Path<String>) -> Answer {
    let (user, by) = own(&context).await?;
    match id.parse::<SessionId>() {
        Ok(id) => end(&context, &by, EndTarget::Session(user, id)).await,
        Err(_) => Ok(respond::empty(StatusCode::NO_CONTENT)),
    }
}

async fn end(context: &Context, by: &Authority, target: EndTarget) -> Answer {
    let plan = EndPlan::new(target, EndReason::User, by.actor());
    context.engine().end_sessions(context.tenant(), plan, by).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
