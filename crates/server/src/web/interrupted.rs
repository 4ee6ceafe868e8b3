//! An application's request that requires an action of the user; the page for the action leads back to the request.

use axum::response::Response;
use http::StatusCode;
use sojourn_model::Session;
use sojourn_oidc::Needs;
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::respond;
use crate::ticket::Ticket;
use crate::web::errors;

/// A checked request that can't be completed yet.
pub(crate) struct Interrupted<'a> {
    /// Path that received the request, without the tenant's prefix.
    pub(crate) path: &'static str,
    /// The request as a query, which is parsed again when the user returns.
    pub(crate) query: String,
    /// Login name to fill in on the sign-in page.
    pub(crate) hint: Option<String>,
    /// The ticket with which the request returned from an earlier page, if any.
    pub(crate) ticket: Option<&'a Ticket>,
}

/// Redirects to the page on which the user does what is needed.
pub(crate) fn ask(
    context: &Context,
    request: Interrupted<'_>,
    session: Option<&Session>,
    needed: Needs,
) -> Response {
    let Interrupted { path, query, hint, ticket } = request;
    let now = context.engine().now();
    let ticket = Ticket {
        path: path.to_owned(),
        query,
        // The time limit starts with the request, regardless of the number of pages.
        made_at: ticket.map_or(now.0, |ticket| ticket.made_at),
        hint,
        done: ticket.map(|ticket| ticket.done.clone()).unwrap_or_default(),
        denied: false,
        before: session.map(|session| session.id),
        page: 0,
        least: match needed {
            Needs::StepUp(level) => level.acr().to_owned(),
            _ => String::new(),
        },
    };
    let page = match needed {
        Needs::SignIn(_) => "/login",
        Needs::SignUp => "/sign-up",
        Needs::StepUp(_) => "/login/factor",
        Needs::SelectAccount => "/select-account",
        Needs::Consent => "/consent",
    };
    match ticket.seal(context) {
        Some(text) => respond::see_other(&with_query(&context.link(page), &[("ticket", &text)])),
        None => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            errors::page(context, status, "Something went wrong", "")
        }
    }
}
