//! `/scim2/Users`: administration of accounts.

use http::StatusCode;
use serde_json::Value;
use sojourn_engine::Right;
use sojourn_engine::scim::{ListQuery, UserEdit, Writing};
use sojourn_model::UserId;
use sojourn_scim::Resource;

use super::{Answer, Call, Refusal, Reply, unknown};

fn id_of(id: &str) -> Result<UserId, Refusal> {
    id.parse().map_err(|_| unknown("user"))
}

/// Returns a page of users; fails if the caller lacks the right.
pub(super) async fn found(call: &Call<'_>, query: &ListQuery) -> Answer {
    call.need(Right::UserList)?;
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let listed = engine.list_users(tenant, query, &call.caller).await?;
    Ok(call.listed(query, listed))
}

super::endpoints::endpoints!(Right::UserView);

/// Returns an account with the attributes that the request selects.
pub(super) async fn one(call: &Call<'_>, status: StatusCode, id: UserId) -> Answer {
    let resource = call.context.engine().user_resource(call.context.tenant(), id).await?;
    Ok(shown(call, status, resource))
}

pub(super) fn shown(call: &Call<'_>, status: StatusCode, mut resource: Resource) -> Reply {
    call.shown.apply(&call.context.engine().scim_types().user, &mut resource);
    Reply::resource(status, resource)
}

/// Creates an account and returns it.
pub(super) async fn create(call: &Call<'_>, body: &Value) -> Answer {
    call.need(Right::UserCreate)?;
    let engine = call.context.engine();
    let made = engine.create_user(call.context.tenant(), body, &call.caller).await?;
    Ok(shown(call, StatusCode::CREATED, made))
}

fn writing<'w>(call: &'w Call<'_>) -> Writing<'w> {
    Writing { by: &call.caller, own: false, fresh: false, if_match: call.if_match.as_deref() }
}

/// Replaces an account with the sent resource and returns it.
pub(super) async fn replace(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    edit(call, id, UserEdit::Replace(body)).await
}

/// Applies a patch to an account and returns it.
pub(super) async fn change(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    edit(call, id, UserEdit::Patch(body)).await
}

async fn edit(call: &Call<'_>, id: &str, edit: UserEdit<'_>) -> Answer {
    call.need(Right::UserUpdate)?;
    let engine = call.context.engine();
    let written = engine.edit_user(call.context.tenant(), id_of(id)?, edit, &writing(call)).await?;
    Ok(shown(call, StatusCode::OK, written))
}

/// Removes an account, if the caller has the right and the entity tag matches.
pub(super) async fn remove(call: &Call<'_>, id: &str) -> Answer {
    call.need(Right::UserDelete)?;
    let engine = call.context.engine();
    engine.delete_user(call.context.tenant(), id_of(id)?, &writing(call)).await?;
    Ok(Reply::gone())
}
