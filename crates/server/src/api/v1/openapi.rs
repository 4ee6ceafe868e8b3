//! The OpenAPI 3.1 description of the session service, generated from the code, and a page that shows it.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use sojourn_model::limits::QUERY_BYTES_MAX;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{bounds, deliveries, end, feed, handlers, jobs, policies, sessions};
use crate::context::Context;
use crate::respond;
use crate::web::filters;
use crate::web::render;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sojourn session service",
        description = "Find any session, end any set of them, know what happened.",
        license(name = "Apache-2.0")
    ),
    servers((url = "/api/sessions/v1")),
    tags(
        (name = "Finding", description = "Sessions by filter, living and ended"),
        (name = "Own sessions", description = "What a person sees of themselves"),
        (name = "Ending", description = "Sessions, users, roles, networks, applications, any query"),
        (name = "Jobs", description = "Large ends, with progress"),
        (name = "Policies", description = "Lifetimes, limits and what ends sessions"),
        (name = "Deliveries", description = "What applications were told"),
        (name = "Handlers", description = "What event handlers have done, and what waits for them"),
        (name = "Live", description = "What happens, as it happens"),
    ),
    paths(
        sessions::list, sessions::get, sessions::mine,
        end::post, end::session, end::application, end::grant,
        jobs::list, jobs::get, jobs::cancel, jobs::events,
        policies::list, policies::effective, policies::get_tenant, policies::put_tenant,
        policies::get, policies::put,
        deliveries::list, deliveries::health, deliveries::resend, deliveries::give_up,
        feed::all, feed::mine,
        handlers::list, handlers::tasks, handlers::redo, handlers::skip,
    ),
    modifiers(&Shared)
)]
struct Description;

/// Adds the security schemes that all operations share.
struct Shared;

impl utoipa::Modify for Shared {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        for (name, scheme) in [("bearer", HttpAuthScheme::Bearer), ("basic", HttpAuthScheme::Basic)]
        {
            components.add_security_scheme(name, SecurityScheme::Http(Http::new(scheme)));
        }
    }
}

/// Returns the OpenAPI description as JSON.
///
/// # Panics
/// Never: serialization of our own types can't fail.
#[must_use]
pub fn openapi() -> Value {
    let mut description = serde_json::to_value(Description::openapi()).unwrap_or_default();
    // Any operation may be called too often, or while the server is busy.
    let problem = |text: &str| {
        let schema = json!({"$ref": "#/components/schemas/ProblemJson"});
        json!({"description": text, "content": {"application/problem+json": {"schema": schema}}})
    };
    let paths = description.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flat_map(|paths| paths.values_mut()) {
        for method in operation.as_object_mut().into_iter().flat_map(|methods| methods.values_mut())
        {
            if let Some(responses) = method.get_mut("responses").and_then(Value::as_object_mut) {
                responses.insert(
                    "414".into(),
                    json!({ "description": format!("The query is longer than {QUERY_BYTES_MAX} bytes") }),
                );
                responses.insert("429".into(), problem("Too many attempts to sign in"));
                responses.insert("503".into(), problem("Busy: try again in a moment"));
            }
        }
    }
    bounds::put(&mut description);
    description
}

/// `GET /api/sessions/v1/openapi.json`: returns the OpenAPI description.
pub(crate) async fn get(_: Context) -> Response {
    respond::json(StatusCode::OK, &openapi())
}

/// An operation, for the page.
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    scopes: String,
    parameters: Vec<(String, String, String)>,
    body: Vec<(String, String)>,
    responses: Vec<(String, String)>,
}

/// Operations under one heading.
struct Section {
    id: String,
    name: String,
    about: String,
    operations: Vec<Operation>,
}

#[derive(Template)]
#[template(path = "api_docs.html")]
struct Page {
    base: String,
    sections: Vec<Section>,
}

fn text(of: &Value, name: &str) -> String {
    of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Returns the names and descriptions of the members of a referenced object schema.
fn members(description: &Value, reference: &str) -> Vec<(String, String)> {
    let name = reference.rsplit('/').next().unwrap_or_default();
    let schema = description.pointer(&format!("/components/schemas/{name}/properties"));
    let members = schema.and_then(Value::as_object);
    let members = members.into_iter().flatten();
    members.map(|(name, schema)| (name.clone(), text(schema, "description"))).collect()
}

fn operation(description: &Value, path: &str, method: &str, of: &Value) -> Operation {
    let list = |name: &str| of.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let parameters = list("parameters");
    let parameters = parameters
        .iter()
        .map(|one| (text(one, "name"), text(one, "in"), text(one, "description")))
        .collect();
    let body = of.pointer("/requestBody/content/application~1json/schema/$ref");
    let responses = of.get("responses").and_then(Value::as_object);
    let scopes = list("security").iter().find_map(|one| {
        let scopes = one.get("bearer")?.as_array()?;
        let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
        Some(scopes.join(" "))
    });
    let summary = [text(of, "summary"), text(of, "description")];
    Operation {
        id: text(of, "operationId"),
        method: method.to_uppercase(),
        path: format!("/api/sessions/v1{path}"),
        summary: summary.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
        scopes: scopes.unwrap_or_default(),
        parameters,
        body: body
            .and_then(Value::as_str)
            .map(|reference| members(description, reference))
            .unwrap_or_default(),
        responses: responses
            .into_iter()
            .flatten()
            .map(|(status, one)| (status.clone(), text(one, "description")))
            .collect(),
    }
}

fn sections(description: &Value) -> Vec<Section> {
    let tags = description.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let paths = description.get("paths").and_then(Value::as_object);
    tags.iter()
        .map(|tag| {
            let name = text(tag, "name");
            let mut operations = Vec::new();
            for (path, methods) in paths.into_iter().flatten() {
                for (method, of) in methods.as_object().into_iter().flatten() {
                    if of.pointer("/tags/0").and_then(Value::as_str) == Some(&name) {
                        operations.push(operation(description, path, method, of));
                    }
                }
            }
            let id = name.to_lowercase().replace(' ', "-");
            Section { id, about: text(tag, "description"), name, operations }
        })
        .collect()
}

/// `GET /api/sessions/v1/docs`: returns a page that shows the description, without external resources.
pub(crate) async fn page(context: Context) -> Response {
    let base = context.arrival.prefix.to_string();
    render::page(&context, StatusCode::OK, &Page { base, sections: sections(&openapi()) })
}
