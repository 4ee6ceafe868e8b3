//! The cookie that binds tokens to a browser (`atbv`), for applications with that binding.

use sojourn_engine::EngineError;
use sojourn_engine::tokens::BindingProof;
use sojourn_model::{AccessTokenBinding, Application};

use crate::context::Context;

const COOKIE: &str = "atbv";

fn known(context: &Context) -> Option<&str> {
    context.cookie(COOKIE).filter(|value| value.len() == 43)
}

/// Returns what a request with a token proves about its origin. Reads nothing if there are no cookies, as with nearly
/// every application.
pub(crate) async fn presented(context: &Context) -> Result<BindingProof, EngineError> {
    let session = if context.has_session_cookie() { context.session().await? } else { None };
    Ok(BindingProof {
        browser: known(context).map(str::to_owned),
        session: session.map(|session| session.id),
    })
}

/// Returns the value that identifies the browser, if the application binds tokens to it, and the cookie to set if it is
/// new. The cookie stays across sessions and doesn't authenticate anyone.
pub(crate) fn browser(context: &Context, app: &Application) -> (Option<String>, Option<String>) {
    if app.settings.oidc.token_binding != AccessTokenBinding::Cookie {
        return (None, None);
    }
    if let Some(value) = known(context) {
        return (Some(value.to_owned()), None);
    }
    let bytes: [u8; 32] = sojourn_model::time::random(context.engine().rng());
    let value = sojourn_engine::b64url(&bytes);
    let cookie = format!(
        "{COOKIE}={value}; Path={}; Secure; HttpOnly; SameSite=None; Max-Age=31536000",
        context.cookie_path()
    );
    (Some(value), Some(cookie))
}
