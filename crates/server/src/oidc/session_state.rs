//! OpenID Connect Session Management 1.0: the state by which an application watches the browser's session, and the
//! frame that reports changes.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::json;
use sojourn_model::{Session, TenantId};

use crate::context::Context;
use crate::web::filters;
use crate::web::render;
use crate::{request, respond};

/// The page in the frame of session management.
#[derive(Template)]
#[template(path = "check_session.html")]
struct CheckSession {
    cookie: String,
    check: String,
}

/// Returns the name of the cookie that the frame reads. Scripts can read it, because the frame has nothing else.
pub(crate) fn cookie_name(context: &Context) -> String {
    if context.tenant().id == TenantId::DEFAULT {
        "sojourn_opbs".to_owned()
    } else {
        format!("sojourn_opbs.{}", context.tenant().name)
    }
}

/// Returns the cookie that matches the session; `None` if the browser already has it.
pub(crate) fn cookie(context: &Context, session: Option<&Session>) -> Option<String> {
    let name = cookie_name(context);
    let present = context.cookie(&name);
    let path = context.cookie_path();
    match session {
        Some(session) => {
            let state = context.browser_state(session);
            (present != Some(&state))
                .then(|| format!("{name}={state}; Path={path}; Secure; SameSite=None"))
        }
        None => present.map(|_| format!("{name}=; Path={path}; Secure; SameSite=None; Max-Age=0")),
    }
}

/// Sets the cookie on a response if it has to change.
pub(crate) fn with_cookie(
    context: &Context,
    session: Option<&Session>,
    response: Response,
) -> Response {
    match cookie(context, session) {
        Some(cookie) => respond::with(response, header::SET_COOKIE, &cookie),
        None => response,
    }
}

/// Returns the origin of a URL; `None` for URLs without a host, such as a native application's own scheme.
fn origin(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().filter(|text| !text.is_empty())?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = authority.to_ascii_lowercase();
    let default = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(default).unwrap_or(&authority);
    Some(format!("{scheme}://{authority}"))
}

fn salted(parts: &[&str]) -> String {
    sojourn_model::ids::hex(&sojourn_engine::sha256(parts.join(" ").as_bytes()))
}

/// Returns `session_state` (§2): a salted hash of application, origin and browser state.
pub(crate) fn of(
    context: &Context,
    client_id: &str,
    redirect_uri: &str,
    session: Option<&Session>,
) -> Option<String> {
    let origin = origin(redirect_uri)?;
    let state = session.map(|session| context.browser_state(session)).unwrap_or_default();
    let salt: [u8; 16] = sojourn_model::time::random(context.engine().rng());
    let salt = sojourn_model::ids::hex(&salt);
    Some(format!("{}.{salt}", salted(&[client_id, &origin, &state, &salt])))
}

/// `GET /oidc/checksession`: returns the frame. Any application's page can embed it: what it reports depends on the
/// page that asks.
pub(crate) async fn frame(context: Context) -> Response {
    let page = CheckSession {
        cookie: cookie_name(&context),
        check: context.link("/oidc/checksession/state"),
    };
    render::frame(&context, &page)
}

/// `POST /oidc/checksession/state`: returns whether the session behind a state is still active, which the frame asks
/// from time to time. Neither the session nor its cookies are changed.
pub(crate) async fn state(context: Context, body: Bytes) -> Response {
    // Browsers send this header with every request; a page of another origin can't pretend to be the frame.
    if context.header("sec-fetch-site").is_none_or(|site| site != "same-origin") {
        return respond::json(StatusCode::FORBIDDEN, &json!({ "error": "access_denied" }));
    }
    let asked = request::form(&context.headers, &body).ok();
    let asked = asked.as_ref().and_then(|params| params.get("state"));
    let Some((hash, salt)) = asked.and_then(|text| text.split_once('.')) else {
        let error = json!({ "error": "invalid_request" });
        return respond::json(StatusCode::BAD_REQUEST, &error);
    };
    if !context.has_session_cookie() {
        return respond::json(StatusCode::OK, &json!({ "state": "unknown" }));
    }
    let same = match context.session().await {
        Ok(Some(session)) => salted(&[&context.browser_state(&session), salt]) == hash,
        Ok(None) => false,
        Err(error) => return respond::failure(&error),
    };
    respond::json(StatusCode::OK, &json!({ "state": if same { "same" } else { "changed" } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_management_2_origins() {
        for (uri, want) in [
            ("https://App.Test/cb?x", Some("https://app.test")),
            ("https://app.test:443/cb", Some("https://app.test")),
            ("http://localhost:8080", Some("http://localhost:8080")),
            ("http://localhost:80/x", Some("http://localhost")),
            ("com.app:/callback", None),
        ] {
            assert_eq!(origin(uri).as_deref(), want, "{uri}");
        }
    }
}
