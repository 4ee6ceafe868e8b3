//! `/scim2/Users`: administration of accounts.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use http::StatusCode;
use serde_json::Value;
use sojourn_engine::Right;
use sojourn_engine::scim::{ListQuery, UserEdit, Writing};
use sojourn_model::UserId;
use sojourn_scim::Resource;

use super::{Answer, Call, Refusal, Reply, request, unknown};
use crate::context::Context;

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

/// `GET`: lists users, with the parameters in the query.
pub(crate) async fn list(context: Context, RawQuery(query): RawQuery) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    found(&call, &request::list_of_query(query.as_deref())?).await
}

/// `POST …/.search`: lists users, with the parameters in the body.
pub(crate) async fn search(context: Context, body: Bytes) -> Answer {
    let call = Call::new(&context, None).await?;
    found(&call, &request::list_of_body(&context, &body)?).await
}

/// `POST`: creates an account.
pub(crate) async fn post(context: Context, RawQuery(query): RawQuery, body: Bytes) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    create(&call, &request::body(&context, &body)?).await
}

/// `GET …/{id}`: returns one account.
pub(crate) async fn get(
    context: Context,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    call.need(Right::UserView)?;
    one(&call, StatusCode::OK, id_of(&id)?).await
}

/// `PUT …/{id}`: replaces an account.
pub(crate) async fn put(
    context: Context,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    replace(&call, &id, &request::body(&context, &body)?).await
}

/// `PATCH …/{id}`: changes part of an account.
pub(crate) async fn patch(
    context: Context,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    change(&call, &id, &request::body(&context, &body)?).await
}

/// `DELETE …/{id}`: removes an account.
pub(crate) async fn delete(context: Context, Path(id): Path<String>) -> Answer {
    let call = Call::new(&context, None).await?;
    remove(&call, &id).await
}

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
