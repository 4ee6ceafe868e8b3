//! `/api/users/v1/{user-id}/sessions`: an administrator looks at anyone's sessions and ends them.

use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::{Authority, EndPlan, EngineError, Right};
use sojourn_model::{EndReason, EndTarget, SessionId, User, UserId};

use super::caller::caller;
use super::list::ListQuery;
use super::{error, json};
use crate::context::Context;
use crate::{request, respond};

const VIEW: Right = Right::SessionView;
const DELETE: Right = Right::SessionDelete;

/// The user of the path, whom the caller may not be below.
async fn target(context: &Context, caller: &Authority, id: &str) -> Result<User, Box<Response>> {
    let unknown = || Box::new(error::unknown_user(context));
    let id: UserId = id.parse().map_err(|_| unknown())?;
    let failed = |cause: EngineError| Box::new(error::failure(context, &cause));
    let found = context.engine().reads().user(context.tenant().id, id).await;
    let user = found.map_err(|cause| failed(cause.into()))?.ok_or_else(unknown)?;
    match context.engine().must_cover(context.tenant(), caller, id).await {
        Ok(()) => Ok(user),
        // WSO2's answer when the target stands above the caller.
        Err(EngineError::Forbidden) => {
            Err(Box::new(context.challenged(respond::empty(StatusCode::FORBIDDEN))))
        }
        Err(cause) => Err(failed(cause)),
    }
}

/// The caller, who has a right, and the user of the path.
pub(super) async fn arrive(
    context: &Context,
    right: Right,
    user_id: &str,
) -> Result<(Authority, User), Box<Response>> {
    let caller = caller(context, right).await?;
    let user = target(context, &caller, user_id).await?;
    Ok((caller, user))
}

/// Lists one user's sessions, as the parameters want them.
pub(super) async fn list_of(context: &Context, uri: &Uri, user: UserId) -> Response {
    let params = match request::api_query(uri.query()) {
        Ok(params) => params,
        Err(wrong) => {
            return error::failure(context, &EngineError::Invalid(wrong.to_string()));
        }
    };
    match ListQuery::read(&params) {
        Ok(query) => render(context, user, &query).await,
        Err(why) => error::invalid_search(context, &why),
    }
}

/// The list of one user, for this path and the administrators'.
async fn render(context: &Context, user: UserId, query: &ListQuery) -> Response {
    let found = context.engine().reads().user(context.tenant().id, user).await;
    let user = match found {
        Ok(Some(user)) => user,
        Ok(None) => return error::unknown_user(context),
        Err(cause) => return error::failure(context, &cause.into()),
    };
    match context.engine().sessions_of_user(context.tenant(), user.id).await {
        Ok(views) => {
            let views = query.apply(&user, views);
            respond::json(StatusCode::OK, &json::sessions(&user, &views))
        }
        Err(cause) => error::failure(context, &cause),
    }
}

/// Lists them.
pub(crate) async fn list(context: Context, Path(user_id): Path<String>, uri: Uri) -> Response {
    match arrive(&context, VIEW, &user_id).await {
        Ok((_, user)) => list_of(&context, &uri, user.id).await,
        Err(refused) => *refused,
    }
}

/// One session, by its id.
pub(crate) async fn get(
    context: Context,
    Path((user_id, session_id)): Path<(String, String)>,
) -> Response {
    let user = match arrive(&context, VIEW, &user_id).await {
        Ok((_, user)) => user,
        Err(refused) => return *refused,
    };
    let Ok(id) = session_id.parse::<SessionId>() else {
        return respond::empty(StatusCode::NOT_FOUND);
    };
    match context.engine().session_of_user(context.tenant(), user.id, id).await {
        Ok(view) => match view.and_then(|view| json::session(&user, &view)) {
            Some(session) => respond::json(StatusCode::OK, &session),
            None => respond::empty(StatusCode::NOT_FOUND),
        },
        Err(cause) => error::failure(&context, &cause),
    }
}

/// Ends all.
pub(crate) async fn end_all(context: Context, Path(user_id): Path<String>) -> Response {
    match arrive(&context, DELETE, &user_id).await {
        Ok((caller, user)) => end(&context, &caller, EndTarget::User(user.id)).await,
        Err(refused) => *refused,
    }
}

/// Ends one; an unknown one is as good as ended.
pub(crate) async fn end_one(
    context: Context,
    Path((user_id, session_id)): Path<(String, String)>,
) -> Response {
    let (caller, user) = match arrive(&context, DELETE, &user_id).await {
        Ok(arrived) => arrived,
        Err(refused) => return *refused,
    };
    match session_id.parse::<SessionId>() {
        Ok(id) => end(&context, &caller, EndTarget::Session(user.id, id)).await,
        Err(_) => respond::empty(StatusCode::NO_CONTENT),
    }
}

async fn end(context: &Context, caller: &Authority, target: EndTarget) -> Response {
    let plan = EndPlan::new(target, EndReason::Admin, caller.actor());
    match context.engine().end_sessions(context.tenant(), plan).await {
        Ok(_) => respond::empty(StatusCode::NO_CONTENT),
        Err(cause) => error::failure(context, &cause),
    }
}
