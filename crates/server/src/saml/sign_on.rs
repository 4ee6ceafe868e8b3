//! Single sign-on (Profiles §4.1): the request is checked, then the same table as for OpenID Connect decides what the
//! user has to do, then the browser posts the response.

use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::saml::{SSO_PATH, SignOn, SignOnOutcome};
use sojourn_engine::tokens::Read;
use sojourn_model::{Application, Level, Participation, Session};
use sojourn_oidc::interaction::{Present, SignInReason, Situation};
use sojourn_oidc::{Needs, Params, needs};
use sojourn_saml::binding::Carried;
use sojourn_saml::context::Comparison;
use sojourn_saml::message::Times;
use sojourn_saml::signature::Trusted;
use sojourn_saml::xml::Document;
use sojourn_saml::{AuthnRequest, Status, SubStatus, binding, names};

use super::carried::{Refused, Sender};
use crate::context::Context;
use crate::oidc::session_state;
use crate::respond;
use crate::ticket::{Opened, Ticket};
use crate::web::interrupted::{Interrupted, ask};
use crate::web::pages::FormPost;
use crate::web::refusal::{Answer, Refusal};
use crate::web::render;

/// Maximum size of a request as its pages carry it, in bytes.
const CARRIED_BYTES_MAX: usize = 6_000;

/// Processes a sign-on request of a service provider.
pub(crate) async fn asked(context: &Context, carried: &Carried, document: &Document<'_>) -> Answer {
    match checked(context, carried, document).await? {
        (sender, Checked::Good(asked)) => begin(context, &sender.0, asked).await,
        (sender, Checked::Bad(asked, status, why)) => {
            refuse(context, &sender.0, &asked, status, why).await
        }
    }
}

enum Checked {
    /// The request is valid and can be processed.
    Good(SignOn),
    /// The request is refused with this status and message.
    Bad(SignOn, Status, &'static str),
}

/// Errors are shown on a page until a trusted address for the response is known.
async fn checked(
    context: &Context,
    carried: &Carried,
    document: &Document<'_>,
) -> Result<(Sender, Checked), Refused> {
    // Only to find the sender; it is read again once the signature is verified.
    let issuer = AuthnRequest::read(Trusted::unsigned(document))?.header.issuer;
    let sender = Sender::of(context, &issuer).await?;
    let (trusted, signed) = sender.verified(carried, document)?;
    let settings = sender.settings()?;
    if settings.signed_requests && !signed {
        return Err(Refused::Message("requests of this service provider have to be signed".into()));
    }
    let request = AuthnRequest::read(trusted)?;
    let addresses = super::addresses(context);
    request.header.check(context.engine().now(), Times::default(), &addresses, signed)?;
    let consumers = &settings.assertion_consumers;
    let acs = match (&request.acs_url, request.acs_index) {
        (Some(url), _) => consumers.iter().find(|one| one.url == *url),
        (None, Some(index)) => consumers.iter().find(|one| one.index == index),
        (None, None) => settings.default_consumer(),
    };
    let acs = acs.ok_or_else(|| {
        Refused::Message("its assertion consumer service isn't registered".to_owned())
    })?;
    let relay_state = carried.relay_state.clone();
    let longest = settings.relay_state_bytes_max;
    if relay_state.as_ref().is_some_and(|text| text.len() > longest) {
        let why = format!("its RelayState is longer than the {longest} bytes that are allowed");
        return Err(Refused::Message(why));
    }
    let contexts = request.requested.as_ref().map(|requested| {
        let comparison = match requested.comparison {
            Comparison::Exact => "exact",
            Comparison::Minimum => "minimum",
            Comparison::Better => "better",
            Comparison::Maximum => "maximum",
        };
        (comparison.to_owned(), requested.classes.clone())
    });
    let asked = SignOn {
        entity_id: sender.0.client_id.clone(),
        request: Some(request.header.id.clone()),
        acs: acs.url.clone(),
        relay_state,
        force: request.force,
        passive: request.passive,
        format: request.format.clone(),
        sp_name_qualifier: request.sp_name_qualifier.clone(),
        contexts,
        hint: request.subject.as_ref().map(|name| name.value.clone()),
        at: context.engine().now().0,
    };
    if asked.to_query().len() > CARRIED_BYTES_MAX {
        return Err(Refused::Message("it names too many or too long things".into()));
    }
    if request.binding.as_deref().is_some_and(|binding| binding != names::POST) {
        let why = "responses are given by HTTP-POST alone";
        let status = Status::Requester(SubStatus::UnsupportedBinding);
        return Ok((sender, Checked::Bad(asked, status, why)));
    }
    Ok((sender, Checked::Good(asked)))
}

/// Begins a sign-on. With `SameSite=Lax` a browser withholds the session cookie from a form of another site but sends
/// it when it follows a link: such a request continues with a link.
async fn begin(context: &Context, app: &Application, asked: SignOn) -> Answer {
    if context.method == http::Method::POST && context.keeps_session_back() {
        let ticket = Ticket { query: asked.to_query(), ..Ticket::to(context, SSO_PATH) };
        return Ok(respond::see_other(&ticket.location(context)));
    }
    decide(context, app, &asked, None).await
}

/// Resumes a request that returns from a page, or begins a sign-on without a request (Profiles §4.1.5).
pub(crate) async fn resume_or_begin(context: &Context, params: &Params) -> Answer {
    let Some(text) = params.get("continue") else {
        return unasked(context, params).await;
    };
    let ticket = Opened::of(context, text).map(Opened::ticket);
    if let Some(ticket) = ticket.as_ref().filter(|ticket| ticket.path == super::logout::PATH) {
        return super::logout::resume(context, ticket).await;
    }
    let ticket = ticket.filter(|ticket| ticket.path == SSO_PATH);
    let ticket = ticket.ok_or(Refusal::Incomplete)?;
    let asked = SignOn::of_query(&ticket.query).ok_or(Refusal::Incomplete)?;
    if asked.is_too_old(context.engine().now()) {
        let why = "this request is too old; go back to the application and begin again";
        return Err(super::refused(why));
    }
    let sender = Sender::of(context, &asked.entity_id).await?;
    decide(context, &sender.0, &asked, Some(&ticket)).await
}

async fn unasked(context: &Context, params: &Params) -> Answer {
    let sender = Sender::of(context, params.get("spEntityID").unwrap_or_default()).await?;
    let settings = sender.settings().map_err(|_| Refusal::Incomplete)?;
    let Some(acs) = settings.default_consumer().filter(|_| settings.idp_initiated) else {
        let why = "sign-ons of this service provider begin there, not here";
        return Err(super::refused(why));
    };
    let relay_state = params.get("RelayState").map(str::to_owned);
    if relay_state.as_ref().is_some_and(|text| text.len() > settings.relay_state_bytes_max) {
        return Err(super::refused("its RelayState is too long"));
    }
    let asked = SignOn {
        entity_id: sender.0.client_id.clone(),
        request: None,
        acs: acs.url.clone(),
        relay_state,
        force: false,
        passive: false,
        format: None,
        sp_name_qualifier: None,
        contexts: None,
        hint: None,
        at: context.engine().now().0,
    };
    decide(context, &sender.0, &asked, None).await
}

async fn decide(
    context: &Context,
    app: &Application,
    asked: &SignOn,
    ticket: Option<&Ticket>,
) -> Answer {
    let (session, stay) = match context.session_in(app.id).await? {
        Some((session, stay)) => (Some(session), stay),
        None => (None, None),
    };
    let deciding = Deciding { context, app, asked, ticket };
    let answer = deciding.answer(session.as_ref(), stay.as_ref()).await;
    let response = answer.unwrap_or_else(|refusal| refusal.respond(context));
    Ok(session_state::with_cookie(context, session.as_ref(), response))
}

/// A checked request that is being processed.
struct Deciding<'a> {
    context: &'a Context,
    app: &'a Application,
    asked: &'a SignOn,
    ticket: Option<&'a Ticket>,
}

impl Deciding<'_> {
    async fn answer(&self, session: Option<&Session>, stay: Option<&Participation>) -> Answer {
        let Self { context, app, asked, ticket } = *self;
        let (engine, tenant) = (context.engine(), context.tenant());
        if ticket.is_some_and(|ticket| ticket.denied) {
            let status = Status::Responder(SubStatus::RequestDenied);
            return refuse(context, app, asked, status, "the person declined").await;
        }
        let reachable = match session {
            Some(session) if asked.contexts.is_some() => {
                engine.level_of(tenant, session.user).await?.max(session.level())
            }
            _ => Level::HIGHEST,
        };
        let Some(wanted) = asked.wanted(reachable) else {
            let status = Status::Responder(SubStatus::NoAuthnContext);
            let why = "none of the authentication contexts can be reached";
            return refuse(context, app, asked, status, why).await;
        };
        let mut request = asked.as_needs(app, &wanted);
        if let Some(session) = session {
            let demanded = engine.demands(tenant, session, app.id).await?;
            request.max_age = demanded.max_age_ms.map(|ms| ms / 1000);
            if session.sign_in_due {
                request.max_age = Some(0);
            }
            request.unmet = demanded.unmet;
        }
        let situation = self.situation(session, request.least_level).await?;
        let needed = needs(&request, &situation);
        let (Some(session), None) = (session, needed) else {
            let needed = needed.unwrap_or(Needs::SignIn(SignInReason::NoSession));
            return self.ask_or_refuse(session, needed).await;
        };
        let approved = situation.present.as_ref().and_then(|present| present.consent.as_deref());
        let read = Read { stay, approved };
        match engine.saml_sign_on(tenant, app, session, asked, read).await? {
            SignOnOutcome::Response(xml) => {
                engine.touch(tenant.id, session.id, Some(app.id));
                Ok(posted(context, asked, &xml))
            }
            SignOnOutcome::SessionGone => {
                self.ask_or_refuse(None, Needs::SignIn(SignInReason::NoSession)).await
            }
            SignOnOutcome::ApprovalGone => self.ask_or_refuse(Some(session), Needs::Consent).await,
            SignOnOutcome::Answered => {
                let why = "this request was answered before; go back to the application";
                Err(super::refused(why))
            }
        }
    }

    async fn ask_or_refuse(&self, session: Option<&Session>, needed: Needs) -> Answer {
        let Self { context, app, asked, ticket } = *self;
        if asked.passive {
            let status = Status::Responder(SubStatus::NoPassive);
            let why = "the person would have to do something";
            return refuse(context, app, asked, status, why).await;
        }
        let interrupted = Interrupted {
            path: SSO_PATH,
            query: asked.to_query(),
            hint: asked.hint.clone(),
            ticket,
        };
        Ok(ask(context, interrupted, session, needed))
    }

    /// Collects the facts that the interaction checks need. Reads only what the request makes necessary.
    async fn situation(
        &self,
        session: Option<&Session>,
        least: Level,
    ) -> Result<Situation, EngineError> {
        let Self { context, app, ticket, .. } = *self;
        let (engine, tenant) = (context.engine(), context.tenant());
        let (first_party, now) = (app.settings.first_party, engine.now());
        let Some(session) = session else {
            return Ok(Situation { present: None, first_party, now });
        };
        let consent = match first_party {
            true => None,
            false => engine.consent(tenant, session.user, app.id).await?.map(|(scopes, _)| scopes),
        };
        let done = ticket.map(|ticket| ticket.done.in_session(session.id)).unwrap_or_default();
        let level = session.level();
        let reachable = match least > level {
            true => engine.level_of(tenant, session.user).await?,
            false => level,
        };
        let present = Present {
            auth_time: session.auth_time,
            level,
            reachable,
            expected: true,
            signed_in: done.signed_in,
            chosen: done.chosen,
            approved: done.approved,
            consent,
        };
        Ok(Situation { present: Some(present), first_party, now })
    }
}

/// Sends a response without an assertion.
async fn refuse(
    context: &Context,
    app: &Application,
    asked: &SignOn,
    status: Status,
    why: &str,
) -> Answer {
    let engine = context.engine();
    match engine.saml_refusal(context.tenant(), app, asked, (status, why)).await? {
        SignOnOutcome::Response(xml) => Ok(posted(context, asked, &xml)),
        _ => Err(Refusal::Incomplete),
    }
}

/// Returns the page with the form that is posted to the service provider.
fn posted(context: &Context, asked: &SignOn, xml: &str) -> Response {
    let mut pairs = vec![("SAMLResponse".to_owned(), binding::form_value(xml))];
    pairs.extend(asked.relay_state.clone().map(|state| ("RelayState".to_owned(), state)));
    let page = FormPost { action: asked.acs.clone(), pairs };
    render::script_page(context, StatusCode::OK, &page, "")
}
