//! Callers of the REST APIs, with the right that a resource asks for.

use sojourn_engine::{Authority, EngineError, Right, Who};
use sojourn_model::UserId;

use super::refusal::Refusal;
use crate::caller::authenticated;
use crate::context::Context;

/// Authenticates the caller; fails if it lacks the right.
pub(super) async fn caller(context: &Context, right: Right) -> Result<Authority, Refusal> {
    let caller = authenticated(context).await?;
    if caller.may(right) { Ok(caller) } else { Err(EngineError::Forbidden.into()) }
}

/// Authenticates a user who accesses their own data. Applications are refused: they have no sessions and no factors.
pub(super) async fn person(context: &Context) -> Result<UserId, Refusal> {
    Ok(own(context).await?.0)
}

/// Like [`person`], with the authority that use cases ask for.
pub(super) async fn own(context: &Context) -> Result<(UserId, Authority), Refusal> {
    let by = caller(context, Right::Login).await?;
    match by.who() {
        Who::User(user, _) => Ok((user, by)),
        Who::Application(_) | Who::Operator | Who::System => Err(EngineError::Forbidden.into()),
    }
}
