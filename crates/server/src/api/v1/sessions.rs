//! `GET /api/sessions/v1/sessions`: live sessions by filter, a page at a time.

use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::json;
use sojourn_engine::EngineError;
use sojourn_engine::session::{Position, SearchRefused, SessionFilter, SessionView, StayView};
use sojourn_model::{Millis, SessionId, SessionState, User};

use super::{caller, failure, problem};
use crate::context::Context;
use crate::{request, respond};

const VIEW: &str = "internal_session_view";
/// As in Duende's service.
const LIMIT: i64 = 25;

#[derive(Serialize)]
struct ApplicationJson {
    id: String,
    name: String,
    client_id: String,
    sid: String,
    first_access: String,
    last_access: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

#[derive(Serialize)]
struct SessionJson {
    id: String,
    user: serde_json::Value,
    state: &'static str,
    ip: String,
    user_agent: String,
    browser: String,
    signed_in_at: String,
    last_access: String,
    auth_time: String,
    amr: Vec<String>,
    remember: bool,
    idle_deadline: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    absolute_deadline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<serde_json::Value>,
    applications: Vec<ApplicationJson>,
}

/// RFC 3339, in UTC.
fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

fn application(stay: &StayView) -> ApplicationJson {
    let row = &stay.row;
    ApplicationJson {
        id: stay.app.id.to_string(),
        name: stay.app.name.clone(),
        client_id: stay.app.client_id.clone(),
        sid: row.stay.sid.to_string(),
        first_access: time(row.stay.first_access),
        last_access: time(row.stay.last_access),
        ended_at: row.ended_at.map(time),
    }
}

fn session(user: &User, view: &SessionView) -> SessionJson {
    let session = &view.session;
    let (state, end) = match &session.state {
        SessionState::Living => ("active", None),
        SessionState::Ended { at, reason, actor, end } => (
            "ended",
            Some(json!({
                "at": time(*at), "reason": reason.to_string(), "by": actor.to_string(),
                "id": end.to_string(),
            })),
        ),
    };
    SessionJson {
        id: session.id.to_string(),
        user: json!({
            "id": user.id.to_string(), "username": user.username, "display_name": user.shown_name(),
        }),
        state,
        ip: session.ip.clone(),
        user_agent: session.user_agent.clone(),
        browser: crate::web::words::browser(&session.user_agent),
        signed_in_at: time(session.signed_in_at),
        last_access: time(session.last_access),
        auth_time: time(session.auth_time),
        amr: session.amr.split_whitespace().map(str::to_owned).collect(),
        remember: session.remember,
        idle_deadline: time(session.idle_deadline),
        absolute_deadline: session.absolute_deadline.map(time),
        end,
        applications: view.stays.iter().map(application).collect(),
    }
}

/// The page that a filter and a cursor name.
pub(crate) async fn list(context: Context, uri: Uri) -> Response {
    let caller = match caller(&context, &[VIEW]).await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let wrong = |detail: &str| problem(&context, StatusCode::BAD_REQUEST, detail);
    let params = match request::query(uri.query()) {
        Ok(params) => params,
        Err(error) => return wrong(&error.to_string()),
    };
    if let Err(error) = params.no_doubles() {
        return wrong(&error.to_string());
    }
    let text = params.get("filter");
    let filter = match SessionFilter::parse(text) {
        Ok(filter) => filter,
        Err(why) => return wrong(&why.to_string()),
    };
    let limit = match params.get("limit").map(str::parse::<i64>) {
        None => LIMIT,
        Some(Ok(limit)) if limit > 0 => limit,
        Some(_) => return wrong("limit is not a number from 1 on"),
    };
    let (engine, tenant, actor) = (context.engine(), context.tenant(), caller.actor());
    let asked = text.unwrap_or_default();
    let position = match params.get("cursor") {
        None => Position::Newest,
        Some(cursor) => match engine.read_session_cursor(tenant, &actor, asked, cursor) {
            Ok(position) => position,
            Err(foreign) => return wrong(&foreign.to_string()),
        },
    };
    let page = match engine.search_sessions(tenant, &filter, position, limit, &caller.rights).await
    {
        Ok(page) => page,
        Err(SearchRefused::Filter(why)) => return wrong(&why),
        Err(SearchRefused::Failed(cause)) => return failure(&context, &cause),
    };
    let cursor = |position: Option<Position>| {
        position.map(|at| engine.session_cursor(tenant, &actor, asked, at)).transpose()
    };
    let cursors = cursor(page.older.map(Position::Before))
        .and_then(|next| Ok((next, cursor(page.newer.map(Position::After))?)));
    match cursors {
        Ok((next, prior)) => {
            let items: Vec<SessionJson> =
                page.found.iter().map(|(user, view)| session(user, view)).collect();
            let body = json!({ "items": items, "next": next, "prior": prior });
            respond::json(StatusCode::OK, &body)
        }
        Err(cause) => failure(&context, &cause),
    }
}

/// One session, living or ended, with what each application was told.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Response {
    let caller = match caller(&context, &[VIEW]).await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let gone = || problem(&context, StatusCode::NOT_FOUND, "There is no such session.");
    let Ok(id) = id.parse::<SessionId>() else { return gone() };
    let (engine, tenant) = (context.engine(), context.tenant());
    let (view, deliveries) = match engine.session_with_deliveries(tenant, id).await {
        Ok(found) => found,
        Err(EngineError::NotFound(_)) => return gone(),
        Err(cause) => return failure(&context, &cause),
    };
    let user = match engine.store().user(tenant.id, view.session.user).await {
        Ok(Some(user)) => user,
        Ok(None) => return gone(),
        Err(cause) => return failure(&context, &cause.into()),
    };
    if let Err(cause) = engine.must_cover(tenant, &caller.rights, user.id).await {
        return failure(&context, &cause);
    }
    let told: Vec<_> = deliveries
        .iter()
        .map(|one| {
            json!({
                "sid": one.sid.to_string(), "application": one.app.to_string(),
                "state": one.state.as_str(), "attempts": one.attempts,
                "last_status": one.last_status, "last_error": one.last_error,
                "last_attempt_at": one.last_attempt_at.map(time), "jti": one.last_jti,
            })
        })
        .collect();
    let mut body = serde_json::to_value(session(&user, &view)).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.insert("deliveries".to_owned(), told.into());
    }
    respond::json(StatusCode::OK, &body)
}
