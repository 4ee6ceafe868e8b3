//! The endpoints of OpenID Connect and OAuth 2.0.

pub(crate) mod authorize;
pub(crate) mod binding;
pub(crate) mod discovery;
pub(crate) mod extend;
pub(crate) mod introspect;
pub(crate) mod jwks;
pub(crate) mod logout;
pub(crate) mod register;
pub(crate) mod reply;
pub(crate) mod revoke;
pub(crate) mod session_state;
pub(crate) mod token;
pub(crate) mod userinfo;
pub(crate) mod webfinger;

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use http::header;
use sojourn_model::Application;
use sojourn_oidc::{OAuthError, Params, client_auth};

use crate::context::Context;
use crate::{request, respond};

/// Path of the authorization endpoint, below the tenant.
pub(crate) const AUTHORIZE: &str = "/oauth2/authorize";

/// Reads the form of an endpoint that applications call, and authenticates the application.
async fn authenticated_form(
    context: &Context,
    body: &Bytes,
) -> Result<(Params, Arc<Application>), Box<Response>> {
    let refuse = |error: &OAuthError, challenged| Box::new(respond::oauth_error(error, challenged));
    let params = request::form(&context.headers, body)
        .map_err(|error| refuse(&OAuthError::invalid_request(error.to_string()), false))?;
    params.no_doubles().map_err(|error| refuse(&error.into(), false))?;
    let authorization = context.header(header::AUTHORIZATION);
    let challenged = authorization.is_some();
    let presented = client_auth::credentials(authorization, &params)
        .map_err(|error| refuse(&error, challenged))?;
    let app = context
        .engine()
        .authenticate_client(context.tenant(), &presented, &context.arrival.ip.to_string())
        .await
        .map_err(|error| Box::new(respond::token_error(&error, challenged)))?;
    Ok((params, app))
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1).
fn bearer(context: &Context) -> Option<String> {
    let (scheme, token) = context.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
