//! `/scim2/Bulk`: several writes in one request (RFC 7644 §3.7). Each is a transaction of its own, in the order of the
//! request; a write that refers to a resource that another one creates runs after it.

use std::collections::HashMap;

use axum::body::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use sojourn_engine::scim::ScimFailure;
use sojourn_model::limits::SCIM_BULK_MAX;
use sojourn_scim::{Projection, ScimError};

use super::{Answer, Call, Refusal, Reply, groups, in_words, request, roles, users};
use crate::context::Context;

const REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// One write of a request.
struct Operation {
    method: String,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Value,
}

/// `POST`: executes all writes of a request.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let mut call = Call::new(&context, None).await?;
    let body = request::body(&context, &body)?;
    all(&mut call, &body).await
}

fn operations(body: &Value) -> Result<Vec<Operation>, ScimError> {
    let named = body.get("schemas").and_then(Value::as_array).into_iter().flatten();
    if !named.filter_map(Value::as_str).any(|urn| urn.eq_ignore_ascii_case(REQUEST_SCHEMA)) {
        return Err(ScimError::invalid_syntax(format!("'schemas' names {REQUEST_SCHEMA}")));
    }
    let all = body.get("Operations").and_then(Value::as_array);
    let all = all.ok_or_else(|| ScimError::invalid_syntax("'Operations' is a list"))?;
    if all.len() > SCIM_BULK_MAX {
        let why = format!("a request has {SCIM_BULK_MAX} operations at most");
        return Err(ScimError::new(413, None, why));
    }
    let read = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
        let missing =
            |name: &str| ScimError::invalid_syntax(format!("an operation needs '{name}'"));
        let method = text("method").ok_or_else(|| missing("method"))?.to_ascii_uppercase();
        let bulk_id = text("bulkId");
        if method == "POST" && bulk_id.is_none() {
            return Err(missing("bulkId"));
        }
        Ok(Operation {
            method,
            path: text("path").ok_or_else(|| missing("path"))?,
            bulk_id,
            version: text("version"),
            data: one.get("data").cloned().unwrap_or_default(),
        })
    };
    all.iter().map(read).collect()
}

/// Returns the names in a value that refer to resources of other operations: `bulkId:name`.
fn refers_to(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            text.strip_prefix("bulkId:").map(str::to_owned).into_iter().collect()
        }
        Value::Array(all) => all.iter().flat_map(refers_to).collect(),
        Value::Object(object) => object.values().flat_map(refers_to).collect(),
        _ => Vec::new(),
    }
}

/// Replaces such names in a value with ids.
fn resolve(value: &mut Value, made: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(id) = text.strip_prefix("bulkId:").and_then(|name| made.get(name)) {
                text.clone_from(id);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| resolve(one, made)),
        Value::Object(object) => object.values_mut().for_each(|one| resolve(one, made)),
        _ => {}
    }
}

/// Returns a path with such names replaced by ids.
fn resolved(path: &str, made: &HashMap<String, String>) -> String {
    let parts = path.split('/').map(|part| {
        let id = part.strip_prefix("bulkId:").and_then(|name| made.get(name));
        id.map_or(part, String::as_str)
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn all(call: &mut Call<'_>, body: &Value) -> Answer {
    let mut waiting = operations(body)?;
    let most = body.get("failOnErrors").and_then(Value::as_u64).filter(|most| *most > 0);
    let mut made: HashMap<String, String> = HashMap::new();
    let (mut results, mut errors) = (Vec::new(), 0);
    // The response doesn't contain the whole resource, so its members needn't be read.
    call.shown = Projection { attributes: vec!["id".into(), "meta".into()], excluded: Vec::new() };
    while !waiting.is_empty() {
        // The next operation with known references. If there is none, the remaining ones refer to each other or to an
        // unknown name.
        let ready = waiting.iter().position(|one| {
            let mut names = refers_to(&one.data);
            names.extend(
                one.path
                    .split('/')
                    .filter_map(|part| part.strip_prefix("bulkId:").map(str::to_owned)),
            );
            names.iter().all(|name| made.contains_key(name))
        });
        let mut operation = waiting.remove(ready.unwrap_or(0));
        let done = if ready.is_none() {
            let why = "it refers to what no operation before it made";
            Err(ScimError::new(409, None, why).into())
        } else {
            resolve(&mut operation.data, &made);
            operation.path = resolved(&operation.path, &made);
            call.if_match.clone_from(&operation.version);
            one(call, &operation).await
        };
        let failed = done.is_err();
        results.push(result(call, &operation, done, &mut made));
        errors += u64::from(failed);
        if most.is_some_and(|most| errors >= most) {
            break;
        }
    }
    let body = json!({ "schemas": [RESPONSE_SCHEMA], "Operations": results });
    Ok(Reply { status: StatusCode::OK, body: Some(body) })
}

fn result(
    call: &Call<'_>,
    operation: &Operation,
    done: Answer,
    made: &mut HashMap<String, String>,
) -> Value {
    let mut out = json!({ "method": operation.method });
    let Some(object) = out.as_object_mut() else { return out };
    if let Some(bulk_id) = &operation.bulk_id {
        object.insert("bulkId".into(), bulk_id.clone().into());
    }
    let base = call.context.engine().scim_base(call.context.tenant());
    match done {
        Ok(reply) => {
            let id = reply.body.as_ref().and_then(|body| body.get("id")?.as_str());
            if let (Some(bulk_id), Some(id)) = (&operation.bulk_id, id) {
                made.insert(bulk_id.clone(), id.to_owned());
            }
            let location = reply.meta("location").map(str::to_owned);
            let location = location.unwrap_or_else(|| format!("{base}{}", operation.path));
            object.insert("location".into(), location.into());
            if let Some(version) = reply.meta("version") {
                object.insert("version".into(), version.into());
            }
            object.insert("status".into(), reply.status.as_u16().to_string().into());
        }
        Err(refusal) => {
            let error = match refusal {
                Refusal::Failed(failure) => in_words(&failure),
                Refusal::Denied(_) => ScimError::new(401, None, "Nobody is signed in."),
            };
            if operation.method != "POST" {
                object.insert("location".into(), format!("{base}{}", operation.path).into());
            }
            object.insert("status".into(), error.status.to_string().into());
            object.insert("response".into(), error.body());
        }
    }
    out
}

async fn one(call: &Call<'_>, operation: &Operation) -> Answer {
    let path = operation.path.trim_matches('/');
    let (endpoint, id) = match path.strip_prefix("v2/Roles") {
        Some(rest) => ("v2/Roles", rest.trim_start_matches('/')),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let data = &operation.data;
    match (&*operation.method, endpoint, id) {
        ("POST", "Users", "") => users::create(call, data).await,
        ("PUT", "Users", id) => users::replace(call, id, data).await,
        ("PATCH", "Users", id) => users::change(call, id, data).await,
        ("DELETE", "Users", id) => users::remove(call, id).await,
        ("POST", "Groups", "") => groups::create(call, data).await,
        ("PUT", "Groups", id) => groups::replace(call, id, data).await,
        ("PATCH", "Groups", id) => groups::change(call, id, data).await,
        ("DELETE", "Groups", id) => groups::remove(call, id).await,
        ("POST", "v2/Roles", "") => roles::create(call, data).await,
        ("PUT", "v2/Roles", id) => roles::replace(call, id, data).await,
        ("PATCH", "v2/Roles", id) => roles::change(call, id, data).await,
        ("DELETE", "v2/Roles", id) => roles::remove(call, id).await,
        _ => {
            let why = format!("there is no {} {}", operation.method, operation.path);
            Err(ScimFailure::from(ScimError::invalid_path(why)).into())
        }
    }
}
