//! `/scim2/Groups`: administration of groups.

use http::StatusCode;
use serde_json::Value;
use sojourn_engine::Right;
use sojourn_engine::scim::ListQuery;
use sojourn_model::GroupId;

use super::{Answer, Call, Refusal, Reply, unknown};

fn id_of(id: &str) -> Result<GroupId, Refusal> {
    id.parse().map_err(|_| unknown("group"))
}

/// Returns a page of groups; fails if the caller lacks the right.
pub(super) async fn found(call: &Call<'_>, query: &ListQuery) -> Answer {
    call.need(Right::GroupList)?;
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let listed = engine.list_groups(tenant, query, &call.caller).await?;
    Ok(call.listed(query, listed))
}

super::endpoints::endpoints!(Right::GroupView);

/// Returns a group with the attributes that the request selects.
pub(super) async fn one(call: &Call<'_>, status: StatusCode, id: GroupId) -> Answer {
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let mut resource = engine.group_resource(tenant, id, &call.shown).await?;
    call.shown.apply(&engine.scim_types().group, &mut resource);
    Ok(Reply::resource(status, resource))
}

/// Creates a group and returns it.
pub(super) async fn create(call: &Call<'_>, body: &Value) -> Answer {
    call.need(Right::GroupCreate)?;
    let engine = call.context.engine();
    let made = engine.create_group(call.context.tenant(), body, &call.caller).await?;
    one(call, StatusCode::CREATED, made).await
}

/// Replaces a group with the sent resource and returns it.
pub(super) async fn replace(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    call.need(Right::GroupUpdate)?;
    let (engine, id) = (call.context.engine(), id_of(id)?);
    let what = (body, call.if_version());
    engine.replace_group(call.context.tenant(), id, what, &call.caller).await?;
    one(call, StatusCode::OK, id).await
}

/// Applies a patch to a group and returns it.
pub(super) async fn change(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    call.need(Right::GroupUpdate)?;
    let (engine, id) = (call.context.engine(), id_of(id)?);
    let what = (body, call.if_version());
    engine.patch_group(call.context.tenant(), id, what, &call.caller).await?;
    one(call, StatusCode::OK, id).await
}

/// Removes a group, if the caller has the right and the version matches.
pub(super) async fn remove(call: &Call<'_>, id: &str) -> Answer {
    call.need(Right::GroupDelete)?;
    let (engine, version) = (call.context.engine(), call.if_version());
    engine.delete_group(call.context.tenant(), id_of(id)?, version, &call.caller).await?;
    Ok(Reply::gone())
}
