//! Pages between the sign-in and the application: consent, and account selection.

use askama::Template;
use std::sync::Arc;

use axum::body::Bytes;
use http::{StatusCode, Uri};
use sojourn_engine::EngineError;
use sojourn_engine::saml::SignOn;
use sojourn_model::{Application, Level, Protocol, Session};
use sojourn_oidc::authorize::{self, AuthorizeRequest};
use sojourn_oidc::interaction::to_approve;
use sojourn_oidc::params::with_query;
use sojourn_oidc::{Params, scope};

use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::ticket::{Done, Opened, Ticket};
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// What pages show of an application: its name, logo and links.
pub(crate) struct AppFace {
    pub(crate) name: String,
    pub(crate) logo: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) terms: Option<String>,
}

/// The consent page, which lists what an application requests.
#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    base: String,
    csrf: String,
    ticket: String,
    user: String,
    items: Vec<Text>,
    offline: bool,
    host: Text,
    app: AppFace,
}

/// The page on which the user selects the account to continue with.
#[derive(Template)]
#[template(path = "select_account.html")]
struct SelectAccountPage {
    base: String,
    csrf: String,
    ticket: String,
    user: String,
    /// Mail address, or the login name if there is none.
    known_as: String,
    initial: String,
    app: AppFace,
}

const GONE: &str =
    "The application or its request has changed. Go back to the application and begin again.";

/// An authorization request that waits for the user, with its application.
struct Waiting {
    ticket: Ticket,
    app: Arc<Application>,
    request: AuthorizeRequest,
    /// Whether the page was open for too long, so that the request starts again.
    late: bool,
}

impl Waiting {
    /// Parses and checks the request of a ticket again, because it may have become invalid in the meantime.
    async fn read(context: &Context, text: Option<&str>) -> Result<Self, Refusal> {
        let gone = || Refusal::bad_request(GONE);
        let opened = text.and_then(|text| Opened::of(context, text));
        let opened = opened.ok_or(Refusal::Incomplete)?;
        let late = matches!(opened, Opened::Late(_));
        let ticket = opened.ticket();
        let params = Params::parse(ticket.query.as_bytes()).map_err(|_| gone())?;
        let app = app_of(context, &params).await?.ok_or_else(gone)?;
        let request = match app.protocol() {
            Protocol::Saml(_) => SignOn::of_query(&ticket.query)
                .and_then(|asked| Some(asked.as_needs(&app, &asked.wanted(Level::HIGHEST)?))),
            _ => authorize::redirect_uri(&params, &app).ok().and_then(|uri| {
                authorize::check(&params, &app, authorize::reply_to(&params, uri)).ok()
            }),
        };
        let request = request.ok_or_else(gone)?;
        Ok(Self { ticket, app, request, late })
    }
}

async fn app_of(
    context: &Context,
    params: &Params,
) -> Result<Option<Arc<Application>>, EngineError> {
    match params.get("client_id") {
        None => Ok(None),
        Some(id) => context.engine().application_by_client(context.tenant().id, id).await,
    }
}

/// Returns the application that a ticket leads to; only for a ticket of a checked request. `None` for a ticket to a
/// built-in page, because anyone can write the query of such a page.
pub(crate) async fn app_of_ticket(context: &Context, ticket: &Ticket) -> Option<Arc<Application>> {
    if !ticket.is_request() {
        return None;
    }
    let params = Params::parse(ticket.query.as_bytes()).ok()?;
    app_of(context, &params).await.ok()?
}

/// Selects what pages show of an application.
pub(super) fn face(app: &Application) -> AppFace {
    let settings = &app.settings;
    AppFace {
        name: app.name.clone(),
        logo: settings.logo_uri.clone(),
        home: settings.home_uri.clone(),
        policy: settings.policy_uri.clone(),
        terms: settings.tos_uri.clone(),
    }
}

fn ticket_in(uri: &Uri) -> Option<String> {
    request::query(uri.query()).ok()?.get("ticket").map(str::to_owned)
}

/// Loads what one of these pages is shown for: the waiting request and the current session. If the user has signed out
/// in another tab, the request starts again.
async fn shown(context: &Context, uri: &Uri) -> Result<(Waiting, Session), Refusal> {
    let waiting = Waiting::read(context, ticket_in(uri).as_deref()).await?;
    match context.session().await? {
        Some(session) => Ok((waiting, session)),
        None => Err(Refusal::instead(respond::see_other(&waiting.ticket.location(context)))),
    }
}

/// Parses and verifies the form of one of these pages. If the page was open for too long or the session has ended, the
/// request starts again.
async fn sent(context: &Context, body: &Bytes) -> Result<(Waiting, Session, Params), Refusal> {
    let params = request::form(&context.headers, body)?;
    if !context.same_origin() {
        return Err(Refusal::Forged);
    }
    let waiting = Waiting::read(context, params.get("ticket")).await?;
    let session = context.session().await?;
    match session.filter(|session| context.genuine(session, params.get("csrf"))) {
        Some(session) if !waiting.late => Ok((waiting, session, params)),
        _ => Err(Refusal::instead(respond::see_other(&waiting.ticket.location(context)))),
    }
}

/// Returns the display name of the session's user, and their mail address or login name.
async fn person(context: &Context, session: &Session) -> Result<(String, String), Refusal> {
    let user = context.engine().reads(context.tenant().id).user(session.user).await?;
    let user = user.ok_or_else(|| Refusal::bad_request(GONE))?;
    let known_as = user.email.as_deref().unwrap_or(&user.username).to_owned();
    Ok((user.shown_name().to_owned(), known_as))
}

/// Serves `GET /consent`: shows what the application requests, for the user to approve.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let (waiting, session) = shown(&context, &uri).await?;
    let (user, _) = person(&context, &session).await?;
    let page = ConsentPage {
        base: context.arrival.prefix.to_string(),
        csrf: context.session_token(&session),
        ticket: waiting.ticket.seal(&context).unwrap_or_default(),
        user,
        items: words::permissions(to_approve(&waiting.request).split(' ')),
        offline: scope::has(&waiting.request.scopes.join(" "), "offline_access"),
        host: host_of(&waiting.request.reply.redirect_uri),
        app: face(&waiting.app),
    };
    Ok(render::face_page(&context, StatusCode::OK, &page, page.app.logo.as_deref()))
}

/// Returns the host and port of a redirect URI, by which the user can judge where the response goes; for a URI without
/// a host, its scheme.
fn host_of(uri: &str) -> Text {
    let Ok(url) = url::Url::parse(uri) else { return Text::default() };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => plain(format!("{host}:{port}")),
        (Some(host), None) => plain(host),
        (None, _) => say("an application on this device ({0})", [plain(url.scheme())]),
    }
}

/// Serves `POST /consent`: stores the consent (`answer=yes`) or marks the request as denied, and continues the request.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (mut waiting, session, params) = sent(&context, &body).await?;
    if params.get("answer") == Some("yes") {
        let approved = to_approve(&waiting.request);
        let (engine, tenant) = (context.engine(), context.tenant());
        match engine.give_consent(tenant, &session, waiting.app.id, &approved).await {
            Ok(()) => {}
            // The session has just ended: the request leads to the sign-in page.
            Err(EngineError::NotFound(_)) => {
                return Ok(respond::see_other(&waiting.ticket.location(&context)));
            }
            Err(error) => return Err(error.into()),
        }
        let done = waiting.ticket.done.in_session(session.id);
        waiting.ticket.done = Done { approved: true, ..done };
    } else {
        waiting.ticket.denied = true;
    }
    Ok(respond::see_other(&waiting.ticket.location(&context)))
}

/// Serves `GET /select-account`: asks which account to continue with.
pub(crate) async fn accounts(context: Context, uri: Uri) -> Answer {
    let (waiting, session) = shown(&context, &uri).await?;
    let (user, known_as) = person(&context, &session).await?;
    let page = SelectAccountPage {
        base: context.arrival.prefix.to_string(),
        csrf: context.session_token(&session),
        ticket: waiting.ticket.seal(&context).unwrap_or_default(),
        initial: user.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default(),
        user,
        known_as,
        app: face(&waiting.app),
    };
    Ok(render::face_page(&context, StatusCode::OK, &page, page.app.logo.as_deref()))
}

/// Serves `POST /select-account`: continues with the present account, or leads to the sign-in page for another one
/// (`answer=other`).
pub(crate) async fn chosen(context: Context, body: Bytes) -> Answer {
    let (mut waiting, session, params) = sent(&context, &body).await?;
    if params.get("answer") == Some("other") {
        waiting.ticket.before = Some(session.id);
        let text = waiting.ticket.seal(&context).unwrap_or_default();
        return Ok(respond::see_other(&with_query(&context.link("/login"), &[("ticket", &text)])));
    }
    waiting.ticket.done = Done { chosen: true, ..waiting.ticket.done.in_session(session.id) };
    Ok(respond::see_other(&waiting.ticket.location(&context)))
}
