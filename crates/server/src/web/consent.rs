//! Between sign-in and application: what the person has to approve, and which account to go on with.

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
use crate::web::refusal::{Answer, Refusal};
use crate::web::ticket::{Done, Opened, Ticket};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// What pages show of an application.
pub(crate) struct AppFace {
    pub(crate) name: String,
    pub(crate) logo: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) terms: Option<String>,
}

/// What an application would be given.
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

/// Which account to go on with.
#[derive(Template)]
#[template(path = "select_account.html")]
struct SelectAccountPage {
    base: String,
    csrf: String,
    ticket: String,
    user: String,
    /// Mail address or login name.
    known_as: String,
    initial: String,
    app: AppFace,
}

const GONE: &str =
    "The application or its request has changed. Go back to the application and begin again.";

/// A request that waits for the person, with its application.
struct Waiting {
    ticket: Ticket,
    app: Arc<Application>,
    request: AuthorizeRequest,
    /// The page was open for too long: the request begins again.
    late: bool,
}

impl Waiting {
    /// Reads the request of a ticket again: what was right a moment ago may not be any more.
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

/// The application that a ticket leads to: that of a request that was checked. What stands in the query of a page of
/// ours is anybody's to write.
pub(crate) async fn app_of_ticket(context: &Context, ticket: &Ticket) -> Option<Arc<Application>> {
    if !ticket.is_request() {
        return None;
    }
    let params = Params::parse(ticket.query.as_bytes()).ok()?;
    app_of(context, &params).await.ok()?
}

/// What pages show of an application.
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

/// What one of these pages is shown for: a request that waits, and the session that it waits for. Who signed out
/// in another tab begins the request again.
async fn shown(context: &Context, uri: &Uri) -> Result<(Waiting, Session), Refusal> {
    let waiting = Waiting::read(context, ticket_in(uri).as_deref()).await?;
    match context.session().await? {
        Some(session) => Ok((waiting, session)),
        None => Err(Refusal::instead(respond::see_other(&waiting.ticket.location(context)))),
    }
}

/// What the form of one of these pages brings. A page that was open for too long, and one whose session has ended since,
/// begin their request again.
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

/// Whose session it is: a name as pages say it, and what else they are known as.
async fn person(context: &Context, session: &Session) -> Result<(String, String), Refusal> {
    let user = context.engine().reads().user(context.tenant().id, session.user).await?;
    let user = user.ok_or_else(|| Refusal::bad_request(GONE))?;
    let known_as = user.email.as_deref().unwrap_or(&user.username).to_owned();
    Ok((user.shown_name().to_owned(), known_as))
}

/// What the application would be given, for the person to approve.
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

/// Where the answer goes, as far as a person can judge it.
fn host_of(uri: &str) -> Text {
    let Ok(url) = url::Url::parse(uri) else { return Text::default() };
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => plain(format!("{host}:{port}")),
        (Some(host), None) => plain(host),
        (None, _) => say("an application on this device ({0})", [plain(url.scheme())]),
    }
}

/// The person's answer.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (mut waiting, session, params) = sent(&context, &body).await?;
    if params.get("answer") == Some("yes") {
        let approved = to_approve(&waiting.request);
        let (engine, tenant) = (context.engine(), context.tenant());
        match engine.give_consent(tenant, &session, waiting.app.id, &approved).await {
            Ok(()) => {}
            // It ended in this moment: the way leads to the sign-in.
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

/// Which account to go on with.
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

/// The person chose.
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
