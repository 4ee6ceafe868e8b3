//! My Account: passkeys, security keys, authenticator apps and recovery codes.

pub(crate) mod app;
pub(crate) mod codes;
pub(crate) mod key;
pub(super) mod qr;
pub(crate) mod remove;
pub(crate) mod rename;
pub(crate) mod trusted;

use sojourn_engine::factors::{FRESH_MS, FactorRefused};
use sojourn_model::Level;
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::respond;
use crate::ticket::{Ticket, way_back};
use crate::web::my_account::Visitor;
use crate::web::refusal::{Answer, Refusal};
use crate::web::words;

const SECURITY: &str = "/myaccount/security";

/// Responds if a factor isn't changed: with a redirect to a fresh proof, which leads back to `path`, or with an error
/// page.
pub(in crate::web) async fn refused(
    context: &Context,
    visitor: &Visitor,
    path: &str,
    refused: FactorRefused,
) -> Answer {
    match refused {
        FactorRefused::NotFresh => prove(context, visitor, path).await,
        FactorRefused::Failed(error) => Err(error.into()),
        FactorRefused::TooMany { .. } => Err(Refusal::bad_request(
            "You have reached the maximum number of factors. Remove one first.",
        )),
        FactorRefused::NoKeys => Err(Refusal::bad_request(
            "Passkeys need a server address with a name. Ask your administrator.",
        )),
        FactorRefused::Wrong | FactorRefused::Gone | FactorRefused::Synced => {
            Err(Refusal::missing(
                "This has already been done, or the page was open for too long. Check your factors.",
            ))
        }
    }
}

/// Redirects to a fresh proof of the highest level that the user can reach. A user who authenticated within
/// [`FRESH_MS`] proves only the missing factor.
async fn prove(context: &Context, visitor: &Visitor, path: &str) -> Answer {
    let (engine, session) = (context.engine(), &visitor.session);
    let reach = engine.level_of(context.tenant(), session.user).await?;
    // No factor is left that would end the waiting time of a recovery.
    let waits = visitor.user.recovers_at.filter(|until| *until > engine.now());
    if let (Some(until), Level::One) = (waits, reach) {
        return Err(Refusal::bad_request(words::waiting(until)));
    }
    let ticket = Ticket { before: Some(session.id), ..way_back(context, path) };
    let (page, ticket) = match engine.is_recent(session.auth_time, FRESH_MS) {
        true => ("/login/factor", Ticket { least: reach.acr().to_owned(), ..ticket }),
        false => ("/login", ticket),
    };
    let text = ticket.seal(context).unwrap_or_default();
    Ok(respond::see_other(&with_query(&context.link(page), &[("ticket", &text)])))
}
