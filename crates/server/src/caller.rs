//! Authenticates callers of the REST APIs and of SCIM: by Basic, Bearer or a client certificate.

use http::header;
use sojourn_engine::Authority;
use sojourn_engine::directory::ApiRefused;
use sojourn_oidc::client_auth;

use crate::context::Context;

/// Whether the request has Basic credentials (a user name and a password).
pub(crate) fn is_basic(context: &Context) -> bool {
    let header = context.header(header::AUTHORIZATION).unwrap_or_default();
    header.split_once(' ').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
}

/// Authenticates the caller by a bearer token, Basic credentials or a client certificate.
pub(crate) async fn authenticated(context: &Context) -> Result<Authority, ApiRefused> {
    let header = context.header(header::AUTHORIZATION);
    let Some(header) = header else {
        // A browser sends its certificate by itself, even if another site's page causes the request.
        let certificate = context.arrival.certificate.filter(|_| !cross_site(context));
        return match &certificate {
            Some(sha256) => context.engine().certificate_caller(context.tenant(), sha256).await,
            None => Err(ApiRefused::Unauthenticated),
        };
    };
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        context.engine().bearer_caller(context.tenant(), rest.trim()).await
    } else if scheme.eq_ignore_ascii_case("basic") && !cross_site(context) {
        match client_auth::basic_raw(header) {
            Some((name, password)) => {
                let ip = context.arrival.ip.to_string();
                context.engine().basic_caller(context.tenant(), &name, &password, &ip).await
            }
            None => Err(ApiRefused::Unauthenticated),
        }
    } else {
        Err(ApiRefused::Unauthenticated)
    }
}

/// Whether another site's page caused the request. Such a page must not use a password that the browser remembers.
fn cross_site(context: &Context) -> bool {
    context.header("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
}
