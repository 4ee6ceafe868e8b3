//! Single logout in the browser (Profiles §4.4): a service provider requests it, or responds to a request that a frame
//! carried.

use std::time::Duration;

use axum::response::Response;
use http::{HeaderName, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use sojourn_engine::EngineError;
use sojourn_engine::saml::{SSO_PATH, SamlLogoutRequest, logout_status};
use sojourn_model::{LogoutBinding, LogoutService, Millis, SamlSettings, SessionId};
use sojourn_oidc::params::with_query;
use sojourn_saml::NameId;
use sojourn_saml::binding::{self, Carried, Kind};
use sojourn_saml::logout::{LogoutRequest, LogoutResponse};
use sojourn_saml::message::Times;
use sojourn_saml::signature::Trusted;
use sojourn_saml::xml::Document;

use super::carried::{Refused, Sender};
use crate::context::Context;
use crate::pause::pause;
use crate::ticket::Ticket;
use crate::web::pages::FormPost;
use crate::web::refusal::{Answer, Refusal};
use crate::web::render;
use crate::web::signed_out::ended;
use crate::{request, respond};

/// Path from which the user continues to the requesting service provider, after all others were notified.
const ANSWER_PATH: &str = "/samlsso/answer";
/// Path of tickets that continue a logout.
pub(crate) const PATH: &str = "/samlsso/logout";
/// How long to wait for the others after the sessions ended, in milliseconds.
const AWAITED_MS: i64 = 3_000;
/// How often, and at most how many times, to check whether the others have followed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_MAX: usize = 60;

/// A checked logout request, as a link carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Asked {
    entity_id: String,
    request: String,
    name: NameId,
    session_indexes: Vec<String>,
    relay_state: Option<String>,
    by_query: bool,
}

/// The response that is due to the requesting service provider. The browser carries it, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Owed {
    entity_id: String,
    request: String,
    relay_state: Option<String>,
    sessions: Vec<String>,
    by_query: bool,
    /// When the sessions ended, in milliseconds since 1970.
    at: i64,
}

/// Processes a logout request of a service provider.
pub(crate) async fn asked(
    context: &Context,
    carried: &Carried,
    document: &Document<'_>,
    by_query: bool,
) -> Answer {
    let (sender, request) = checked(context, carried, document).await?;
    let asked = Asked {
        entity_id: sender.0.client_id.clone(),
        request: request.header.id,
        name: request.name,
        session_indexes: request.session_indexes,
        relay_state: carried.relay_state.clone(),
        by_query,
    };
    // The cookie identifies the browser, which sends it when it follows a link.
    if context.method == http::Method::POST && context.keeps_session_back() {
        let query = serde_json::to_string(&asked).unwrap_or_default();
        let ticket = Ticket { query, ..Ticket::to(context, PATH) };
        let text = ticket.seal(context).unwrap_or_default();
        let link = context.link(SSO_PATH);
        return Ok(respond::see_other(&with_query(&link, &[("continue", &text)])));
    }
    end(context, &sender, asked).await
}

/// Continues a request that was carried by a link.
pub(crate) async fn resume(context: &Context, ticket: &Ticket) -> Answer {
    let asked = serde_json::from_str::<Asked>(&ticket.query).map_err(|_| Refusal::Incomplete)?;
    let sender = Sender::of(context, &asked.entity_id).await?;
    end(context, &sender, asked).await
}

async fn checked(
    context: &Context,
    carried: &Carried,
    document: &Document<'_>,
) -> Result<(Sender, LogoutRequest), Refused> {
    let issuer = LogoutRequest::read(Trusted::unsigned(document))?.header.issuer;
    let sender = Sender::of(context, &issuer).await?;
    let (trusted, signed) = sender.verified(carried, document)?;
    let request = LogoutRequest::read(trusted)?;
    let settings = sender.settings()?;
    // Only the service provider and the user know the number of a stay: a service provider that has registered no
    // certificate proves with it that the request isn't forged.
    let provable = !settings.certificates.is_empty();
    if !signed && (provable || request.session_indexes.is_empty()) {
        return Err(Refused::Message("a logout has to be signed".into()));
    }
    let longest = settings.relay_state_bytes_max;
    if carried.relay_state.as_ref().is_some_and(|text| text.len() > longest) {
        let why = format!("its RelayState is longer than the {longest} bytes that are allowed");
        return Err(Refused::Message(why));
    }
    let now = context.engine().now();
    request.header.check(now, Times::default(), &super::addresses(context), signed)?;
    in_time(&request, now)?;
    Ok((sender, request))
}

/// Fails if a request is too old to be processed (Core §3.7.1).
pub(super) fn in_time(request: &LogoutRequest, now: Millis) -> Result<(), Refused> {
    let skew = Times::default().skew_ms;
    match request.not_on_or_after {
        Some(until) if until.plus(skew) <= now => Err(Refused::Message("it is too old".into())),
        _ => Ok(()),
    }
}

async fn end(context: &Context, sender: &Sender, asked: Asked) -> Answer {
    let (engine, tenant) = (context.engine(), context.tenant());
    let request = SamlLogoutRequest {
        id: &asked.request,
        name: &asked.name,
        session_indexes: &asked.session_indexes,
    };
    let stays = engine.saml_stays(tenant, &sender.0, request).await?;
    // Others are notified in this browser, and its cookie is removed, only if it is the browser that was signed in.
    let mine = context.session().await?;
    let mine = mine.filter(|session| stays.iter().any(|stay| stay.session == session.id));
    let done = engine.saml_logout(tenant, &sender.0, request, &stays, mine.as_ref()).await?;
    let owed = Owed {
        entity_id: asked.entity_id,
        request: asked.request,
        relay_state: asked.relay_state,
        sessions: done.sessions.iter().map(ToString::to_string).collect(),
        by_query: asked.by_query,
        at: engine.now().0,
    };
    if mine.is_none() {
        return give(context, sender, &owed).await;
    }
    if done.frames.is_empty() {
        let response = give(context, sender, &owed).await?;
        return Ok(respond::with(response, header::SET_COOKIE, &context.no_session_cookie()));
    }
    let query = serde_json::to_string(&owed).unwrap_or_default();
    let next = Ticket { query, ..Ticket::to(context, ANSWER_PATH) };
    let of = next.seal(context).unwrap_or_default();
    let next = with_query(&context.link(ANSWER_PATH), &[("of", &of)]);
    ended(context, mine.as_ref(), Some(next), done.frames).await
}

/// `GET /samlsso/answer`: sends the response to the requesting service provider, after all others were notified.
pub(crate) async fn answer(context: Context, uri: Uri) -> Answer {
    let params = request::query(uri.query()).ok();
    let ticket = params.as_ref().and_then(|params| params.get("of"));
    let ticket = ticket.and_then(|text| Ticket::open(&context, text));
    let owed = ticket
        .filter(|ticket| ticket.path == ANSWER_PATH)
        .and_then(|ticket| serde_json::from_str::<Owed>(&ticket.query).ok());
    let owed = owed.ok_or(Refusal::Incomplete)?;
    let sender = Sender::of(&context, &owed.entity_id).await?;
    let response = give(&context, &sender, &owed).await?;
    Ok(response)
}

/// Whether all others have followed, as far as that is known a moment after the end.
pub(super) async fn followed(
    context: &Context,
    sender: &Sender,
    sessions: &[SessionId],
    ended_at: Millis,
) -> Result<bool, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    for _ in 0..LOOKS_MAX {
        if let Some(all) = engine.saml_followed(tenant, &sender.0, sessions).await? {
            return Ok(all);
        }
        if engine.now().since(ended_at) > AWAITED_MS {
            break;
        }
        pause(LOOK_EVERY).await;
    }
    Ok(false)
}

/// Returns where a response is sent: by the binding of the request if the service provider supports it, else by the
/// other one.
fn service(settings: &SamlSettings, by_query: bool) -> Option<&LogoutService> {
    let (first, second) = match by_query {
        true => (LogoutBinding::Redirect, LogoutBinding::Post),
        false => (LogoutBinding::Post, LogoutBinding::Redirect),
    };
    settings.logout_by(first).or_else(|| settings.logout_by(second))
}

async fn give(context: &Context, sender: &Sender, owed: &Owed) -> Answer {
    let (engine, tenant) = (context.engine(), context.tenant());
    let sessions: Vec<SessionId> =
        owed.sessions.iter().filter_map(|text| text.parse().ok()).collect();
    let status = logout_status(followed(context, sender, &sessions, Millis(owed.at)).await?);
    let settings = sender.settings().map_err(|_| EngineError::NotFound("service provider"))?;
    let Some(service) = service(settings, owed.by_query) else {
        // The service provider has no address for responses.
        return Ok(respond::see_other(&context.link("/myaccount")));
    };
    let to = service.response_url.as_deref().unwrap_or(&service.url);
    let post = service.binding == LogoutBinding::Post;
    let request = (owed.request.as_str(), Some(to));
    let xml = engine.saml_logout_answer(tenant, &sender.0, request, (status, None), post).await?;
    let relay_state = owed.relay_state.as_deref();
    if post {
        let mut pairs = vec![("SAMLResponse".to_owned(), binding::form_value(&xml))];
        pairs.extend(relay_state.map(|state| ("RelayState".to_owned(), state.to_owned())));
        let page = FormPost { action: to.to_owned(), pairs };
        return Ok(render::script_page(context, StatusCode::OK, &page, ""));
    }
    let uri = engine.saml_redirect(tenant, &sender.0, (Kind::Response, to), &xml, relay_state);
    Ok(respond::see_other(&uri.await?))
}

/// Processes a service provider's response to a request that one of our frames carried.
pub(crate) async fn answered(
    context: &Context,
    carried: &Carried,
    document: &Document<'_>,
) -> Answer {
    note(context, carried, document).await?;
    Ok(empty_frame(context))
}

async fn note(
    context: &Context,
    carried: &Carried,
    document: &Document<'_>,
) -> Result<(), Refused> {
    let issuer = LogoutResponse::read(Trusted::unsigned(document))?.header.issuer;
    let sender = Sender::of(context, &issuer).await?;
    let (trusted, signed) = sender.verified(carried, document)?;
    let response = LogoutResponse::read(trusted)?;
    let engine = context.engine();
    let addresses = super::addresses(context);
    response.header.check(engine.now(), Times::default(), &addresses, signed)?;
    engine.saml_frame_answered(context.tenant(), &sender.0, &response).await?;
    Ok(())
}

/// Returns the empty page of a frame that has done its work.
fn empty_frame(context: &Context) -> Response {
    let language = &context.language().code;
    let page = format!("<!doctype html><html lang=\"{language}\"><title>OK</title></html>");
    let response = respond::html(StatusCode::OK, page);
    let policy = "default-src 'none'; frame-ancestors 'self'";
    let response = respond::with(response, header::CONTENT_SECURITY_POLICY, policy);
    respond::with(response, HeaderName::from_static("x-frame-options"), "SAMEORIGIN")
}

/// `GET /samlsso/frame`: returns a page for a frame that posts a logout request to a service provider.
pub(crate) async fn frame(context: Context, uri: Uri) -> Answer {
    let params = request::query(uri.query()).ok();
    let of = params.as_ref().and_then(|params| params.get("of")).unwrap_or_default();
    match context.engine().saml_frame(context.tenant(), of).await {
        Ok(notice) => {
            let pairs = vec![("SAMLRequest".to_owned(), binding::form_value(&notice.xml))];
            let page = FormPost { action: notice.uri, pairs };
            Ok(render::own_frame(&context, &page))
        }
        Err(EngineError::NotFound(_)) => Err(Refusal::Incomplete),
        Err(error) => Err(error.into()),
    }
}
