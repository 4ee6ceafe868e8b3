//! `/scim2/v2/Roles`: administration of roles.

use http::StatusCode;
use serde_json::Value;
use sojourn_engine::Right;
use sojourn_engine::scim::ListQuery;
use sojourn_model::RoleId;

use super::{Answer, Call, Refusal, Reply, unknown};

fn id_of(id: &str) -> Result<RoleId, Refusal> {
    id.parse().map_err(|_| unknown("role"))
}

/// Returns a page of roles; fails if the caller lacks the right.
pub(super) async fn found(call: &Call<'_>, query: &ListQuery) -> Answer {
    call.need(Right::RoleList)?;
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let listed = engine.list_roles(tenant, query, &call.caller).await?;
    Ok(call.listed(query, listed))
}

super::endpoints::endpoints!(Right::RoleView);

/// Returns a role with the attributes that the request selects.
pub(super) async fn one(call: &Call<'_>, status: StatusCode, id: RoleId) -> Answer {
    let (engine, tenant) = (call.context.engine(), call.context.tenant());
    let mut resource = engine.role_resource(tenant, id, &call.shown).await?;
    call.shown.apply(&engine.scim_types().role, &mut resource);
    Ok(Reply::resource(status, resource))
}

/// Creates a role and returns it.
pub(super) async fn create(call: &Call<'_>, body: &Value) -> Answer {
    call.need(Right::RoleCreate)?;
    let engine = call.context.engine();
    let made = engine.create_role(call.context.tenant(), body, &call.caller).await?;
    one(call, StatusCode::CREATED, made).await
}

/// Replaces a role with the sent resource and returns it.
pub(super) async fn replace(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    call.need(Right::RoleUpdate)?;
    let (engine, id) = (call.context.engine(), id_of(id)?);
    let what = (body, call.if_version());
    engine.replace_role(call.context.tenant(), id, what, &call.caller).await?;
    one(call, StatusCode::OK, id).await
}

/// Applies a patch to a role and returns it.
pub(super) async fn change(call: &Call<'_>, id: &str, body: &Value) -> Answer {
    call.need(Right::RoleUpdate)?;
    let (engine, id) = (call.context.engine(), id_of(id)?);
    let what = (body, call.if_version());
    engine.patch_role(call.context.tenant(), id, what, &call.caller).await?;
    one(call, StatusCode::OK, id).await
}

/// Removes a role, if the caller has the right and the version matches.
pub(super) async fn remove(call: &Call<'_>, id: &str) -> Answer {
    call.need(Right::RoleDelete)?;
    let (engine, version) = (call.context.engine(), call.if_version());
    engine.delete_role(call.context.tenant(), id_of(id)?, version, &call.caller).await?;
    Ok(Reply::gone())
}
