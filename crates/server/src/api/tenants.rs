//! `/api/server/v1/tenants`: administration of tenants, only for administrators of the default tenant.

use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sojourn_engine::directory::{NewTenant, NewUser};
use sojourn_engine::{Authority, EngineError, Right};
use sojourn_model::{Tenant, TenantId};

use super::applications;
use super::caller::caller;
use super::refusal::{Answer, Refusal};
use crate::context::Context;
use crate::respond;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTenantJson {
    domain: String,
    #[serde(deserialize_with = "crate::api::object::list")]
    owners: Vec<OwnerJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerJson {
    username: String,
    password: String,
    email: Option<String>,
    firstname: Option<String>,
    lastname: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusJson {
    activated: bool,
}

fn shown(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id.0.to_string(),
        "domain": tenant.name,
        "createdDate": super::json::moment(tenant.created_at),
        "lifecycleStatus": { "activated": tenant.enabled },
    })
}

/// Authenticates an administrator of the default tenant; for callers of other tenants no tenant exists.
async fn overseer(context: &Context, right: Right) -> Result<Authority, Refusal> {
    let caller = caller(context, right).await?;
    if context.tenant().id == TenantId::DEFAULT {
        return Ok(caller);
    }
    Err(EngineError::NotFound("tenant").into())
}

async fn named(context: &Context, id: &str) -> Result<Tenant, EngineError> {
    let id: i64 = id.parse().map_err(|_| EngineError::NotFound("tenant"))?;
    let found = context.engine().installation().tenant(TenantId(id)).await?;
    found.ok_or(EngineError::NotFound("tenant"))
}

/// `GET`: lists all tenants.
pub(crate) async fn list(context: Context) -> Answer {
    overseer(&context, Right::TenantList).await?;
    let found = context.engine().tenants().await?;
    let all: Vec<Value> = found.iter().map(shown).collect();
    let body = json!({ "totalResults": all.len(), "tenants": all });
    Ok(respond::json(StatusCode::OK, &body))
}

/// `POST`: creates a tenant with its first administrator.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let caller = overseer(&context, Right::TenantCreate).await?;
    let body = applications::document(&context, &body)?;
    let new: NewTenantJson = serde_json::from_value(body.into())
        .map_err(|error| EngineError::Invalid(error.to_string()))?;
    let Ok([owner]) = <[OwnerJson; 1]>::try_from(new.owners) else {
        return Err(EngineError::Invalid("specify exactly one owner".into()).into());
    };
    let owner = NewUser {
        username: owner.username,
        password: Some(owner.password),
        email: owner.email,
        given_name: owner.firstname,
        family_name: owner.lastname,
        ..NewUser::default()
    };
    let new = NewTenant { name: new.domain, owner };
    let tenant = context.engine().add_tenant(new, &caller).await?;
    let location = format!("/api/server/v1/tenants/{}", tenant.id.0);
    let response = respond::json(StatusCode::CREATED, &shown(&tenant));
    Ok(respond::with(response, header::LOCATION, &location))
}

/// `GET …/{id}`: returns one tenant.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    overseer(&context, Right::TenantView).await?;
    let tenant = named(&context, &id).await?;
    Ok(respond::json(StatusCode::OK, &shown(&tenant)))
}

/// `PUT …/{id}/lifecycle-status`: enables or disables a tenant. Disabling it ends its sessions.
pub(crate) async fn put_status(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let caller = overseer(&context, Right::TenantUpdate).await?;
    let body = applications::document(&context, &body)?;
    let status: StatusJson = serde_json::from_value(body.into())
        .map_err(|error| EngineError::Invalid(error.to_string()))?;
    let tenant = named(&context, &id).await?;
    let engine = context.engine();
    engine.set_tenant_enabled(&tenant, status.activated, &caller).await?;
    Ok(respond::empty(StatusCode::OK))
}

/// `DELETE …/{id}`: removes a tenant. It stops serving requests at once, and a job erases its data.
pub(crate) async fn delete(context: Context, Path(id): Path<String>) -> Answer {
    let caller = overseer(&context, Right::TenantDelete).await?;
    let tenant = named(&context, &id).await?;
    let job = context.engine().remove_tenant(&tenant, &caller).await?;
    Ok(respond::json(StatusCode::ACCEPTED, &json!({ "job": job.to_string() })))
}
