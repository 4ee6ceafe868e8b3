//! The first step with a passkey, which is also the only one.

use axum::body::Bytes;
use http::StatusCode;
use serde_json::json;
use sojourn_engine::sign_in::SignInError;

use super::answer::answer;
use super::login_page;
use super::state::{Asked, Way, form_of, key_proof, visit};
use crate::context::Context;
use crate::request;
use crate::web::refusal::{Answer, Refusal};
use crate::web::words;

const EXPIRED: &str = "This page was open for too long. Please try again.";
const WRONG: &str = "The passkey was not accepted. Try again, or sign in with your password.";
const UNKNOWN: &str =
    "This passkey no longer belongs to an account. Use another one, or sign in with your password.";

/// Serves `POST /login/passkey`: verifies the response of the browser and signs in.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = request::form(&context.headers, &body)?;
    if let Err(error) = params.no_doubles() {
        return Err(Refusal::bad_request(words::message(&error)));
    }
    let text = |name: &str| params.get(name).unwrap_or_default();
    if !context.genuine_before_sign_in(params.get("csrf")) {
        let why = context.why_not_genuine().unwrap_or_else(|| EXPIRED.into());
        return login_page::show(&context, &params, StatusCode::FORBIDDEN, Some(why)).await;
    }
    let ticket = login_page::destination(&context, &params).ok_or(Refusal::Incomplete)?;
    if !Asked::is_good(&context, text("state")) {
        let (status, why) = (StatusCode::FORBIDDEN, Some(EXPIRED.into()));
        return login_page::show(&context, &params, status, why).await;
    }
    let present = context.session().await?;
    let way = Way { ticket, remember: params.get("remember").is_some(), raises: None };
    let form = form_of(&[params.get("state"), params.get("credential")]);
    let (visit, browser_cookie) = visit(&context, &way, present, Some(form)).await;
    let shown = key_proof(&context, text("state"), text("credential"));
    let engine = context.engine();
    let outcome = engine.sign_in_with_passkey(context.tenant(), shown, &visit).await;
    let unauthorized = StatusCode::UNAUTHORIZED;
    match outcome {
        Err(SignInError::WrongKey) => {
            context.state.metrics.sign_in("wrong_key");
            login_page::show(&context, &params, unauthorized, Some(WRONG.into())).await
        }
        Err(SignInError::UnknownKey) => {
            context.state.metrics.sign_in("unknown_key");
            let unknown = unknown(&context, text("credential"));
            let why = (unauthorized, Some(UNKNOWN.into()));
            login_page::show_with(&context, &params, why, unknown).await
        }
        outcome => answer(&context, way, outcome, browser_cookie, &params).await,
    }
}

/// The JSON with which the browser reports to an authenticator that this server doesn't know its credential (Web
/// Authentication §5.1.10.2).
fn unknown(context: &Context, credential: &str) -> Option<String> {
    let credential: serde_json::Value = serde_json::from_str(credential).ok()?;
    let id = credential.get("rawId")?.as_str()?;
    let rp = context.engine().settings().relying_party()?;
    Some(json!({ "rpId": rp.id, "credentialId": id }).to_string())
}
