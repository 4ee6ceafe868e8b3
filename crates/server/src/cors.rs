//! Which pages of other origins may call which endpoints (the Fetch standard's CORS protocol). What is public
//! anyone's script may read; endpoints that take tokens and codes, and the APIs, answer scripts of registered
//! applications. Cookies come only to the endpoints where a token may be bound to one, and are no proof of anything there.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sojourn_model::TenantId;

use crate::AppState;
use crate::respond;

const PUBLIC: [&str; 2] = ["/.well-known/openid-configuration", "/oauth2/jwks"];
/// Tokens may be bound to a cookie (`binding.rs`), so it has to come along.
const WITH_COOKIES: [&str; 4] =
    ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke", "/oauth2/introspect"];
/// Taken with a bearer token alone.
const WITH_TOKENS: [&str; 3] = ["/api/", "/connect/register", "/scim2/Me"];

/// What a request's answer tells the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cors {
    /// Nothing: no such endpoint, or no script of another origin.
    None,
    /// Anyone may read it.
    Anyone,
    /// Scripts of this origin may, perhaps with cookies.
    Origin(HeaderValue, bool),
    /// It depends on the origin, and this one isn't registered.
    Stranger,
}

/// Decides about a request to a path below its tenant.
pub(crate) async fn decide(
    state: &AppState,
    tenant: TenantId,
    path: &str,
    headers: &HeaderMap,
) -> Cors {
    if PUBLIC.contains(&path) {
        return Cors::Anyone;
    }
    let cookies = WITH_COOKIES.contains(&path);
    if !cookies && !WITH_TOKENS.iter().any(|one| path.starts_with(one)) {
        return Cors::None;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Cors::None };
    let Ok(text) = origin.to_str() else { return Cors::Stranger };
    match state.engine.is_registered_origin(tenant, text).await {
        Ok(true) => Cors::Origin(origin.clone(), cookies),
        Ok(false) => Cors::Stranger,
        Err(error) => {
            tracing::error!(%error, "origins can't be read");
            Cors::Stranger
        }
    }
}

/// The answer to a preflight; `None` for any other request.
pub(crate) fn preflight(cors: &Cors, method: &Method, headers: &HeaderMap) -> Option<Response> {
    let asks = method == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && *cors != Cors::None;
    asks.then(|| {
        let mut response = respond::empty(StatusCode::NO_CONTENT);
        if *cors != Cors::Stranger {
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
                (
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                    "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID",
                ),
                (header::ACCESS_CONTROL_MAX_AGE, "600"),
            ] {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
        }
        response
    })
}

/// Adds what the browser has to know, to errors as well.
pub(crate) fn apply(cors: Cors, response: &mut Response) {
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: HeaderValue| {
        headers.insert(name, value);
    };
    match cors {
        Cors::None => {}
        Cors::Anyone => {
            put(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        Cors::Stranger => put(header::VARY, HeaderValue::from_static("Origin")),
        Cors::Origin(origin, cookies) => {
            put(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if cookies {
                put(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            put(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("WWW-Authenticate, ETag, Link, Location, Retry-After"),
            );
            put(header::VARY, HeaderValue::from_static("Origin"));
        }
    }
}
