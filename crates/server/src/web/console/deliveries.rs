//! Deliveries: notifications of applications about ended sessions, and their results.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::session::{Bookmark, Place, Position, Question, Sort};
use sojourn_engine::{DeliveryQuery, EngineError, Right};
use sojourn_model::{Actor, AppId, AppKind, Application, Delivery, DeliveryState, SessionId, Sid};
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// A delivery in a list.
pub(super) struct DeliveryLine {
    pub(super) sid: String,
    pub(super) app: String,
    pub(super) session: String,
    pub(super) state: &'static str,
    pub(super) words: &'static str,
    pub(super) attempts: i64,
    pub(super) created: Text,
    pub(super) last: Text,
    pub(super) jti: String,
    pub(super) resend: bool,
}

/// The page that lists deliveries.
#[derive(Template)]
#[template(path = "console/deliveries.html")]
struct DeliveriesPage {
    frame: Frame,
    deliveries: Vec<DeliveryLine>,
    /// Options of the state filter: value, label, and whether it is selected.
    states: Vec<(&'static str, &'static str, bool)>,
    apps: Vec<(String, String, bool)>,
    /// Applications with paused deliveries, and until when.
    unwell: Vec<(String, Text)>,
    older: Option<String>,
    narrowed: bool,
}

const SHOWN: i64 = 50;

/// Creates the list entry of a delivery.
pub(super) async fn line(
    context: &Context,
    delivery: &Delivery,
) -> Result<DeliveryLine, EngineError> {
    let app = context.engine().application(delivery.tenant, delivery.app).await?;
    let last = match (delivery.last_status, &delivery.last_error) {
        (Some(status), _) => say("answered {0}", [plain(status.to_string())]),
        (None, Some(error)) => Text::Message(error.clone()),
        (None, None) => Text::default(),
    };
    Ok(DeliveryLine {
        sid: delivery.sid.to_string(),
        app: app.map(|app| app.name.clone()).unwrap_or_default(),
        session: delivery.session.to_string(),
        state: delivery.state.as_str(),
        words: words::delivery(delivery.state),
        attempts: delivery.attempts,
        created: words::moment(delivery.created_at),
        last,
        jti: delivery.last_jti.clone().unwrap_or_default(),
        resend: matches!(delivery.state, DeliveryState::Dead | DeliveryState::Refused),
    })
}

/// Loads the page of deliveries that a query asks for.
async fn found(
    context: &Context,
    visitor: &Visitor,
    params: &Params,
) -> Result<DeliveriesPage, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let given = |name: &str| params.get(name).filter(|text| !text.is_empty());
    let state = given("state").and_then(DeliveryState::parse);
    let app = given("application").and_then(|text| text.parse::<AppId>().ok());
    let caller = Actor::User(visitor.user.id);
    let text = format!("deliveries {state:?} {app:?}");
    let question = Question { caller: &caller, filter: &text, sort: Sort::SignedIn };
    let before = match given("cursor") {
        None => Place::LAST,
        Some(cursor) => match engine.read_session_cursor(tenant, &question, cursor) {
            Ok(Bookmark { position: Position::Before(place), .. }) => place,
            _ => return Err(EngineError::Invalid("this page doesn't belong to this list".into())),
        },
    };
    let query = DeliveryQuery { state, app, before, limit: SHOWN, rights: visitor.by.rights() };
    let (items, next) = engine.search_deliveries(tenant, &query).await?;
    let mut deliveries = Vec::with_capacity(items.len());
    for delivery in &items {
        deliveries.push(line(context, delivery).await?);
    }
    let older = match next {
        None => None,
        Some(place) => {
            let mark = Bookmark { position: Position::Before(place), as_of: engine.now() };
            let cursor = engine.session_cursor(tenant, &question, &mark)?;
            let mut pairs = vec![("cursor", cursor.as_str())];
            pairs.extend(given("state").map(|state| ("state", state)));
            pairs.extend(given("application").map(|app| ("application", app)));
            Some(with_query(&context.link("/console/deliveries"), &pairs))
        }
    };
    let told = |one: &Application| one.kind == AppKind::Client;
    let apps = engine.applications(tenant).await?;
    let name = |id: AppId| apps.iter().find(|one| one.id == id).map(|one| one.name.clone());
    let unwell = engine
        .application_health(tenant)
        .into_iter()
        .filter_map(|one| Some((name(one.app)?, words::moment(one.open_until?))))
        .collect();
    Ok(DeliveriesPage {
        frame: visitor.frame(context, "deliveries"),
        deliveries,
        states: DeliveryState::ALL
            .map(|one| (one.as_str(), words::delivery(one), state == Some(one)))
            .to_vec(),
        unwell,
        narrowed: state.is_some() || app.is_some(),
        apps: apps
            .iter()
            .filter(|one| told(one))
            .map(|one| (one.id.to_string(), one.name.clone(), app == Some(one.id)))
            .collect(),
        older,
    })
}

/// Serves `GET /console/deliveries`: the newest deliveries, optionally only those with a state or of an application.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/deliveries", Right::SessionView).await?;
    let params = request::query(uri.query())?;
    match found(&context, &visitor, &params).await {
        Ok(page) => Ok(render::page(&context, StatusCode::OK, &page)),
        Err(EngineError::Invalid(why)) => Err(Refusal::bad_request(words::sentence(why))),
        Err(error) => Err(error.into()),
    }
}

/// Serves `POST /console/sessions/{id}/deliveries/{sid}/resend`: queues a failed or refused delivery again.
pub(crate) async fn resend(
    context: Context,
    Path((session, sid)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (visitor, _) = form(&context, &body, "/console/deliveries", Right::SessionDelete).await?;
    let (Ok(session), Ok(sid)) = (session.parse::<SessionId>(), sid.parse::<Sid>()) else {
        return Err(Refusal::missing("There is no such delivery."));
    };
    context.engine().resend_delivery(context.tenant(), session, sid, &visitor.by).await?;
    Ok(respond::see_other(&context.link("/console/deliveries")))
}
