//! From a connection to a routed request: tenant prefix, request id, log line, common headers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use sojourn_engine::{EngineError, Settings, path_of};
use sojourn_model::Tenant;
use sojourn_model::limits::QUERY_BYTES_MAX;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::AppState;
use crate::context::{Arrival, Context};
use crate::finishing::Finishing;
use crate::routes::of_the_table;
use crate::{cors, refusal, respond};

/// Carries the matched route to the log and the metrics.
#[derive(Clone)]
struct Matched(MatchedPath);

/// Builds the router with the layers that all routes share.
pub(crate) fn application(state: AppState) -> Router {
    crate::routes::router()
        .route_layer(axum::middleware::from_fn(note_route))
        .fallback(crate::fallback::not_found)
        .method_not_allowed_fallback(crate::fallback::method_not_allowed)
        .layer(axum::extract::DefaultBodyLimit::max(sojourn_model::limits::BODY_BYTES_MAX))
        .with_state(state)
}

async fn note_route(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(Matched(route));
    }
    response
}

/// Splits a path under `/t/` into the tenant's name and the rest of the path.
fn split_tenant(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/t/")?;
    match rest.find('/') {
        Some(at) => Some(rest.split_at(at)),
        None => Some((rest, "/")),
    }
}

/// Path of the provider's discovery document.
const DESCRIPTION: &str = "/.well-known/openid-configuration";
/// Paths that clients insert after an issuer's host (RFC 8414 §3.1) or append to the issuer (Discovery 1.0 §4) to find
/// the document.
const DESCRIPTIONS: [&str; 2] = ["/.well-known/oauth-authorization-server", DESCRIPTION];
/// Suffix of WSO2's issuer, where its clients look for the document.
const OTHER_ISSUER: &str = "/oauth2/token";

/// The tenant and the route that a path refers to.
#[derive(Debug, PartialEq, Eq)]
struct Place<'p> {
    /// The tenant named in the path, if any.
    tenant: Option<&'p str>,
    /// The path below the tenant.
    rest: &'p str,
}

fn place<'p>(settings: &'p Settings, host: &str, path: &'p str) -> Place<'p> {
    if let Some(place) = description(settings, host, path) {
        return place;
    }
    let below = below(path, settings.path());
    match split_tenant(below) {
        Some((tenant, rest)) => Place { tenant: Some(tenant), rest },
        None => Place { tenant: None, rest: below },
    }
}

/// Returns the path below the server's own. A proxy may have removed that, so paths without it are served as well.
fn below<'p>(path: &'p str, root: &str) -> &'p str {
    match path.strip_prefix(root) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Returns the tenant of a request for a discovery document, with any issuer and any of its places; `None` for any
/// other request.
fn description<'p>(settings: &'p Settings, host: &str, path: &'p str) -> Option<Place<'p>> {
    let issuer = DESCRIPTIONS.iter().find_map(|known| {
        let behind = path.strip_prefix(known).filter(|rest| rest.starts_with('/'));
        behind.or_else(|| path.strip_suffix(known))
    })?;
    let found = |tenant| Some(Place { tenant, rest: DESCRIPTION });
    let named = || settings.issuers.tenants.iter().filter(|(_, own)| path_of(own) == issuer);
    if let Some((tenant, _)) = named().find(|(_, own)| host_of(own).eq_ignore_ascii_case(host)) {
        return found(Some(tenant.as_str()));
    }
    let own = settings.issuers.form.as_deref().unwrap_or_default();
    let own = own.strip_prefix("{base}").unwrap_or_else(|| path_of(own));
    let below = below(issuer, settings.path());
    let (tenant, rest) =
        split_tenant(below).map_or((None, below), |(name, rest)| (Some(name), rest));
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() || rest == OTHER_ISSUER || rest == own {
        return found(tenant);
    }
    // A proxy that replaces the host leaves the path, which must belong to exactly one tenant.
    let mut named = named();
    match (named.next(), named.next()) {
        (Some((tenant, _)), None) => found(Some(tenant.as_str())),
        _ => None,
    }
}

/// Returns the host and port of a URL.
fn host_of(address: &str) -> &str {
    let host = address.split_once("://").map_or("", |(_, host)| host);
    host.split('/').next().unwrap_or_default()
}

fn rewritten(uri: &Uri, path: &str) -> Option<Uri> {
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The peer of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// The client's address: the connection's, or the one that trusted proxies report.
    pub(crate) client: IpAddr,
    /// Whether the client uses TLS.
    pub(crate) secure: bool,
    /// Whether the request comes from this machine or a trusted proxy itself, not from a client behind it.
    pub(crate) own: bool,
    /// SHA-256 of the client's certificate.
    pub(crate) certificate: Option<[u8; 32]>,
}

impl Peer {
    /// Creates a peer without certificate and encryption, until more is known.
    pub(crate) fn new(address: SocketAddr, client: IpAddr) -> Self {
        Self { address, client, secure: false, own: false, certificate: None }
    }
}

/// Whether browsers must use TLS from now on (HSTS). Not for localhost: that would force TLS on every other server on a
/// developer's machine.
fn wants_hsts(base_url: &str) -> bool {
    base_url.starts_with("https://") && !base_url.starts_with("https://localhost")
}

/// Serves one request: routes it, logs it, and adds the common headers.
pub(crate) async fn handle(
    state: AppState,
    router: Router,
    mut request: Request<Body>,
    peer: Peer,
) -> Response {
    let began = started();
    let bytes: [u8; 12] = sojourn_model::time::random(state.engine.rng());
    let request_id: Arc<str> = sojourn_model::ids::hex(&bytes).into();
    // At the highest level, so that everything logged within it includes the request's id.
    let span = tracing::error_span!("request", id = %request_id);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // Liveness depends only on the process itself.
    if path == "/health/live" && method == http::Method::GET {
        let mut response = crate::health::live().await;
        finish(&mut response, &request_id, false);
        return response;
    }
    let mut response = match arrive(&state, &mut request, peer, &request_id).await {
        Ok(arrival) => {
            let cors =
                cors::decide(&state, arrival.tenant.id, request.uri().path(), request.headers())
                    .await;
            let preflight = cors::preflight(&cors, request.method(), request.headers());
            let mut response = match preflight {
                Some(response) => response,
                None => routed(&state, router, request, arrival).instrument(span).await,
            };
            cors::apply(cors, &mut response);
            response
        }
        Err(refused) => *refused,
    };
    finish(&mut response, &request_id, wants_hsts(&state.engine.settings().base_url));
    let status = response.status().as_u16();
    let seconds = began.elapsed().as_secs_f64();
    let matched = response.extensions().get::<Matched>();
    let route = of_the_table(matched.map_or("none", |matched| matched.0.as_str()));
    state.metrics.request(route, &method, status, seconds);
    if state.access_log.load(std::sync::atomic::Ordering::Relaxed) {
        tracing::info!(
            target: "sojourn::access",
            address = %peer.client,
            %method,
            // The query can contain codes and tokens and stays out of the log.
            path = ?path,
            route,
            status,
            duration_us = began.elapsed().as_micros() as u64,
            request = %request_id,
            "served"
        );
    }
    response
}

/// Returns the response of the request's handler, or of its refusal.
async fn routed(
    state: &AppState,
    router: Router,
    mut request: Request<Body>,
    arrival: Arrival,
) -> Response {
    let Some(place) = state.under_way.begin() else { return respond::failure(&EngineError::Busy) };
    let context = Context::put_into(&mut request, arrival, state);
    let work = router.oneshot(request).in_current_span();
    // What a refusal says is part of the work: it is logged even if nobody waits for it any more.
    let work = Finishing::new(async move {
        let answer = work.await.map(|response| refusal::said(&context, response));
        drop(place);
        answer
    });
    match work.await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a request took is measured, not decided by"
)]
pub(crate) fn started() -> Instant {
    Instant::now()
}

async fn arrive(
    state: &AppState,
    request: &mut Request<Body>,
    peer: Peer,
    request_id: &Arc<str>,
) -> Result<Arrival, Box<Response>> {
    let uri = request.uri().clone();
    if uri.query().is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
        let text = format!("The query is longer than {QUERY_BYTES_MAX} bytes.");
        return Err(Box::new(respond::plain(StatusCode::URI_TOO_LONG, text)));
    }
    // HTTP/2 has the host in the URI.
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
    let host: Arc<str> = host.unwrap_or_default().into();
    let place = place(state.engine.settings(), &host, uri.path());
    if place.rest != uri.path() {
        let rewritten = rewritten(&uri, place.rest).ok_or_else(|| {
            Box::new(respond::plain(StatusCode::BAD_REQUEST, "The path is malformed."))
        })?;
        *request.uri_mut() = rewritten;
    }
    let root = state.engine.settings().path();
    let prefix = match place.tenant {
        Some(name) => format!("{root}/t/{name}"),
        None => root.to_owned(),
    };
    let name = place.tenant.unwrap_or(Tenant::DEFAULT_NAME);
    let tenant = match state.engine.tenant(name).await {
        Ok(tenant) => tenant,
        Err(EngineError::NotFound(_)) => {
            return Err(Box::new(crate::fallback::no_such_tenant(place.rest, request_id)));
        }
        Err(error) => return Err(Box::new(respond::failure(&error))),
    };
    Ok(Arrival {
        tenant,
        prefix: prefix.into(),
        host,
        ip: peer.client.to_canonical(),
        request_id: Arc::clone(request_id),
        secure: peer.secure,
        own: peer.own,
        certificate: peer.certificate,
    })
}

fn finish(response: &mut Response, request_id: &str, hsts: bool) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // 'no-referrer' would make browsers send 'Origin: null' with our own forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if hsts {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_in_paths() {
        assert_eq!(split_tenant("/t/acme/oauth2/token"), Some(("acme", "/oauth2/token")));
        assert_eq!(split_tenant("/t/acme"), Some(("acme", "/")));
        assert_eq!(split_tenant("/t/"), Some(("", "/")));
        assert_eq!(split_tenant("/token"), None);
        let uri: Uri = "/t/acme/x?y=1".parse().expect("a uri");
        assert_eq!(rewritten(&uri, "/x").map(|uri| uri.to_string()), Some("/x?y=1".into()));
    }

    #[test]
    fn places_of_a_server_below_a_path() {
        let mut settings =
            Settings { base_url: "https://example.org/id".into(), ..Settings::default() };
        settings.issuers.tenants.insert("umbra".into(), "https://umbra.example/login".into());
        for (path, tenant, rest) in [
            ("/id", None, "/"),
            ("/id/", None, "/"),
            ("/idle", None, "/idle"),
            ("/id/login", None, "/login"),
            ("/login", None, "/login"),
            ("/id/t/acme/login", Some("acme"), "/login"),
            ("/id/.well-known/openid-configuration", None, DESCRIPTION),
            ("/.well-known/openid-configuration/id", None, DESCRIPTION),
            ("/.well-known/oauth-authorization-server/id", None, DESCRIPTION),
            ("/.well-known/oauth-authorization-server/id/", None, DESCRIPTION),
            ("/.well-known/oauth-authorization-server/id/t/acme", Some("acme"), DESCRIPTION),
            ("/id/t/acme/.well-known/oauth-authorization-server", Some("acme"), DESCRIPTION),
            ("/id/oauth2/token/.well-known/openid-configuration", None, DESCRIPTION),
            (
                "/.well-known/oauth-authorization-server/id/t/acme/oauth2/token",
                Some("acme"),
                DESCRIPTION,
            ),
            ("/login/.well-known/openid-configuration", Some("umbra"), DESCRIPTION),
            ("/.well-known/oauth-authorization-server/login", Some("umbra"), DESCRIPTION),
            ("/id/x/.well-known/openid-configuration", None, "/x/.well-known/openid-configuration"),
        ] {
            assert_eq!(place(&settings, "example.org", path), Place { tenant, rest }, "{path}");
        }
        settings.issuers.form = Some("{base}/oidc".into());
        let path = "/id/t/acme/oidc/.well-known/openid-configuration";
        let acme = Place { tenant: Some("acme"), rest: DESCRIPTION };
        assert_eq!(place(&settings, "example.org", path), acme);
    }

    #[test]
    fn issuers_without_a_path_are_told_apart_by_host() {
        let mut settings =
            Settings { base_url: "https://example.org".into(), ..Settings::default() };
        for (tenant, issuer) in [
            ("acme", "https://acme.example"),
            ("umbra", "https://umbra.example:8443"),
            ("one", "https://one.example/login"),
            ("two", "https://two.example/login"),
        ] {
            settings.issuers.tenants.insert(tenant.into(), issuer.into());
        }
        for (host, path, tenant, rest) in [
            ("example.org", "/.well-known/openid-configuration", None, DESCRIPTION),
            ("", "/.well-known/openid-configuration", None, DESCRIPTION),
            ("ACME.example", "/.well-known/openid-configuration", Some("acme"), DESCRIPTION),
            ("umbra.example:8443", DESCRIPTIONS[0], Some("umbra"), DESCRIPTION),
            ("umbra.example", DESCRIPTIONS[0], None, DESCRIPTION),
            ("acme.example", "/login", None, "/login"),
            ("one.example", "/login/.well-known/openid-configuration", Some("one"), DESCRIPTION),
            ("two.example", "/login/.well-known/openid-configuration", Some("two"), DESCRIPTION),
            (
                "example.org",
                "/login/.well-known/openid-configuration",
                None,
                "/login/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(place(&settings, host, path), Place { tenant, rest }, "{host}{path}");
        }
    }
}
