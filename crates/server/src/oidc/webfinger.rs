//! WebFinger (RFC 7033): returns the issuer that a user's identifier belongs to (OpenID Connect Discovery 1.0 §2).

use axum::response::Response;
use http::{StatusCode, Uri, header};
use serde_json::json;

use crate::context::Context;
use crate::{request, respond};

/// The link relation that OpenID Connect requests.
const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";

/// `GET /.well-known/webfinger`: returns the issuer for accounts at this server's host and for its own addresses.
/// Doesn't reveal whether such an account exists.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    let refuse = |status: StatusCode, why: &str| {
        respond::json(status, &json!({ "error": "invalid_request", "error_description": why }))
    };
    let Ok(params) = request::query(uri.query()) else {
        return refuse(StatusCode::BAD_REQUEST, "the query is malformed");
    };
    let resource = params.get("resource").filter(|resource| resource.contains(':'));
    let Some(resource) = resource else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "resource is missing, or no URI such as acct:alex@example.org",
        );
    };
    let settings = context.engine().settings();
    let host = settings.origin().split_once("://").map_or("", |(_, host)| host);
    let ours = match resource.strip_prefix("acct:") {
        Some(account) => account
            .rsplit_once('@')
            .is_some_and(|(name, at)| !name.is_empty() && at.eq_ignore_ascii_case(host)),
        None => resource
            .strip_prefix(settings.origin())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    if !ours {
        return refuse(StatusCode::NOT_FOUND, "nothing is known of that resource here");
    }
    // `rel` filters the links (§4.3); there is one relation.
    let asked: Vec<&str> = params.all("rel").collect();
    let issuer = context.engine().issuer(context.tenant());
    let links = match asked.is_empty() || asked.contains(&ISSUER) {
        true => json!([{ "rel": ISSUER, "href": issuer }]),
        false => json!([]),
    };
    let mut response =
        respond::json(StatusCode::OK, &json!({ "subject": resource, "links": links }));
    let kind = header::HeaderValue::from_static("application/jrd+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    // §5: pages of any origin may call this endpoint.
    respond::with(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
}
