//! Which pages of other origins may call which endpoints (the Fetch standard's CORS protocol). Any script may read
//! public documents; endpoints that accept tokens and codes, and the APIs, respond to scripts of registered
//! applications. Cookies are only allowed at endpoints where a token may be bound to one, and prove nothing there.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sojourn_model::TenantId;

use crate::AppState;
use crate::respond;

const PUBLIC: [&str; 2] = ["/.well-known/openid-configuration", "/oauth2/jwks"];
/// Tokens may be bound to a cookie (`binding.rs`), so these endpoints need it.
const WITH_COOKIES: [&str; 4] =
    ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke", "/oauth2/introspect"];
/// Prefixes of paths that scripts call with a bearer token only.
const WITH_TOKENS: [&str; 3] = ["/api/", "/connect/register", "/scim2/Me"];

/// What a response tells the browser about other origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cors {
    /// No headers: the endpoint isn't open to other origins, or no script of another origin calls it.
    None,
    /// Scripts of any origin may read the response.
    Anyone,
    /// Scripts of this origin may read the response; the flag says whether with cookies.
    Origin(HeaderValue, bool),
    /// The response depends on the origin, and this origin isn't registered.
    Stranger,
}

/// Decides on a request to a path below its tenant.
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

/// Returns the response to a preflight; `None` for any other request.
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

/// Adds the CORS headers to a response, errors included.
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
