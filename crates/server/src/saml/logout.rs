//! Single logout in the browser (Profiles §4.4): a service provider asks for it, or answers to a request that a frame
//! carried.

use std::time::Duration;

use axum::response::Response;
use http::{HeaderName, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use sojourn_engine::EngineError;
use sojourn_engine::saml::logout_status;
use sojourn_model::{LogoutBinding, LogoutService, SamlSettings, SessionId};
use sojourn_saml::binding::{self, Carried, Kind};
use sojourn_saml::logout::{LogoutRequest, LogoutResponse};
use sojourn_saml::message::Times;
use sojourn_saml::signature::Trusted;
use sojourn_saml::xml::Document;

use super::carried::{Refused, Sender};
use crate::context::Context;
use crate::pause::pause;
use crate::web::pages::FormPost;
use crate::web::signed_out::ended;
use crate::web::ticket::Ticket;
use crate::web::{errors, render};
use crate::{request, respond};

/// Where a person goes on to the service provider that asked, after everybody else was told.
const ANSWER_PATH: &str = "/samlsso/answer";
/// How often, and how many times, it is looked whether the others have followed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_MAX: usize = 60;

/// What is owed to the service provider that asked, carried by the browser, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Owed {
    entity_id: String,
    request: String,
    relay_state: Option<String>,
    sessions: Vec<String>,
    by_query: bool,
}

/// A request.
pub(crate) async fn asked(
    context: &Context,
    carried: &Carried,
    document: &Document<'_>,
    by_query: bool,
) -> Response {
    let (sender, request) = match checked(context, carried, document).await {
        Ok(checked) => checked,
        Err(Refused::Message(why)) => return super::refused(context, &why),
        Err(Refused::Failed(error)) => return errors::failure(context, &error),
    };
    match end(context, &sender, &request, carried.relay_state.clone(), by_query).await {
        Ok(response) => response,
        Err(error) => errors::failure(context, &error),
    }
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
    // The number of a stay is known to nobody but the service provider and the person: who has registered no certificate
    // proves by it that the request isn't forged.
    let provable = !sender.settings()?.certificates.is_empty();
    if !signed && (provable || request.session_indexes.is_empty()) {
        return Err(Refused::Message("a logout has to be signed".into()));
    }
    let now = context.engine().now();
    request.header.check(now, Times::default(), &super::addresses(context), signed)?;
    in_time(&request, now)?;
    Ok((sender, request))
}

/// Whether a request may still be acted upon (Core §3.7.1).
pub(super) fn in_time(request: &LogoutRequest, now: sojourn_model::Millis) -> Result<(), Refused> {
    let skew = Times::default().skew_ms;
    match request.not_on_or_after {
        Some(until) if until.plus(skew) <= now => Err(Refused::Message("it is too old".into())),
        _ => Ok(()),
    }
}

async fn end(
    context: &Context,
    sender: &Sender,
    request: &LogoutRequest,
    relay_state: Option<String>,
    by_query: bool,
) -> Result<Response, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let stays = engine.saml_stays(tenant, &sender.0, request).await?;
    let mine = context.session().await?;
    // The browser that brings the request is that of the session, whether it sent the cookie or not.
    let first = match stays.first() {
        Some(stay) => engine.reads().session(tenant.id, stay.session).await?,
        None => None,
    };
    let mine = mine.filter(|session| stays.iter().any(|stay| stay.session == session.id));
    let present = mine.as_ref().or(first.as_ref());
    let done = engine.saml_logout(tenant, &sender.0, &stays, present).await?;
    let owed = Owed {
        entity_id: sender.0.client_id.clone(),
        request: request.header.id.clone(),
        relay_state,
        sessions: done.sessions.iter().map(ToString::to_string).collect(),
        by_query,
    };
    if present.is_none() {
        return give(context, sender, &owed).await;
    }
    let response = if done.frames.is_empty() {
        let response = give(context, sender, &owed).await?;
        respond::with(response, header::SET_COOKIE, &context.no_session_cookie())
    } else {
        let query = serde_json::to_string(&owed).unwrap_or_default();
        let next = Ticket { query, ..Ticket::to(context, ANSWER_PATH) };
        let of = next.seal(context).unwrap_or_default();
        let next = sojourn_oidc::params::with_query(&context.link(ANSWER_PATH), &[("of", &of)]);
        ended(context, present, Some(next), done.frames).await
    };
    Ok(response)
}

/// Everybody was told: the answer goes to the service provider that asked.
pub(crate) async fn answer(context: Context, uri: Uri) -> Response {
    let params = request::query(uri.query()).ok();
    let ticket = params.as_ref().and_then(|params| params.get("of"));
    let ticket = ticket.and_then(|text| Ticket::open(&context, text));
    let owed = ticket
        .filter(|ticket| ticket.path == ANSWER_PATH)
        .and_then(|ticket| serde_json::from_str::<Owed>(&ticket.query).ok());
    let Some(owed) = owed else { return errors::unknown_ticket(&context) };
    let sender = match Sender::of(&context, &owed.entity_id).await {
        Ok(sender) => sender,
        Err(Refused::Message(why)) => return super::refused(&context, &why),
        Err(Refused::Failed(error)) => return errors::failure(&context, &error),
    };
    match give(&context, &sender, &owed).await {
        Ok(response) => response,
        Err(error) => errors::failure(&context, &error),
    }
}

/// Whether everybody followed, as far as it is known after a moment.
pub(super) async fn followed(
    context: &Context,
    sender: &Sender,
    sessions: &[SessionId],
) -> Result<bool, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    for _ in 0..LOOKS_MAX {
        if let Some(all) = engine.saml_followed(tenant, &sender.0, sessions).await? {
            return Ok(all);
        }
        pause(LOOK_EVERY).await;
    }
    Ok(false)
}

/// Where an answer goes: by the binding of the request where the service provider has it, else by the other.
fn service(settings: &SamlSettings, by_query: bool) -> Option<&LogoutService> {
    let (first, second) = match by_query {
        true => (LogoutBinding::Redirect, LogoutBinding::Post),
        false => (LogoutBinding::Post, LogoutBinding::Redirect),
    };
    settings.logout_by(first).or_else(|| settings.logout_by(second))
}

async fn give(context: &Context, sender: &Sender, owed: &Owed) -> Result<Response, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let sessions: Vec<SessionId> =
        owed.sessions.iter().filter_map(|text| text.parse().ok()).collect();
    let status = logout_status(followed(context, sender, &sessions).await?);
    let settings = sender.settings().map_err(|_| EngineError::NotFound("service provider"))?;
    let Some(service) = service(settings, owed.by_query) else {
        // It has nowhere to be answered at.
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

/// The answer of a service provider to what a frame of ours carried to it.
pub(crate) async fn answered(
    context: &Context,
    carried: &Carried,
    document: &Document<'_>,
) -> Response {
    match note(context, carried, document).await {
        Ok(()) => empty_frame(context),
        Err(Refused::Message(why)) => super::refused(context, &why),
        Err(Refused::Failed(error)) => errors::failure(context, &error),
    }
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

/// What a frame shows that has done its work.
fn empty_frame(context: &Context) -> Response {
    let language = &context.language().code;
    let page = format!("<!doctype html><html lang=\"{language}\"><title>OK</title></html>");
    let response = respond::html(StatusCode::OK, page);
    let policy = "default-src 'none'; frame-ancestors 'self'";
    let response = respond::with(response, header::CONTENT_SECURITY_POLICY, policy);
    respond::with(response, HeaderName::from_static("x-frame-options"), "SAMEORIGIN")
}

/// A frame of ours that posts a logout request.
pub(crate) async fn frame(context: Context, uri: Uri) -> Response {
    let params = request::query(uri.query()).ok();
    let of = params.as_ref().and_then(|params| params.get("of")).unwrap_or_default();
    match context.engine().saml_frame(context.tenant(), of).await {
        Ok(notice) => {
            let pairs = vec![("SAMLRequest".to_owned(), binding::form_value(&notice.xml))];
            let page = FormPost { action: notice.uri, pairs };
            render::own_frame(&context, &page)
        }
        Err(EngineError::NotFound(_)) => errors::unknown_ticket(&context),
        Err(error) => errors::failure(&context, &error),
    }
}
