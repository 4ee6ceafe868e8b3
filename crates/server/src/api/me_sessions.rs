//! `/api/users/v1/me/sessions`: the caller's own sessions.

use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::{EndPlan, Right, Who};
use sojourn_model::{Actor, EndReason, EndTarget, SessionId, UserId};

use super::caller::caller;
use super::error;
use crate::context::Context;
use crate::{request, respond};

const RIGHT: Right = Right::Login;

async fn me(context: &Context) -> Result<UserId, Box<Response>> {
    match caller(context, RIGHT).await?.who() {
        Who::User(user, _) => Ok(user),
        // An application has no sessions of its own.
        Who::Application(_) | Who::Operator | Who::System => {
            Err(Box::new(error::forbidden(context)))
        }
    }
}

/// Lists them.
pub(crate) async fn list(context: Context, uri: Uri) -> Response {
    let user = match me(&context).await {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    super::user_sessions::list_of(&context, &uri, user).await
}

/// Ends all.
pub(crate) async fn end_all(context: Context, uri: Uri) -> Response {
    if let Err(wrong) = request::api_query(uri.query()) {
        let text = wrong.to_string();
        return error::failure(&context, &sojourn_engine::EngineError::Invalid(text));
    }
    match me(&context).await {
        Ok(user) => end(&context, user, EndTarget::User(user)).await,
        Err(refused) => *refused,
    }
}

/// Ends one. An id that is unknown, ended or someone else's is answered the same way, and nothing
/// happens: what it is isn't told.
pub(crate) async fn end_one(context: Context, Path(id): Path<String>) -> Response {
    let user = match me(&context).await {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    match id.parse::<SessionId>() {
        Ok(id) => end(&context, user, EndTarget::Session(user, id)).await,
        Err(_) => respond::empty(StatusCode::NO_CONTENT),
    }
}

async fn end(context: &Context, user: UserId, target: EndTarget) -> Response {
    let plan = EndPlan::new(target, EndReason::User, Actor::User(user));
    match context.engine().end_sessions(context.tenant(), plan).await {
        Ok(_) => respond::empty(StatusCode::NO_CONTENT),
        Err(cause) => error::failure(context, &cause),
    }
}
