//! Service discovery (RFC 7644 §4). Anyone who may sign in can read it; it reveals nothing about anyone.

use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use sojourn_engine::scim::{PAGE, PAGE_MAX};
use sojourn_model::limits::{SCIM_BULK_MAX, SCIM_BYTES_MAX};
use sojourn_scim::{ResourceType, ScimError};

use super::{LIST_SCHEMA, document};
use crate::context::Context;

/// `GET /scim2/ServiceProviderConfig`: returns the supported features and authentication schemes.
pub(crate) async fn service_provider_config(context: Context) -> Response {
    let base = context.engine().scim_base(context.tenant());
    let basic = context.engine().settings().basic_authentication;
    let mut schemes = vec![json!({
        "type": "oauthbearertoken", "name": "OAuth Bearer Token", "primary": true,
        "description": "An access token with the scopes of what is to be done.",
        "specUri": "https://www.rfc-editor.org/info/rfc6750",
    })];
    if basic {
        schemes.push(json!({
            "type": "httpbasic", "name": "HTTP Basic",
            "description": "Login name and password of an account with the rights.",
            "specUri": "https://www.rfc-editor.org/info/rfc7617",
        }));
    }
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": {
            "supported": true, "maxOperations": SCIM_BULK_MAX, "maxPayloadSize": SCIM_BYTES_MAX,
        },
        "filter": { "supported": true, "maxResults": PAGE_MAX },
        "changePassword": { "supported": true },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true, "index": true, "defaultPaginationMethod": "index",
            "defaultPageSize": PAGE, "maxPageSize": PAGE_MAX,
        },
        "authenticationSchemes": schemes,
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    });
    document(StatusCode::OK, &body)
}

fn types(context: &Context) -> [&ResourceType; 3] {
    let types = context.engine().scim_types();
    [&types.user, &types.group, &types.role]
}

fn list(resources: &[Value]) -> Response {
    let body = json!({
        "schemas": [LIST_SCHEMA], "totalResults": resources.len(), "startIndex": 1,
        "itemsPerPage": resources.len(), "Resources": resources,
    });
    document(StatusCode::OK, &body)
}

fn one(found: Option<Value>) -> Response {
    match found {
        Some(found) => document(StatusCode::OK, &found),
        None => document(
            StatusCode::NOT_FOUND,
            &ScimError::new(404, None, "There is no resource with that name.").body(),
        ),
    }
}

/// `GET /scim2/ResourceTypes`: lists the resource types.
pub(crate) async fn resource_types(context: Context) -> Response {
    let base = context.engine().scim_base(context.tenant());
    let all: Vec<Value> = types(&context).iter().map(|of| of.published(&base)).collect();
    list(&all)
}

/// `GET /scim2/ResourceTypes/{id}`: returns one resource type by its name.
pub(crate) async fn resource_type(context: Context, Path(id): Path<String>) -> Response {
    let base = context.engine().scim_base(context.tenant());
    let found = types(&context).into_iter().find(|of| of.name == id);
    one(found.map(|of| of.published(&base)))
}

fn published(context: &Context) -> Vec<Value> {
    let base = context.engine().scim_base(context.tenant());
    let all = types(context).into_iter();
    all.flat_map(|of| std::iter::once(&of.schema).chain(&of.extensions))
        .map(|schema| schema.published(&base))
        .collect()
}

/// `GET /scim2/Schemas`: lists the schemas and their extensions.
pub(crate) async fn schemas(context: Context) -> Response {
    list(&published(&context))
}

/// `GET /scim2/Schemas/{id}`: returns one schema by its URN.
pub(crate) async fn schema(context: Context, Path(id): Path<String>) -> Response {
    let all = published(&context);
    let is = |one: &&Value| one["id"].as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(&id));
    one(all.iter().find(is).cloned())
}
