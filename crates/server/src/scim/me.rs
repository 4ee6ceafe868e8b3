//! `/scim2/Me`: the caller's own account (RFC 7644 §3.11). Attributes that would extend the caller's rights can't be
//! changed here.

use axum::body::Bytes;
use axum::extract::RawQuery;
use http::StatusCode;
use sojourn_engine::scim::{UserEdit, Writing};
use sojourn_engine::{Right, Who};
use sojourn_model::UserId;
use sojourn_scim::ScimError;

use super::{Answer, Call, Refusal, request, users};
use crate::context::Context;

fn me(call: &Call<'_>) -> Result<UserId, Refusal> {
    call.need(Right::Login)?;
    match call.caller.who() {
        Who::User(user, _) => Ok(user),
        Who::Application(_) | Who::Operator | Who::System => {
            Err(ScimError::new(404, None, "An application has no account of its own.").into())
        }
    }
}

/// `GET`: returns the caller's own account.
pub(crate) async fn get(context: Context, RawQuery(query): RawQuery) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    users::one(&call, StatusCode::OK, me(&call)?).await
}

/// `PUT`: replaces the caller's own account.
pub(crate) async fn put(context: Context, RawQuery(query): RawQuery, body: Bytes) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    edit(&call, UserEdit::Replace(&request::body(&context, &body)?)).await
}

/// `PATCH`: changes part of the caller's own account.
pub(crate) async fn patch(context: Context, RawQuery(query): RawQuery, body: Bytes) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    edit(&call, UserEdit::Patch(&request::body(&context, &body)?)).await
}

async fn edit(call: &Call<'_>, edit: UserEdit<'_>) -> Answer {
    let fresh = crate::caller::is_basic(call.context);
    let if_match = call.if_match.as_deref();
    let writing = Writing { by: &call.caller, own: true, fresh, if_match };
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let written = engine.edit_user(tenant, me(call)?, edit, &writing).await?;
    Ok(users::shown(call, StatusCode::OK, written))
}
