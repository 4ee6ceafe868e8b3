//! `/api/users/v1/{user-id}/sessions`: an administrator views and ends any user's sessions.

use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::{Authority, EndPlan, EngineError, Right};
use sojourn_model::{EndReason, EndTarget, SessionId, User, UserId};

use super::caller::caller;
use super::json;
use super::list::ListQuery;
use super::refusal::{Answer, Refusal};
use crate::context::Context;
use crate::{request, respond};

const VIEW: Right = Right::SessionView;
const DELETE: Right = Right::SessionDelete;

/// Returns the user that the path names; fails if that user has rights that the caller lacks.
async fn target(context: &Context, caller: &Authority, id: &str) -> Result<User, Refusal> {
    let id: UserId = id.parse().map_err(|_| Refusal::UnknownUser)?;
    let found = context.engine().reads(context.tenant().id).user(id).await?;
    let user = found.ok_or(Refusal::UnknownUser)?;
    match context.engine().must_cover(context.tenant(), caller, id).await {
        // WSO2's response if the target has more rights than the caller.
        Err(EngineError::Forbidden) => Err(Refusal::Bare(StatusCode::FORBIDDEN)),
        done => Ok(done.map(|()| user)?),
    }
}

/// Returns the caller and the user that the path names; fails if the caller lacks the right.
pub(super) async fn arrive(
    context: &Context,
    right: Right,
    user_id: &str,
) -> Result<(Authority, User), Refusal> {
    let caller = caller(context, right).await?;
    let user = target(context, &caller, user_id).await?;
    Ok((caller, user))
}

/// Lists one user's sessions, filtered, sorted and paged by the query parameters.
pub(super) async fn list_of(context: &Context, uri: &Uri, user: UserId) -> Answer {
    let params = request::api_query(uri.query())?;
    let query = ListQuery::read(&params).map_err(Refusal::InvalidSearch)?;
    render(context, user, &query).await
}

/// Renders the list of one user's sessions, for users themselves and for administrators.
async fn render(context: &Context, user: UserId, query: &ListQuery) -> Answer {
    let found = context.engine().reads(context.tenant().id).user(user).await;
    let user = match found {
        Ok(Some(user)) => user,
        Ok(None) => return Err(Refusal::UnknownUser),
        Err(cause) => return Err(cause.into()),
    };
    let views = context.engine().sessions_of_user(context.tenant(), user.id).await?;
    let views = query.apply(&user, views);
    Ok(respond::json(StatusCode::OK, &json::sessions(&user, &views)))
}

/// `GET /api/users/v1/{user-id}/sessions`: lists a user's sessions.
pub(crate) async fn list(context: Context, Path(user_id): Path<String>, uri: Uri) -> Answer {
    let (_, user) = arrive(&context, VIEW, &user_id).await?;
    list_of(&context, &uri, user.id).await
}

/// `GET …/{session_id}`: returns one session of a user.
pub(crate) async fn get(
    context: Context,
    Path((user_id, session_id)): Path<(String, String)>,
) -> Answer {
    let user = {
        let (_, user) = arrive(&context, VIEW, &user_id).await?;
        user
    };
    let Ok(id) = session_id.parse::<SessionId>() else {
        return Ok(respond::empty(StatusCode::NOT_FOUND));
    };
    let view = context.engine().session_of_user(context.tenant(), user.id, id).await?;
    match view.and_then(|view| json::session(&user, &view)) {
        Some(session) => Ok(respond::json(StatusCode::OK, &session)),
        None => Ok(respond::empty(StatusCode::NOT_FOUND)),
    }
}

/// `DELETE /api/users/v1/{user-id}/sessions`: ends all sessions of a user.
pub(crate) async fn end_all(context: Context, Path(user_id): Path<String>) -> Answer {
    let (caller, user) = arrive(&context, DELETE, &user_id).await?;
    end(&context, &caller, EndTarget::User(user.id)).await
}

/// `DELETE …/{session_id}`: ends one session; an unknown session counts as ended.
pub(crate) async fn end_one(
    context: Context,
    Path((user_id, session_id)): Path<(String, String)>,
) -> Answer {
    let (caller, user) = arrive(&context, DELETE, &user_id).await?;
    match session_id.parse::<SessionId>() {
        Ok(id) => end(&context, &caller, EndTarget::Session(user.id, id)).await,
        Err(_) => Ok(respond::empty(StatusCode::NO_CONTENT)),
    }
}

async fn end(context: &Context, caller: &Authority, target: EndTarget) -> Answer {
    let plan = EndPlan::new(target, EndReason::Admin, caller.actor());
    context.engine().end_sessions(context.tenant(), plan, caller).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
