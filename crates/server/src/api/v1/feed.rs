//! Live session events: server-sent events for administrators, and for users about their own sessions.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::Response;
use axum::response::sse::Event;
use http::Uri;
use sojourn_engine::session::{Feed, FeedItem, Happening, SessionFilter, Vocabulary};
use sojourn_engine::{Right, Rights};
use sojourn_model::{Millis, Tenant, UserId};

use super::streams::Place;
use super::types::{ProblemJson, SessionJson};
use super::{Answer, Refusal, caller, own};
use crate::context::Context;
use crate::pause::pause;
use crate::request;
use crate::respond;

/// How long a stream waits before it polls again: changes by other nodes come without a notification.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Minimum time between two polls.
const PAUSE: Duration = Duration::from_millis(100);
/// How far back a resumed stream can begin, in milliseconds.
const BACK_MS: i64 = 3_600_000;

/// Streams starts and ends of the tenant's sessions as server-sent events.
///
/// The events `session.began` and `session.ended` contain the session. A client that reconnects with `Last-Event-ID`
/// receives the events it missed, at most those of the last hour.
#[utoipa::path(
    get, path = "/events", tag = "Live", operation_id = "watchSessions",
    params(
        ("filter" = Option<String>, Query, description = "Filter as for searching sessions"),
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that the client received"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 400, description = "The filter is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn all(context: Context, uri: Uri) -> Answer {
    let caller = caller(&context, &[Right::SessionView]).await?;
    let filter = filter(&uri)?;
    let place = Place::take(&context, &caller, &[Right::SessionView])?;
    Ok(stream(context, place, None, filter, caller.rights().clone()))
}

/// Streams starts and ends of the caller's own sessions as server-sent events.
#[utoipa::path(
    get, path = "/me/events", tag = "Live", operation_id = "watchOwnSessions",
    params(("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that the client received")),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 400, description = "The filter is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller is not a user", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_login"]), ("basic" = []))
)]
pub(crate) async fn mine(context: Context, uri: Uri) -> Answer {
    let (caller, user) = own(&context).await?;
    let filter = filter(&uri)?;
    let place = Place::take(&context, &caller, &[Right::Login])?;
    Ok(stream(context, place, Some(user), filter, caller.rights().clone()))
}

fn filter(uri: &Uri) -> Result<SessionFilter, Refusal> {
    let params = request::api_query(uri.query())?;
    params.no_doubles()?;
    Ok(SessionFilter::parse(params.get("filter"), Vocabulary::Full)?)
}

struct Listener {
    context: Context,
    place: Place,
    tenant: Tenant,
    feed: Feed,
    waiting: VecDeque<FeedItem>,
}

fn stream(
    context: Context,
    place: Place,
    only: Option<UserId>,
    filter: SessionFilter,
    rights: Rights,
) -> Response {
    let now = context.engine().now();
    let seen = context.header("last-event-id").and_then(|id| id.parse().ok()).map(Millis);
    let since = seen.map_or(now, |seen| seen.max(now.plus(-BACK_MS)).min(now));
    let feed = Feed::since(since, only, filter, rights);
    let tenant = context.tenant().clone();
    let listener = Listener { context, place, tenant, feed, waiting: VecDeque::new() };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let item = listener.next().await?;
        let live = item.what == Happening::Began;
        let name = if live { "session.began" } else { "session.ended" };
        let json = SessionJson::of(&item.user, &item.view, live);
        let data = serde_json::to_string(&json).unwrap_or_default();
        let event = Event::default().event(name).id(item.at.0.to_string()).data(data);
        Some((Ok::<_, Infallible>(event), listener))
    });
    respond::events(stream)
}

impl Listener {
    /// Returns the next event; `None` when the server shuts down, the caller is no longer authorized or the database
    /// fails.
    async fn next(&mut self) -> Option<FeedItem> {
        let mut stopped = self.context.state.stopped.clone();
        loop {
            if !self.place.goes_on(&self.context).await {
                return None;
            }
            if let Some(item) = self.waiting.pop_front() {
                return Some(item);
            }
            let engine = self.context.engine();
            let changed = engine.changed();
            tokio::pin!(changed);
            self.waiting = engine.look(&self.tenant, &mut self.feed).await.ok()?.into();
            if self.waiting.is_empty() {
                let over = tokio::select! {
                    _ = tokio::time::timeout(LOOK_EVERY, changed) => false,
                    _ = stopped.wait_for(|over| *over) => true,
                };
                if over {
                    return None;
                }
                pause(PAUSE).await;
            }
        }
    }
}
