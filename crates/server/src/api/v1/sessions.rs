//! `GET /api/sessions/v1/sessions`: searches sessions by filter, one page at a time, and returns one session with
//! everything known about it.

use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::session::{
    Bookmark, Position, Question, SearchPage, SearchRefused, SessionFilter, SessionQuery,
    SessionView, Sort, Vocabulary,
};
use sojourn_engine::{Authority, EngineError, Right};
use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{SessionId, User, UserId};
use sojourn_oidc::Params;

use super::types::{DeliveryJson, GrantJson, PageJson, PlaceJson, SessionJson, TotalJson, time};
use super::{Answer, Refusal, caller, own};
use crate::context::Context;
use crate::places::Place;
use crate::{request, respond};

/// Default number of sessions on a page, as in Duende's service.
const LIMIT: i64 = 25;

/// Maximum number of grants shown for one session.
const GRANTS: i64 = 200;

struct Asked {
    text: String,
    filter: SessionFilter,
    sort: Sort,
    limit: i64,
    cursor: Option<String>,
    total: bool,
    grants: bool,
}

impl Asked {
    fn read(params: &Params, only: Option<UserId>) -> Result<Self, String> {
        params.no_doubles().map_err(|error| error.to_string())?;
        let text = match (params.get("filter"), only) {
            (text, None) => text.map(str::to_owned),
            (None, Some(user)) => Some(format!("user_id eq {user}")),
            (Some(text), Some(user)) => {
                // Parsed separately first, so that its brackets can't extend beyond it.
                SessionFilter::parse(Some(text), Vocabulary::Full)
                    .map_err(|why| why.to_string())?;
                Some(format!("user_id eq {user} and ({text})"))
            }
        };
        let filter = SessionFilter::parse(text.as_deref(), Vocabulary::Full)
            .map_err(|refused| refused.to_string())?;
        let sort = match params.get("sort") {
            Some(name) => Sort::parse(name).ok_or_else(|| {
                format!("sort: '{name}' is not one of signed_in_at, last_access, ended_at")
            })?,
            None if filter.ended_only() => Sort::Ended,
            None => Sort::SignedIn,
        };
        if sort == Sort::Ended && filter.live_only() {
            return Err(
                "only ended sessions can be sorted by ended_at: add 'state eq ended' to the filter"
                    .into(),
            );
        }
        let limit = match params.get("limit").map(str::parse::<i64>) {
            None => LIMIT,
            Some(Ok(limit)) if (1..=SESSION_LIST_MAX).contains(&limit) => limit,
            Some(_) => return Err(format!("limit must be a number from 1 to {SESSION_LIST_MAX}")),
        };
        let flag = |name: &str| match params.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(format!("{name} must be true or false")),
        };
        let grants = match params.get("include") {
            None => false,
            Some("grants") => true,
            Some(_) => return Err("include must be 'grants' or omitted".into()),
        };
        let prior = flag("prior")?;
        let cursor = match (params.get("cursor"), params.get("results_token")) {
            (Some(_), Some(_)) => return Err("specify cursor or results_token, not both".into()),
            (Some(cursor), None) => Some(cursor.to_owned()),
            (None, Some(token)) => Some(of_token(token, prior)?),
            (None, None) if prior => return Err("prior requires a results_token".into()),
            (None, None) => None,
        };
        let text = text.unwrap_or_default();
        Ok(Self { text, filter, sort, limit, cursor, total: flag("total")?, grants })
    }
}

/// Extracts a cursor from a results token: the next one is before the dot, the prior one after it.
fn of_token(token: &str, prior: bool) -> Result<String, String> {
    let (next, before) = token.split_once('.').ok_or("the results_token is malformed")?;
    let cursor = if prior { before } else { next };
    if cursor.is_empty() {
        let side = if prior { "before" } else { "after" };
        return Err(format!("there is no page {side} this one"));
    }
    Ok(cursor.to_owned())
}

/// Searches sessions by filter and returns one page.
#[utoipa::path(
    get, path = "/sessions", tag = "Finding", operation_id = "findSessions",
    params(
        ("filter" = Option<String>, Query, description = "SCIM's filter grammar (RFC 7644 §3.4.2.2), such as `username eq alex and state eq ended`. Attributes: id sid user_id username display_name role application client_id application_id ip network user_agent browser system device signed_in_at last_access ended_at method state end_reason remember. A filter that doesn't ask about the end finds only active sessions."),
        ("sort" = Option<String>, Query, description = "`signed_in_at`, `last_access` or `ended_at`, latest first. With `signed_in_at`, no session is skipped or returned twice while paging."),
        ("limit" = Option<i64>, Query, description = "Maximum number of sessions on a page, 1 to 500; defaults to 25.", minimum = 1),
        ("cursor" = Option<String>, Query, description = "`next` or `prior` of a page of the same query."),
        ("results_token" = Option<String>, Query, description = "`results_token` of a page of the same query."),
        ("prior" = Option<bool>, Query, description = "With `results_token`: returns the previous page."),
        ("total" = Option<bool>, Query, description = "Counts the matching sessions, up to a limit."),
        ("include" = Option<String>, Query, description = "`grants`: also returns the grants of each session."),
    ),
    responses(
        (status = 200, description = "One page of results", body = PageJson),
        (status = 400, description = "A parameter is malformed", body = super::types::ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = super::types::ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = super::types::ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let done = async {
        let caller = caller(&context, &[Right::SessionView]).await?;
        listed(&context, &uri, &caller, None).await
    };
    match done.await {
        Ok(page) => Ok(respond::json(StatusCode::OK, &page)),
        Err(refusal) => Ok(Refusal::respond(refusal, &context)),
    }
}

/// Searches the caller's own sessions, live or ended, and returns one page.
#[utoipa::path(
    get, path = "/me/sessions", tag = "Own sessions", operation_id = "findOwnSessions",
    params(
        ("filter" = Option<String>, Query, description = "Filter as for searching sessions, such as `state eq ended`"),
        ("sort" = Option<String>, Query, description = "`signed_in_at`, `last_access` or `ended_at`, latest first"),
        ("limit" = Option<i64>, Query, description = "Maximum number of sessions on a page, 1 to 500; defaults to 25.", minimum = 1),
        ("cursor" = Option<String>, Query, description = "`next` or `prior` of a page of the same query."),
        ("results_token" = Option<String>, Query, description = "`results_token` of a page of the same query."),
        ("prior" = Option<bool>, Query, description = "With `results_token`: returns the previous page."),
        ("total" = Option<bool>, Query, description = "Counts the matching sessions, up to a limit."),
        ("include" = Option<String>, Query, description = "`grants`: also returns the grants of each session."),
    ),
    responses(
        (status = 200, description = "One page of results", body = PageJson),
        (status = 400, description = "A parameter is malformed", body = super::types::ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = super::types::ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller is not a user", body = super::types::ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_login"]), ("basic" = []))
)]
pub(crate) async fn mine(context: Context, uri: Uri) -> Answer {
    let done = async {
        let (caller, user) = own(&context).await?;
        listed(&context, &uri, &caller, Some(user)).await
    };
    match done.await {
        Ok(page) => Ok(respond::json(StatusCode::OK, &page)),
        Err(refusal) => Ok(Refusal::respond(refusal, &context)),
    }
}

async fn listed(
    context: &Context,
    uri: &Uri,
    caller: &Authority,
    only: Option<UserId>,
) -> Result<PageJson, Refusal> {
    let params = request::api_query(uri.query())?;
    let asked = Asked::read(&params, only).map_err(Refusal::bad)?;
    let (engine, tenant, actor) = (context.engine(), context.tenant(), caller.actor());
    let question = Question { caller: &actor, filter: &asked.text, sort: asked.sort };
    let mark = match &asked.cursor {
        None => Bookmark { position: Position::Newest, as_of: engine.now() },
        Some(cursor) => engine
            .read_session_cursor(tenant, &question, cursor)
            .map_err(|foreign| Refusal::bad(foreign.to_string()))?,
    };
    let moves = asked.sort == Sort::LastAccess;
    let query = SessionQuery {
        filter: &asked.filter,
        sort: asked.sort,
        position: mark.position,
        limit: asked.limit,
        rights: caller.rights(),
        as_of: moves.then_some(mark.as_of),
    };
    let page = engine.search_sessions(tenant, &query).await?;
    let total = match asked.total {
        true => Some(engine.count_sessions(tenant, &query).await?),
        false => None,
    };
    let cursor = |position: Option<Position>| {
        let mark = position.map(|position| Bookmark { position, as_of: mark.as_of });
        mark.map(|mark| engine.session_cursor(tenant, &question, &mark)).transpose()
    };
    let SearchPage { found, newer, older } = page;
    let next = cursor(older.map(Position::Before))?;
    let prior = cursor(newer.map(|place| Position::From(place.after())))?;
    let mut items = Vec::with_capacity(found.len());
    for (user, view) in &found {
        items.push(shown(context, user, view, asked.grants).await?);
    }
    let both = |next: &Option<String>, prior: &Option<String>| {
        let part = |cursor: &Option<String>| cursor.clone().unwrap_or_default();
        (next.is_some() || prior.is_some()).then(|| format!("{}.{}", part(next), part(prior)))
    };
    let pages = |sessions: u64| sessions.div_ceil(asked.limit.unsigned_abs().max(1));
    Ok(PageJson {
        items,
        results_token: both(&next, &prior),
        next,
        prior,
        total: total.map(|total| TotalJson {
            sessions: total.count,
            pages: pages(total.count),
            exact: total.exact,
        }),
        as_of: moves.then(|| time(mark.as_of)),
    })
}

async fn shown(
    context: &Context,
    user: &User,
    view: &SessionView,
    grants: bool,
) -> Result<SessionJson, EngineError> {
    let (engine, session) = (context.engine(), &view.session);
    let slack = engine.settings().lifetimes.touch_flush_ms;
    let mut json = SessionJson::of(user, view, session.is_live(engine.now(), slack));
    json.place = context
        .state
        .places
        .as_ref()
        .and_then(|places| places.find(&session.ip))
        .map(|Place { country, city }| PlaceJson { country, city });
    if grants {
        let tenant = context.tenant().id;
        let grants =
            engine.reads(tenant).grants_of_session(session.user, session.id, GRANTS).await?;
        json.grants = Some(grants.iter().map(GrantJson::of).collect());
    }
    Ok(json)
}

/// Returns one session, live or ended, with its grants and the notifications to applications.
#[utoipa::path(
    get, path = "/sessions/{session_id}", tag = "Finding", operation_id = "getSession",
    params(("session_id" = String, Path, description = "The session's id")),
    responses(
        (status = 200, description = "The session", body = SessionJson),
        (status = 401, description = "Authentication is missing or invalid", body = super::types::ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = super::types::ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "Not found", body = super::types::ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Response {
    match found(&context, &id).await {
        Ok(session) => respond::json(StatusCode::OK, &session),
        Err(refusal) => refusal.respond(&context),
    }
}

async fn found(context: &Context, id: &str) -> Result<SessionJson, Refusal> {
    let caller = caller(context, &[Right::SessionView]).await?;
    let (view, user) = one(context, &caller, id).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let mut json = shown(context, &user, &view, true).await?;
    let deliveries = engine.reads(tenant.id).deliveries_of_session(view.session.id).await?;
    json.deliveries = Some(deliveries.iter().map(DeliveryJson::of).collect());
    Ok(json)
}

/// Returns the session that the path names and its user; fails if the user has rights that the caller lacks.
pub(super) async fn one(
    context: &Context,
    caller: &Authority,
    id: &str,
) -> Result<(SessionView, User), Refusal> {
    let gone = || EngineError::NotFound("session");
    let id = id.parse::<SessionId>().map_err(|_| gone())?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let (view, _) = engine.session_with_deliveries(tenant, id).await?;
    let user = engine.reads(tenant.id).user(view.session.user).await?;
    let Some(user) = user else { return Err(gone().into()) };
    engine.must_cover(tenant, caller, user.id).await?;
    Ok((view, user))
}

impl From<SearchRefused> for Refusal {
    fn from(refused: SearchRefused) -> Self {
        match refused {
            SearchRefused::Filter(why) => Self::bad(why),
            SearchRefused::Failed(cause) => Self::Failed(cause),
        }
    }
}
