//! `/oauth2/authorize`: the checks run in the order of the specification. First client and redirect URI, with a page
//! for errors in them; then the checks with errors that go to the redirect URI; then whether the user must act; then
//! the code.

use axum::body::Bytes;
use axum::response::Response;
use http::{Uri, header};
use sojourn_engine::EngineError;
use sojourn_engine::tokens::{AuthorizeOutcome, Read, TokenError};
use sojourn_model::limits::REQUEST_BYTES_MAX;
use sojourn_model::{Application, Level, Participation, Protocol, Session};
use sojourn_oidc::authorize::{self, AuthorizeRequest};
use sojourn_oidc::interaction::{Present, SignInReason, Situation, is_out_of_reach, level_wanted};
use sojourn_oidc::{Needs, OAuthError, Params, needs};

use super::AUTHORIZE;
use crate::context::Context;
use crate::oidc::{binding, reply, session_state};
use crate::ticket::{Opened, Ticket};
use crate::web::interrupted::{Interrupted, ask};
use crate::web::refusal::{Answer, Refusal};
use crate::web::words;
use crate::{request, respond};

/// `GET /oauth2/authorize`: a request in the query.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    match request::query(uri.query()) {
        Ok(params) => begin(&context, params).await,
        Err(error) => Err(Refusal::bad_request(words::message(&error))),
    }
}

/// `POST /oauth2/authorize`: a request in a form (OpenID Connect Core 1.0 §3.1.2.1).
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    match request::form(&context.headers, &body) {
        Ok(params) => match context.again_as_query(AUTHORIZE, &params) {
            Some(again) => Ok(again),
            None => begin(&context, params).await,
        },
        Err(error) => Err(Refusal::bad_request(words::message(&error))),
    }
}

/// Starts a request, or resumes one that returns from the sign-in page in its ticket.
async fn begin(context: &Context, params: Params) -> Answer {
    let Some(text) = params.get("continue") else {
        return answer(context, &params, None).await;
    };
    // An expired ticket counts as the same request, started again.
    match Opened::of(context, text).map(Opened::ticket) {
        Some(ticket) if ticket.path == AUTHORIZE => match Params::parse(ticket.query.as_bytes()) {
            Ok(params) => answer(context, &params, Some(&ticket)).await,
            Err(error) => Err(Refusal::bad_request(words::message(&error))),
        },
        _ => Err(Refusal::Incomplete),
    }
}

async fn answer(context: &Context, asked: &Params, ticket: Option<&Ticket>) -> Answer {
    // Each byte can take three in a query; only long requests are worth serializing.
    if asked.bytes() * 3 > REQUEST_BYTES_MAX && asked.to_query().len() > REQUEST_BYTES_MAX {
        return Err(Refusal::bad_request("The request is too long."));
    }
    if asked.is_double("client_id") {
        return Err(Refusal::bad_request("The request has more than one client_id."));
    }
    let client_id = asked
        .get("client_id")
        .ok_or_else(|| Refusal::bad_request("The request has no client_id."))?;
    let app = match context.engine().application_by_client(context.tenant().id, client_id).await? {
        Some(app) if app.enabled && matches!(app.protocol(), Protocol::OpenIdConnect(_)) => app,
        _ => return Err(Refusal::bad_request("The client_id of the request is unknown.")),
    };
    let (session, stay) = match context.session_in(app.id).await? {
        Some((session, stay)) => (Some(session), stay),
        None => (None, None),
    };
    let params = merged(context, &app, asked, session.as_ref()).await?;
    let redirect_uri = authorize::redirect_uri(&params, &app)?;
    let reply = authorize::reply_to(&params, redirect_uri);
    let mut request = match authorize::check(&params, &app, reply.clone()) {
        Ok(request) => request,
        Err(error) => {
            return Ok(reply::error(context, &app.client_id, &reply, session.as_ref(), &error));
        }
    };
    if session.as_ref().is_some_and(|session| session.sign_in_due) {
        request.max_age = Some(0);
    }
    if let Some(session) = &session {
        // The organisation's requirements, where they exceed the application's.
        let demanded = context.engine().demands(context.tenant(), session, app.id).await?;
        if let Some(seconds) = demanded.max_age_ms.map(|ms| ms / 1000) {
            let asked = request.max_age.unwrap_or(seconds);
            request.max_age = Some(asked.min(seconds));
        }
        request.unmet = demanded.unmet;
    }
    let asking = Asking { context, params: &params, app: &app, request: &request, ticket };
    let response = asking.decide(session.as_ref(), stay.as_ref()).await?;
    Ok(session_state::with_cookie(context, session.as_ref(), response))
}

/// Merges the parameters with those of the request object. Errors in the request object are sent to the redirect URI of
/// the request itself, if it has one that may be used.
async fn merged(
    context: &Context,
    app: &Application,
    asked: &Params,
    session: Option<&Session>,
) -> Result<Params, Refusal> {
    match context.engine().with_request_object(context.tenant(), app, asked).await {
        Ok(None) => Ok(asked.clone()),
        Ok(Some(merged)) => Ok(merged),
        Err(error) => Err(match authorize::redirect_uri(asked, app) {
            Ok(uri) => {
                let reply = authorize::reply_to(asked, uri);
                let answer = reply::error(context, &app.client_id, &reply, session, &error);
                Refusal::instead(answer)
            }
            Err(_) => Refusal::bad_request(words::message(&error.description)),
        }),
    }
}

/// A checked request that is being processed.
struct Asking<'a> {
    context: &'a Context,
    params: &'a Params,
    app: &'a Application,
    request: &'a AuthorizeRequest,
    ticket: Option<&'a Ticket>,
}

impl Asking<'_> {
    async fn decide(
        &self,
        session: Option<&Session>,
        stay: Option<&Participation>,
    ) -> Result<Response, EngineError> {
        let Self { context, app, request, .. } = *self;
        let reply = &request.reply;
        let refuse =
            |error: &OAuthError| reply::error(context, &app.client_id, reply, session, error);
        if self.ticket.is_some_and(|ticket| ticket.denied) {
            return Ok(refuse(&OAuthError::new("access_denied", "the person declined")));
        }
        if let Err(error) = self.can_be_met() {
            return Ok(refuse(&error));
        }
        let situation = match self.situation(session).await? {
            Ok(situation) => situation,
            Err(error) => return Ok(refuse(&error)),
        };
        if situation.present.as_ref().is_some_and(|one| is_out_of_reach(request, one.reachable)) {
            return Ok(refuse(&unmet()));
        }
        let needed = needs(request, &situation);
        if needed == Some(Needs::SignIn(SignInReason::OtherPerson))
            && situation.present.as_ref().is_some_and(|present| present.signed_in)
        {
            // The user was already asked once: the expected user isn't the one who is here.
            return Ok(refuse(&Needs::SignIn(SignInReason::OtherPerson).error()));
        }
        let (Some(session), None) = (session, needed) else {
            return Ok(match needed {
                Some(needed) if request.prompt.none => refuse(&needed.error()),
                needed => {
                    self.ask(session, needed.unwrap_or(Needs::SignIn(SignInReason::NoSession)))
                }
            });
        };
        let (browser, browser_cookie) = binding::browser(context, app);
        let engine = context.engine();
        let browser = browser.as_deref();
        let approved = situation.present.as_ref().and_then(|present| present.consent.as_deref());
        let read = Read { stay, approved };
        let outcome =
            engine.authorize(context.tenant(), app, session, request, read, browser).await;
        match outcome {
            Ok(AuthorizeOutcome::Answer(answer)) => {
                if !request.prompt.none || app.settings.coordinate_inactivity {
                    engine.touch(context.tenant().id, session.id, Some(app.id));
                }
                let response = reply::answer(context, &app.client_id, reply, session, &answer);
                Ok(match browser_cookie {
                    Some(cookie) => respond::with(response, header::SET_COOKIE, &cookie),
                    None => response,
                })
            }
            Ok(AuthorizeOutcome::ApprovalGone) if request.prompt.none => {
                Ok(refuse(&Needs::Consent.error()))
            }
            Ok(AuthorizeOutcome::ApprovalGone) => Ok(self.ask(Some(session), Needs::Consent)),
            Ok(AuthorizeOutcome::SessionGone) if request.prompt.none => {
                Ok(refuse(&Needs::SignIn(SignInReason::NoSession).error()))
            }
            Ok(AuthorizeOutcome::SessionGone) => {
                Ok(self.ask(None, Needs::SignIn(SignInReason::NoSession)))
            }
            Err(TokenError::Refused(error)) => Ok(refuse(&error)),
            Err(TokenError::Failed(error)) => Err(error),
        }
    }

    /// Fails if no user could do what the request asks for.
    fn can_be_met(&self) -> Result<(), OAuthError> {
        let Self { context, request, .. } = *self;
        if request.prompt.create && !context.engine().is_sign_up_open(context.tenant()) {
            // Initiating User Registration 1.0 §4.1: a value that discovery doesn't list.
            let why = "prompt=create isn't supported: nobody can create an account here";
            return Err(OAuthError::invalid_request(why));
        }
        if is_out_of_reach(request, Level::HIGHEST) { Err(unmet()) } else { Ok(()) }
    }

    /// Collects the facts that the interaction checks need. Reads only what the request makes necessary.
    async fn situation(
        &self,
        session: Option<&Session>,
    ) -> Result<Result<Situation, OAuthError>, EngineError> {
        let Self { context, app, request, ticket, .. } = *self;
        let (engine, tenant) = (context.engine(), context.tenant());
        let first_party = app.settings.first_party;
        let now = engine.now();
        let Some(session) = session else {
            return Ok(Ok(Situation { present: None, first_party, now }));
        };
        let expected = match engine.is_expected(tenant, app, session.user, request).await? {
            Some(expected) => expected,
            None => {
                let why = "id_token_hint is no signed ID token of this server";
                return Ok(Err(OAuthError::invalid_request(why)));
            }
        };
        let consent = if first_party && !request.prompt.consent {
            None
        } else {
            engine.consent(tenant, session.user, app.id).await?.map(|(scopes, _)| scopes)
        };
        let done = ticket.map(|ticket| ticket.done.in_session(session.id)).unwrap_or_default();
        let level = session.level();
        let wanted = level_wanted(request, Level::HIGHEST).unwrap_or(Level::One);
        let reachable = match wanted > level {
            true => engine.level_of(tenant, session.user).await?,
            false => level,
        };
        let present = Present {
            auth_time: session.auth_time,
            level,
            reachable,
            expected,
            signed_in: done.signed_in,
            // The user created the account in another tab, with the link in the mail, or signed in there.
            chosen: done.chosen
                || (request.prompt.create
                    && ticket.is_some_and(|ticket| ticket.before != Some(session.id))),
            approved: done.approved,
            consent,
        };
        Ok(Ok(Situation { present: Some(present), first_party, now }))
    }

    /// Sends the user to the page that does what is needed and then leads back here.
    fn ask(&self, session: Option<&Session>, needed: Needs) -> Response {
        let Self { context, params, request, ticket, .. } = *self;
        let (query, hint) = (params.to_query(), request.login_hint.clone());
        ask(context, Interrupted { path: AUTHORIZE, query, hint, ticket }, session, needed)
    }
}

/// The error for a request that requires an authentication context that the user can't reach (Unmet Authentication
/// Requirements 1.0 §2).
fn unmet() -> OAuthError {
    OAuthError::new("unmet_authentication_requirements", "none of the acr values can be reached")
}
