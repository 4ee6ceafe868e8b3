//! Notifications to applications: lists by state and application, resending, giving up, and the health of applications.

use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, Uri};
use serde::Serialize;
use sojourn_engine::session::{Bookmark, Place, Position, Question, Sort};
use sojourn_engine::{DeliveryQuery, EngineError, Right};
use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{AppId, DeliveryState, SessionId, Sid};
use utoipa::ToSchema;

use super::types::{DeliveryJson, ProblemJson, time};
use super::{Answer, Refusal, caller};
use crate::context::Context;
use crate::{request, respond};

/// Default number of deliveries on a page.
const LIMIT: i64 = 25;

/// One page of notifications to applications.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveriesJson {
    /// The deliveries, newest first.
    items: Vec<DeliveryJson>,
    /// Cursor of the next page. A page can have fewer deliveries than `limit` if the search reaches its budget of rows;
    /// the next page continues there.
    next: Option<String>,
}

/// Health of deliveries to an application, as the responding node sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthJson {
    /// Id of the application that the deliveries go to.
    #[schema(format = Uuid)]
    application: String,
    /// Number of consecutive failures, as the responding node counts them.
    failures: u32,
    /// Time until which nothing is sent to it because too many attempts failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    left_alone_until: Option<String>,
    /// Number of deliveries in progress.
    under_way: usize,
}

/// Health of the applications that fail or have deliveries in progress.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthsJson {
    /// The applications, as the responding node sees them.
    items: Vec<HealthJson>,
}

/// Lists notifications to applications, newest first.
#[utoipa::path(
    get, path = "/deliveries", tag = "Deliveries", operation_id = "listDeliveries",
    params(
        ("state" = Option<String>, Query, description = "`pending`, `delivered`, `refused`, `dead` or `unreachable`"),
        ("application" = Option<String>, Query, description = "The application's id"),
        ("limit" = Option<i64>, Query, description = "Maximum number of deliveries on a page, 1 to 500; defaults to 25", minimum = 1),
        ("cursor" = Option<String>, Query, description = "`next` of a previous page of the same query"),
    ),
    responses(
        (status = 200, description = "One page of results", body = DeliveriesJson),
        (status = 400, description = "A parameter is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn list(context: Context, uri: Uri) -> Response {
    match listed(&context, &uri).await {
        Ok(page) => respond::json(StatusCode::OK, &page),
        Err(refusal) => refusal.respond(&context),
    }
}

async fn listed(context: &Context, uri: &Uri) -> Result<DeliveriesJson, Refusal> {
    let caller = caller(context, &[Right::SessionView]).await?;
    let params = request::api_query(uri.query())?;
    params.no_doubles()?;
    let state = match params.get("state") {
        None => None,
        Some(text) => Some(DeliveryState::parse(text).ok_or_else(|| {
            Refusal::bad(format!(
                "state '{text}' is not one of pending, delivered, refused, dead, unreachable"
            ))
        })?),
    };
    let app = params.get("application").map(str::parse::<AppId>).transpose();
    let app = app.map_err(|_| Refusal::bad("application must be the id of an application"))?;
    let limit = match params.get("limit").map(str::parse::<i64>) {
        None => LIMIT,
        Some(Ok(limit)) if (1..=SESSION_LIST_MAX).contains(&limit) => limit,
        Some(_) => {
            return Err(Refusal::bad(format!(
                "limit must be a number from 1 to {SESSION_LIST_MAX}"
            )));
        }
    };
    let (engine, tenant, actor) = (context.engine(), context.tenant(), caller.actor());
    let text = format!("deliveries {state:?} {app:?}");
    let question = Question { caller: &actor, filter: &text, sort: Sort::SignedIn };
    let place = match params.get("cursor") {
        None => Place::LAST,
        Some(cursor) => match engine.read_session_cursor(tenant, &question, cursor) {
            Ok(Bookmark { position: Position::Before(place), .. }) => place,
            Ok(_) => return Err(Refusal::bad("the cursor doesn't belong to this query")),
            Err(foreign) => return Err(Refusal::bad(foreign.to_string())),
        },
    };
    let query = DeliveryQuery { state, app, before: place, limit, rights: caller.rights() };
    let (items, older) = engine.search_deliveries(tenant, &query).await?;
    let next = older.map(|place| {
        let mark = Bookmark { position: Position::Before(place), as_of: engine.now() };
        engine.session_cursor(tenant, &question, &mark)
    });
    Ok(DeliveriesJson {
        items: items.iter().map(DeliveryJson::of).collect(),
        next: next.transpose()?,
    })
}

/// Returns the health of applications that fail or have deliveries in progress.
#[utoipa::path(
    get, path = "/deliveries/applications", tag = "Deliveries", operation_id = "applicationHealth",
    responses(
        (status = 200, description = "Applications that fail or have deliveries in progress", body = HealthsJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn health(context: Context) -> Answer {
    caller(&context, &[Right::SessionView]).await?;
    let all = context.engine().application_health(context.tenant());
    let items = all.into_iter().map(|one| HealthJson {
        application: one.app.to_string(),
        failures: one.failures,
        left_alone_until: one.open_until.map(time),
        under_way: one.under_way,
    });
    Ok(respond::json(StatusCode::OK, &HealthsJson { items: items.collect() }))
}

#[derive(Clone, Copy)]
enum Act {
    Resend,
    GiveUp,
}

async fn act(context: &Context, session: &str, sid: &str, what: Act) -> Answer {
    let caller = caller(context, &[Right::SessionDeliveryManage]).await?;
    let gone = || EngineError::NotFound("delivery");
    let session = session.parse::<SessionId>().map_err(|_| gone())?;
    let sid = sid.parse::<Sid>().map_err(|_| gone())?;
    let (engine, tenant) = (context.engine(), context.tenant());
    match what {
        Act::Resend => engine.resend_delivery(tenant, session, sid, &caller).await?,
        Act::GiveUp => engine.give_up_delivery(tenant, session, sid, &caller).await?,
    }
    let all = engine.reads(tenant.id).deliveries_of_session(session).await?;
    let one = all.iter().find(|one| one.sid == sid).ok_or_else(gone)?;
    Ok(respond::json(StatusCode::OK, &DeliveryJson::of(one)))
}

/// Resends a delivery that was refused or given up.
#[utoipa::path(
    post, path = "/deliveries/{session_id}/{sid}/resend", tag = "Deliveries", operation_id = "resendDelivery",
    params(
        ("session_id" = String, Path, description = "The session that ended"),
        ("sid" = String, Path, description = "The session id (`sid`) within the application"),
    ),
    responses(
        (status = 200, description = "The delivery", body = DeliveryJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery was refused or given up", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_delivery_manage"]), ("basic" = []))
)]
pub(crate) async fn resend(
    context: Context,
    Path((session, sid)): Path<(String, String)>,
) -> Answer {
    act(&context, &session, &sid, Act::Resend).await
}

/// Gives up a pending delivery.
#[utoipa::path(
    post, path = "/deliveries/{session_id}/{sid}/give-up", tag = "Deliveries", operation_id = "giveUpDelivery",
    params(
        ("session_id" = String, Path, description = "The session that ended"),
        ("sid" = String, Path, description = "The session id (`sid`) within the application"),
    ),
    responses(
        (status = 200, description = "The delivery", body = DeliveryJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "No such delivery is pending", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_delivery_manage"]), ("basic" = []))
)]
pub(crate) async fn give_up(
    context: Context,
    Path((session, sid)): Path<(String, String)>,
) -> Answer {
    act(&context, &session, &sid, Act::GiveUp).await
}
