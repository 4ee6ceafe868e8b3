//! Error pages: what happened, what to do next, and the request ID.

use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;

use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::pages::Message;
use crate::web::render;
use sojourn_oidc::params::with_query;

pub(crate) fn page(
    context: &Context,
    status: StatusCode,
    title: impl Into<Text>,
    text: impl Into<Text>,
) -> Response {
    let page = Message {
        title: title.into(),
        text: text.into(),
        request_id: Some(context.arrival.request_id.to_string()),
        links: vec![home(context)],
    };
    render::page(context, status, &page)
}

/// Returns the link to My Account, which every error page offers.
fn home(context: &Context) -> (String, Text) {
    (context.link("/myaccount"), "Go to My Account".into())
}

/// The error page (400) for a built-in page without a valid ticket: the user must start again at the application.
pub(crate) fn unknown_ticket(context: &Context) -> Response {
    bad_request(context, "This page is incomplete. Go back to the application and begin again.")
}

/// The error page (400) for an invalid request, which the user can't correct.
pub(crate) fn bad_request(context: &Context, what: impl Into<Text>) -> Response {
    page(context, StatusCode::BAD_REQUEST, "This request can't be processed", what)
}

/// The error page (403) for a form that doesn't come from a page of this server or has no valid CSRF token.
pub(crate) fn forged(context: &Context) -> Response {
    let text = context.why_not_genuine().unwrap_or_else(|| {
        "This page was open for too long. Nothing was changed: load it again and repeat what you did.".into()
    });
    let page = Message {
        title: "This form was not accepted".into(),
        text,
        request_id: Some(context.arrival.request_id.to_string()),
        links: vec![(context.page_of_form(), "Load the page again".into()), home(context)],
    };
    render::page(context, StatusCode::FORBIDDEN, &page)
}

/// Returns the address of the sign-in page for another user, which leads back to the current page.
pub(crate) fn as_someone_else(context: &Context) -> String {
    let ticket = crate::ticket::way_back(context, "/myaccount").seal(context);
    let pairs = [("ticket", &*ticket.unwrap_or_default()), ("other", "yes")];
    with_query(&context.link("/login"), &pairs)
}

/// The error page (403) for a user who lacks the right to view a page or to do something.
pub(crate) fn forbidden(context: &Context) -> Response {
    let page = Message {
        title: "Not for this account".into(),
        text: "Your account doesn't have permission to view this page or to do this. You can sign in as someone else, which \
               signs you out here first."
            .into(),
        request_id: Some(context.arrival.request_id.to_string()),
        links: vec![home(context), (as_someone_else(context), "Sign in as someone else".into())],
    };
    render::page(context, StatusCode::FORBIDDEN, &page)
}

/// The error page (404) for an object that doesn't exist; `what` is a sentence that says so.
pub(crate) fn missing(context: &Context, what: impl Into<Text>) -> Response {
    page(context, StatusCode::NOT_FOUND, "Not found", what)
}

/// The error page for an engine error, with the matching status; server errors are also logged with the request ID.
pub(crate) fn failure(context: &Context, error: &EngineError) -> Response {
    let status = respond::status_of(error);
    if status.is_server_error() {
        tracing::error!(%error, request.id = %context.arrival.request_id, "page failed");
    }
    match error {
        EngineError::Forbidden => forbidden(context),
        EngineError::NotFound(what) => {
            missing(context, Text::Message(format!("There is no such {what}.")))
        }
        EngineError::Invalid(text) => {
            page(context, status, "That can't be done", Text::Message(text.clone()))
        }
        EngineError::Protected(why) => page(context, status, "That can't be done", *why),
        EngineError::Exists(what) => page(
            context,
            status,
            "That can't be done",
            Text::Message(format!("There is already {what}.")),
        ),
        _ => page(
            context,
            status,
            "Something went wrong",
            "Nothing was changed. Try again in a moment.",
        ),
    }
}
