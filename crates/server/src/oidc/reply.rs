//! How an authorization response is delivered: in a query, in a fragment, or in a form that the browser posts.

use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::tokens::AuthorizeAnswer;
use sojourn_model::Session;
use sojourn_oidc::{OAuthError, ReplyTo};

use crate::context::Context;
use crate::oidc::session_state;
use crate::respond;
use crate::web::pages::FormPost;
use crate::web::render;

/// Sends a successful authorization response to the application.
pub(crate) fn answer(
    context: &Context,
    client_id: &str,
    to: &ReplyTo,
    session: &Session,
    answer: &AuthorizeAnswer,
) -> Response {
    let expires_in = answer.access_token.as_ref().map(|(_, seconds)| seconds.to_string());
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    if let Some(code) = &answer.code {
        pairs.push(("code", code));
    }
    if let (Some((token, _)), Some(expires_in)) = (&answer.access_token, &expires_in) {
        pairs.extend([
            ("access_token", token.as_str()),
            ("token_type", "Bearer"),
            ("expires_in", expires_in.as_str()),
            ("scope", answer.scope.as_str()),
        ]);
    }
    if let Some(token) = &answer.id_token {
        pairs.push(("id_token", token));
    }
    let state = session_state::of(context, client_id, &to.redirect_uri, Some(session));
    send(context, to, pairs, state.as_deref())
}

/// Sends an error with the issuer (RFC 9207 §2) and the browser's state (Session Management §2): an application without
/// a session watches for one.
pub(crate) fn error(
    context: &Context,
    client_id: &str,
    to: &ReplyTo,
    session: Option<&Session>,
    error: &OAuthError,
) -> Response {
    let pairs = vec![("error", error.code), ("error_description", error.description.as_str())];
    let state = session_state::of(context, client_id, &to.redirect_uri, session);
    send(context, to, pairs, state.as_deref())
}

fn send(
    context: &Context,
    to: &ReplyTo,
    pairs: Vec<(&str, &str)>,
    session_state: Option<&str>,
) -> Response {
    // Shortens the lifetime to that of the values created here.
    let mut pairs: Vec<(&str, &str)> = pairs;
    let issuer = context.engine().issuer(context.tenant());
    if let Some(state) = &to.state {
        pairs.push(("state", state));
    }
    if let Some(session_state) = session_state {
        pairs.push(("session_state", session_state));
    }
    pairs.push(("iss", &issuer));
    if let Some(location) = to.location(&pairs) {
        return respond::see_other(&location);
    }
    let page = FormPost {
        action: to.redirect_uri.clone(),
        pairs: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let response = render::script_page(context, StatusCode::OK, &page, "");
    respond::with(response, header::PRAGMA, "no-cache")
}
