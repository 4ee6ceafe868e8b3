//! The page after a session has ended: every application that was used in it, and how it responded.

use askama::Template;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::EngineError;
use sojourn_engine::directory::frame_source;
use sojourn_engine::session::FrontChannelNotice;
use sojourn_model::{DeliveryState, Session, SessionId};
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::oidc::session_state;
use crate::ticket::Ticket;
use crate::web::pages::Message;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// An application that is notified of the end: in a frame, through the back channel, or both.
struct Told {
    sid: String,
    name: String,
    /// Address that its frame loads, for front-channel logout.
    frame: Option<String>,
    /// State of its back-channel delivery: identifier and description.
    receipt: Option<(&'static str, &'static str)>,
}

/// The page after a sign-out, while applications are notified.
#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage {
    told: Vec<Told>,
    /// Whether a back-channel delivery is still pending.
    waiting: bool,
    next: Option<String>,
    /// Address that shows this page again.
    see: String,
    again: String,
}

/// Path of the page; tickets that show it again carry the same path.
const PATH: &str = "/signed-out";

/// Responds if there is no session to end: redirects to the application, or shows a page that says so.
pub(crate) fn done(context: &Context, next: Option<String>) -> Response {
    match next {
        Some(uri) => respond::see_other(&uri),
        None => nobody(context),
    }
}

/// The page for a browser without a session, about which no application has to be notified.
pub(crate) fn nobody(context: &Context) -> Response {
    let page = Message {
        title: "You are signed out".into(),
        text: "No applications need to be notified: nobody is signed in with this browser.".into(),
        request_id: None,
        links: vec![(context.link("/myaccount"), "Sign in again".into())],
    };
    render::page(context, StatusCode::OK, &page)
}

/// Responds after a session has ended: removes its cookies. Applications that listen in the browser are notified in
/// frames before the user continues to `next` (Front-Channel Logout 1.0 §3). Without `next`, the page shows how each
/// application responded.
pub(crate) async fn ended(
    context: &Context,
    session: Option<&Session>,
    next: Option<String>,
    frames: Vec<FrontChannelNotice>,
) -> Answer {
    let response = match session {
        // A page with an address of its own can be loaded again, and in another language.
        Some(session) if next.is_none() && frames.is_empty() => {
            respond::see_other(&address(context, session.id))
        }
        Some(session) if !frames.is_empty() => {
            let sources = sources(&frames);
            match page(context, session.id, next, frames).await {
                Ok(page) => render::script_page(context, StatusCode::OK, &page, &sources),
                // The session has ended even if the page can't be shown.
                Err(error) => Refusal::from(error).respond(context),
            }
        }
        _ => done(context, next),
    };
    let response = respond::with(response, header::SET_COOKIE, &context.no_session_cookie());
    Ok(session_state::with_cookie(context, None, response))
}

/// Serves `GET /signed-out?of=…`: the page again, with the responses that applications have sent since.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let params = request::query(uri.query()).ok();
    let ticket = params.as_ref().and_then(|params| params.get("of"));
    let session = ticket
        .and_then(|text| Ticket::open(&context, text))
        .filter(|ticket| ticket.path == PATH)
        .and_then(|ticket| ticket.query.parse::<SessionId>().ok());
    let session = session.ok_or_else(|| Refusal::missing("This page is available for 30 minutes after signing out. My Account lists earlier sessions."))?;
    let page = page(&context, session, None, Vec::new()).await?;
    Ok(render::script_page(&context, StatusCode::OK, &page, ""))
}

async fn page(
    context: &Context,
    session: SessionId,
    next: Option<String>,
    frames: Vec<FrontChannelNotice>,
) -> Result<SignedOutPage, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let mut told: Vec<Told> = frames
        .into_iter()
        .map(|one| Told {
            sid: one.sid.to_string(),
            name: one.name,
            frame: Some(one.uri),
            receipt: None,
        })
        .collect();
    let mut waiting = false;
    for delivery in engine.reads(tenant.id).deliveries_of_session(session).await? {
        waiting |= delivery.state == DeliveryState::Pending;
        let sid = delivery.sid.to_string();
        let receipt = Some((delivery.state.as_str(), words::told(delivery.state)));
        match told.iter_mut().find(|one| one.sid == sid) {
            // An application without a back-channel address is notified by its frame.
            Some(_) if delivery.state == DeliveryState::Unreachable => {}
            Some(one) => one.receipt = receipt,
            None => {
                let app = engine.application(tenant.id, delivery.app).await?;
                let name = app.map(|app| app.name.clone()).unwrap_or_default();
                told.push(Told { sid, name, frame: None, receipt });
            }
        }
    }
    let see = address(context, session);
    Ok(SignedOutPage { told, waiting, next, see, again: context.link("/myaccount") })
}

fn address(context: &Context, session: SessionId) -> String {
    let ticket = Ticket { query: session.to_string(), ..Ticket::to(context, PATH) };
    let of = ticket.seal(context).unwrap_or_default();
    with_query(&context.link(PATH), &[("of", &of)])
}

/// Maximum length in bytes of the origins of frames: the response's headers must pass through proxies with buffers of 4
/// KiB.
const SOURCES_BYTES_MAX: usize = 2048;

/// Returns the sources of frames: the origins of the registered addresses and of those to which they redirect. If there
/// are too many, only the schemes are listed; this server alone decides which frames the page contains.
fn sources(frames: &[FrontChannelNotice]) -> String {
    let mut all: Vec<&str> = frames
        .iter()
        .flat_map(|one| std::iter::once(&one.uri).chain(&one.origins))
        .filter_map(|uri| frame_source(uri))
        .collect();
    all.sort_unstable();
    all.dedup();
    let sources = all.join(" ");
    if sources.len() <= SOURCES_BYTES_MAX {
        return sources;
    }
    let mut schemes: Vec<&str> =
        all.iter().map(|source| source.split("//").next().unwrap_or_default()).collect();
    schemes.dedup();
    schemes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(uri: String, origins: &[&str]) -> FrontChannelNotice {
        let origins = origins.iter().map(|one| (*one).to_owned()).collect();
        let sid = "0123456789abcdef0123456789abcdef".parse().expect("an id");
        FrontChannelNotice { sid, name: "An application".into(), uri, origins }
    }

    #[test]
    fn frames_come_from_what_is_registered_and_never_fill_the_headers() {
        let two = [
            notice("https://a.test/out?x=1".into(), &["https://b.test", "x; script-src *"]),
            notice("https://b.test/out".into(), &[]),
        ];
        assert_eq!(sources(&two), "https://a.test https://b.test");
        let many = |scheme: &str| {
            let uris = (0..200).map(|n| format!("{scheme}://application-{n}.example.org/out"));
            uris.map(|uri| notice(uri, &[])).collect::<Vec<_>>()
        };
        assert_eq!(sources(&many("https")), "https:");
        assert_eq!(sources(&[many("https"), many("http")].concat()), "http: https:");
    }
}
