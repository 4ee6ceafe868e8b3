//! The endpoints of OpenID Connect and OAuth 2.0.

pub(crate) mod authorize;
pub(crate) mod binding;
pub(crate) mod discovery;
pub(crate) mod extend;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod logout;
mod refusal;
pub(crate) mod register;
pub(crate) mod reply;
pub(crate) mod revoke;
pub(crate) mod session_state;
pub(crate) mod token;
pub(crate) mod userinfo;
pub(crate) mod webfinger;

use std::sync::Arc;

use axum::body::Bytes;
use http::header;
use sojourn_model::Application;
use sojourn_oidc::{Params, client_auth};

use self::refusal::Refusal;

use crate::context::Context;
use crate::request;

/// Path of the authorization endpoint, below the tenant.
pub(crate) const AUTHORIZE: &str = "/oauth2/authorize";

/// Parses the form of an endpoint that applications call, and authenticates the application.
async fn authenticated_form(
    context: &Context,
    body: &Bytes,
) -> Result<(Params, Arc<Application>), Refusal> {
    let params = request::form(&context.headers, body)?;
    params.no_doubles()?;
    let presented = client_auth::credentials(context.header(header::AUTHORIZATION), &params)?;
    let (tenant, ip) = (context.tenant(), context.arrival.ip.to_string());
    let app = context.engine().authenticate_client(tenant, &presented, &ip).await?;
    Ok((params, app))
}

/// Returns the token of an `Authorization: Bearer` header (RFC 6750 §2.1).
fn bearer(context: &Context) -> Option<String> {
    let (scheme, token) = context.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
