//! Static files: embedded style sheet, scripts and default logo, and the tenant's own logo and colours.

use axum::extract::Path;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use crate::context::Context;
use crate::web::colours;
use crate::web::refusal::{Answer, Refusal};

const STYLE: &str = include_str!("../../assets/style.css");
const LOGO: &str = include_str!("../../assets/logo.svg");
const SCRIPT: &str = "text/javascript; charset=utf-8";
const FORM_POST: &str = include_str!("../../assets/form_post.js");
const CHECK_SESSION: &str = include_str!("../../assets/check_session.js");
const LIVE: &str = include_str!("../../assets/live.js");
const PASSKEYS: &str = include_str!("../../assets/passkeys.js");
const REVEAL: &str = include_str!("../../assets/reveal.js");
const SEARCH: &str = include_str!("../../assets/search.js");
const WORK: &str = include_str!("../../assets/work.js");
const SIGNED_OUT: &str = include_str!("../../assets/signed_out.js");

/// Content security policy of an uploaded logo: if it is opened directly, nothing in it may run, whatever it contains.
const LOGO_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Returns the logo that the tenant uploaded; 404 if there is none.
async fn logo(context: &Context) -> Answer {
    match context.engine().logo(context.tenant()).await? {
        Some(logo) => {
            let mut response = Response::new(axum::body::Body::from(logo.body));
            let headers = response.headers_mut();
            let kind = HeaderValue::from_str(&logo.kind);
            headers.insert(
                header::CONTENT_TYPE,
                kind.unwrap_or(HeaderValue::from_static("application/octet-stream")),
            );
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
            let policy = HeaderValue::from_static(LOGO_POLICY);
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            Ok(response)
        }
        None => Err(Refusal::missing("There is no such file.")),
    }
}

/// Serves `GET /assets/{name}`: an embedded file, or the tenant's `logo` or `colours.css`.
pub(crate) async fn get(context: Context, Path(name): Path<String>) -> Answer {
    if name == "logo" {
        return logo(&context).await;
    }
    let accent = context.tenant().look.accent.as_deref();
    if let Some(sheet) = accent.filter(|_| name == "colours.css").and_then(colours::sheet) {
        return Ok(asset("text/css; charset=utf-8", sheet));
    }
    let (kind, body) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", STYLE),
        "logo.svg" => ("image/svg+xml", LOGO),
        "form_post.js" => (SCRIPT, FORM_POST),
        "check_session.js" => (SCRIPT, CHECK_SESSION),
        "live.js" => (SCRIPT, LIVE),
        "passkeys.js" => (SCRIPT, PASSKEYS),
        "reveal.js" => (SCRIPT, REVEAL),
        "work.js" => (SCRIPT, WORK),
        "search.js" => (SCRIPT, SEARCH),
        "signed_out.js" => (SCRIPT, SIGNED_OUT),
        _ => return Err(Refusal::missing("There is no such file.")),
    };
    Ok(asset(kind, body))
}

fn asset(kind: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
