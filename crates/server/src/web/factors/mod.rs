//! My Account: authenticator apps and recovery codes.

pub(crate) mod app;
pub(crate) mod codes;
pub(super) mod qr;
pub(crate) mod remove;

use axum::response::Response;
use sojourn_engine::factors::FactorRefused;
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::respond;
use crate::web::errors;
use crate::web::my_account::Visitor;
use crate::web::ticket::{Ticket, way_back};

const SECURITY: &str = "/myaccount/security";

/// The answer where a factor isn't changed: the way to a fresh sign-in and back to `path`, or an error page.
fn refused(context: &Context, visitor: &Visitor, path: &str, refused: FactorRefused) -> Response {
    match refused {
        FactorRefused::NotFresh => {
            let ticket = Ticket { before: Some(visitor.session.id), ..way_back(context, path) };
            let text = ticket.seal(context).unwrap_or_default();
            respond::see_other(&with_query(&context.link("/login"), &[("ticket", &text)]))
        }
        FactorRefused::Failed(error) => errors::failure(context, &error),
        FactorRefused::TooMany { .. } => errors::bad_request(
            context,
            "You have as many second factors as are allowed. Remove one first.",
        ),
        FactorRefused::Wrong | FactorRefused::Gone => errors::missing(
            context,
            "This was done already, or the page was open for too long. Look at your second factors.",
        ),
    }
}
