//! Authentication of API callers: Basic, Bearer or a client certificate.

use http::header;
use sojourn_engine::directory::ApiRefused;
use sojourn_engine::{Authority, EngineError, Right, Who};
use sojourn_model::UserId;
use sojourn_oidc::client_auth;

use super::refusal::Refusal;
use crate::context::Context;

/// Authenticates the caller; fails if it lacks the right.
pub(super) async fn caller(context: &Context, right: Right) -> Result<Authority, Refusal> {
    let caller = authenticated(context).await?;
    if caller.may(right) { Ok(caller) } else { Err(EngineError::Forbidden.into()) }
}

/// Authenticates a user who accesses their own data. Applications are refused: they have no sessions and no factors.
pub(super) async fn person(context: &Context) -> Result<UserId, Refusal> {
    Ok(own(context).await?.0)
}

/// Like [`person`], with the authority that use cases ask for.
pub(super) async fn own(context: &Context) -> Result<(UserId, Authority), Refusal> {
    let by = caller(context, Right::Login).await?;
    match by.who() {
        Who::User(user, _) => Ok((user, by)),
        Who::Application(_) | Who::Operator | Who::System => Err(EngineError::Forbidden.into()),
    }
}

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
