//! `/.well-known/openid-configuration`.

use axum::response::Response;
use http::{StatusCode, header};
use sojourn_oidc::{Endpoints, discovery_document};

use crate::context::Context;
use crate::respond;

/// The tenant's description of itself.
pub(crate) async fn get(context: Context) -> Response {
    let endpoints = Endpoints {
        issuer: context.engine().issuer(context.tenant()),
        languages: context.state.languages.all().iter().map(|one| one.code.clone()).collect(),
    };
    let registration =
        context.engine().settings().registration != sojourn_engine::RegistrationMode::Off;
    let document = discovery_document(&endpoints, sojourn_engine::ADMIN_SCOPES, registration);
    public(respond::json(StatusCode::OK, &document))
}

/// Anyone may read it, for a while from memory.
pub(crate) fn public(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("public, max-age=300"));
    response
}
