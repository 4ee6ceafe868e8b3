//! `/api/users/v1/me/sessions`: the caller's own sessions.

use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::EndPlan;
use sojourn_model::{Actor, EndReason, EndTarget, SessionId, UserId};

use super::caller::person;
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
    let user = person(&context).await?;
    end(&context, user, EndTarget::User(user)).await
}

/// `DELETE …/{session_id}`: ends one session. An id that is unknown, ended or another user's gets the same response and
/// has no effect, so that the response doesn't reveal which of these it is.
pub(crate) async fn end_one(context: Context, Path(id): Path<String>) -> Answer {
    let user = person(&context).await?;
    match id.parse::<SessionId>() {
        Ok(id) => end(&context, user, EndTarget::Session(user, id)).await,
        Err(_) => Ok(respond::empty(StatusCode::NO_CONTENT)),
    }
}

async fn end(context: &Context, user: UserId, target: EndTarget) -> Answer {
    let plan = EndPlan::new(target, EndReason::User, Actor::User(user));
    context.engine().end_sessions(context.tenant(), plan).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
