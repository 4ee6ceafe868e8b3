//! `/oauth2/authorize`: the order of things is the specification's. Client and redirect URI first, with
//! a page for what is wrong with them; then the checks that answer to the redirect URI; then whether
//! the person must act; then the code.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::tokens::{AuthorizeOutcome, TokenError};
use sojourn_model::{Application, Millis, Session};
use sojourn_oidc::authorize::{self, AuthorizeRequest, Prompt};
use sojourn_oidc::interaction::{Present, Situation};
use sojourn_oidc::params::with_query;
use sojourn_oidc::{OAuthError, Params, needs_sign_in};

use crate::context::Context;
use crate::web::errors;
use crate::web::ticket::Ticket;
use crate::{request, respond};

/// The path, for tickets that lead back here.
pub(crate) const PATH: &str = "/oauth2/authorize";

/// The request in the query.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    match request::query(uri.query()) {
        Ok(params) => begin(&context, params).await,
        Err(error) => errors::bad_request(&context, &error.to_string()),
    }
}

/// The request in a form (OpenID Connect Core 1.0 §3.1.2.1).
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    match request::form(&context.headers, &body) {
        Ok(params) => begin(&context, params).await,
        Err(error) => errors::bad_request(&context, &error.to_string()),
    }
}

/// A request, or one that comes back from the sign-in page in its ticket.
async fn begin(context: &Context, params: Params) -> Response {
    let Some(text) = params.get("continue") else {
        return answer(context, &params, None).await;
    };
    match Ticket::open(context, text) {
        Some(ticket) if ticket.path == PATH => match Params::parse(ticket.query.as_bytes()) {
            Ok(params) => answer(context, &params, Some(Millis(ticket.asked_at))).await,
            Err(error) => errors::bad_request(context, &error.to_string()),
        },
        _ => errors::bad_request(
            context,
            "This sign-in took too long. Go back to the application and begin again.",
        ),
    }
}

async fn answer(context: &Context, params: &Params, asked_at: Option<Millis>) -> Response {
    if params.is_double("client_id") {
        return errors::bad_request(context, "The request has more than one client_id.");
    }
    let Some(client_id) = params.get("client_id") else {
        return errors::bad_request(context, "The request has no client_id.");
    };
    let app = match context.engine().application_by_client(context.tenant().id, client_id).await {
        Ok(Some(app)) if app.enabled && app.kind == sojourn_model::AppKind::Client => app,
        Ok(_) => return errors::bad_request(context, "The client_id of the request is unknown."),
        Err(error) => return errors::failure(context, &error),
    };
    let redirect_uri = match authorize::redirect_uri(params, &app) {
        Ok(uri) => uri,
        Err(error) => return errors::bad_request(context, &error.to_string()),
    };
    let request = match authorize::check(params, &app, redirect_uri.clone()) {
        Ok(request) => request,
        Err(error) => {
            let state = if params.is_double("state") { None } else { params.get("state") };
            return redirect_error(context, &redirect_uri, state, &error);
        }
    };
    match context.session().await {
        Ok(session) => decide(context, params, &app, &request, session, asked_at).await,
        Err(error) => errors::failure(context, &error),
    }
}

async fn decide(
    context: &Context,
    params: &Params,
    app: &Application,
    request: &AuthorizeRequest,
    session: Option<Session>,
    asked_at: Option<Millis>,
) -> Response {
    let situation = Situation {
        present: session.as_ref().map(|session| Present { auth_time: session.auth_time }),
        asked_at,
        now: context.engine().now(),
    };
    let needs = needs_sign_in(request, &situation);
    let (Some(session), None) = (session, needs) else {
        return sign_in(context, params, request, asked_at);
    };
    let silent = request.prompt == Prompt::None;
    let outcome = context.engine().authorize(context.tenant(), app, &session, request).await;
    match outcome {
        Ok(AuthorizeOutcome::Code(code)) => {
            if !silent || app.settings.coordinate_inactivity {
                context.engine().touch(context.tenant().id, session.id, Some(app.id));
            }
            let issuer = context.engine().issuer(context.tenant());
            let mut pairs = vec![("code", code.as_str())];
            if let Some(state) = &request.state {
                pairs.push(("state", state));
            }
            pairs.push(("iss", &issuer));
            respond::see_other(&with_query(&request.redirect_uri, &pairs))
        }
        Ok(AuthorizeOutcome::SessionGone) => sign_in(context, params, request, asked_at),
        Err(TokenError::Refused(error)) => {
            redirect_error(context, &request.redirect_uri, request.state.as_deref(), &error)
        }
        Err(TokenError::Failed(error)) => errors::failure(context, &error),
    }
}

/// The person has to sign in: that takes a page, which `prompt=none` forbids.
fn sign_in(
    context: &Context,
    params: &Params,
    request: &AuthorizeRequest,
    asked_at: Option<Millis>,
) -> Response {
    if request.prompt == Prompt::None {
        let error = OAuthError::new("login_required", "the person has to sign in");
        let state = request.state.as_deref();
        return redirect_error(context, &request.redirect_uri, state, &error);
    }
    let now = context.engine().now();
    let ticket = Ticket {
        path: PATH.to_owned(),
        query: params.to_query(),
        asked_at: asked_at.unwrap_or(now).0,
        made_at: now.0,
        hint: request.login_hint.clone(),
    };
    match ticket.seal(context) {
        Some(text) => {
            respond::see_other(&with_query(&context.link("/login"), &[("ticket", &text)]))
        }
        None => {
            errors::page(context, StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", "")
        }
    }
}

/// An error that the application is told, with `iss` (RFC 9207 §2).
fn redirect_error(
    context: &Context,
    redirect_uri: &str,
    state: Option<&str>,
    error: &OAuthError,
) -> Response {
    let issuer = context.engine().issuer(context.tenant());
    let mut pairs = vec![("error", error.code), ("error_description", &error.description)];
    if let Some(state) = state {
        pairs.push(("state", state));
    }
    pairs.push(("iss", &issuer));
    respond::see_other(&with_query(redirect_uri, &pairs))
}
