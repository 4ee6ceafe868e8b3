//! The OpenAPI 3.1 description of the session service, generated from the code.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use sojourn_model::limits::QUERY_BYTES_MAX;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{bounds, deliveries, end, feed, handlers, jobs, policies, sessions};
use crate::context::Context;
use crate::respond;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sojourn session service",
        description = "Search sessions, end one or many of them, and see what happened.",
        license(name = "Apache-2.0")
    ),
    servers((url = "/api/sessions/v1")),
    tags(
        (name = "Finding", description = "Search active and ended sessions by filter"),
        (name = "Own sessions", description = "The caller's own sessions"),
        (name = "Ending", description = "End sessions by user, role, network, application or filter"),
        (name = "Jobs", description = "Bulk sign-outs and their progress"),
        (name = "Policies", description = "Lifetimes, session limits and events that end sessions"),
        (name = "Deliveries", description = "Notifications to applications"),
        (name = "Handlers", description = "Event handlers and their tasks"),
        (name = "Live", description = "Events as they happen"),
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
                responses
                    .insert("503".into(), problem("The server is busy; try again in a moment"));
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
