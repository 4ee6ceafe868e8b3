//! The page that shows the description of the session service.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::api::v1::openapi::openapi;
use crate::context::Context;
use crate::web::filters;
use crate::web::render;

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
