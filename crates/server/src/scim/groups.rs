//! `/scim2/Groups`.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use http::StatusCode;
use serde_json::Value;
use sojourn_engine::Right;
use sojourn_engine::scim::ListQuery;
use sojourn_model::GroupId;

use super::{Answer, Call, Refusal, Reply, request, unknown};
use crate::context::Context;

fn id_of(id: &str) -> Result<GroupId, Refusal> {
    id.parse().map_err(|_| unknown("group"))
}

/// A page of groups.
pub(super) async fn found(call: &Call<'_>, query: &ListQuery) -> Answer {
    call.need(Right::GroupList)?;
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let listed = engine.list_groups(tenant, query, &call.caller).await?;
    Ok(call.listed(query, listed))
}

/// `GET`: lists.
pub(crate) async fn list(context: Context, RawQuery(query): RawQuery) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    found(&call, &request::list_of_query(query.as_deref())?).await
}

/// `POST …/.search`: lists.
pub(crate) async fn search(context: Context, body: Bytes) -> Answer {
    let call = Call::new(&context, None).await?;
    found(&call, &request::list_of_body(&context, &body)?).await
}

/// `POST`: makes one.
pub(crate) async fn post(context: Context, RawQuery(query): RawQuery, body: Bytes) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    create(&call, &request::body(&context, &body)?).await
}

/// `GET …/{id}`.
pub(crate) async fn get(
    context: Context,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    call.need(Right::GroupView)?;
    one(&call, StatusCode::OK, id_of(&id)?).await
}

/// `PUT …/{id}`: replaces it.
pub(crate) async fn put(
    context: Context,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    replace(&call, &id, &request::body(&context, &body)?).await
}

/// `PATCH …/{id}`: changes a part.
pub(crate) async fn patch(
    context: Context,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let call = Call::new(&context, query.as_deref()).await?;
    change(&call, &id, &request::body(&context, &body)?).await
}

/// `DELETE …/{id}`.
pub(crate) async fn delete(context: Context, Path(id): Path<String>) -> Answer {
    let call = Call::new(&context, None).await?;
    remove(&call, &id).await
}

/// A group, as it is shown.
pub(super) async fn one(call: &Call<'_>, status: StatusCode, id: GroupId) -> Answer {
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let mut resource = engine.group_resource(tenant, id, &call.shown).await?;
    call.shown.apply(&engine.scim_types().group, &mut resource);
    Ok(Reply::resource(status, resource))
}

/// Makes a group.
pub(super) async fn create(call: &Call<'_>, body: &Value) -> Answer {
    call.need(Right::GroupCreate)?;
    let engine = call.context.engine();
    let made = engine.create_group(call.context.tenant(), body, &call.caller).await?;
    one(call, StatusCode::CREATED, made).await
}

/// Makes a group what was sent.
pub(super) async fn replace(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    call.need(Right::GroupUpdate)?;
    let (engine, id) = (call.context.engine(), id_of(id)?);
    let what = (body, call.if_version());
    engine.replace_group(call.context.tenant(), id, what, &call.caller).await?;
    one(call, StatusCode::OK, id).await
}

/// Changes a part of a group.
pub(super) async fn change(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    call.need(Right::GroupUpdate)?;
    let (engine, id) = (call.context.engine(), id_of(id)?);
    let what = (body, call.if_version());
    engine.patch_group(call.context.tenant(), id, what, &call.caller).await?;
    one(call, StatusCode::OK, id).await
}

/// Removes a group.
pub(super) async fn remove(call: &Call<'_>, id: &str) -> Answer {
    call.need(Right::GroupDelete)?;
    let (engine, version) = (call.context.engine(), call.if_version());
    engine.delete_group(call.context.tenant(), id_of(id)?, version, &call.caller).await?;
    Ok(Reply::gone())
}
