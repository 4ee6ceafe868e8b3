//! Monitor user sessions: search, view one, end one or all of a user, and the ledger of ended sessions.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::session::{
    Bookmark, Position, Question, SearchRefused, SessionFilter, SessionQuery, SessionView, Sort,
    Vocabulary,
};
use sojourn_engine::{EndPlan, EngineError, Right};
use sojourn_model::{Actor, Delivery, EndReason, EndTarget, SessionId, SessionState, User};

use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::console::deliveries::DeliveryLine;
use crate::web::console::deliveries::line;
use crate::web::my_account::{Visitor, card};
use crate::web::pages::Frame;
use crate::web::pages::{Confirm, SessionCard};
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// The page that lists active or ended sessions.
#[derive(Template)]
#[template(path = "console/sessions.html")]
struct SessionsPage {
    frame: Frame,
    query: String,
    /// Filter that is applied in addition to the search, from the links of `facets`.
    also: String,
    /// The user with the login name that was typed: name, ID and link.
    found: Option<(String, String, String)>,
    /// Address for ending all sessions that match the filter.
    end_found: Option<String>,
    may_end: bool,
    sessions: Vec<SessionCard>,
    /// Links that narrow the list: label, address, number of sessions on the page, and whether the link is active.
    facets: Vec<(Text, String, usize, bool)>,
    newer: Option<String>,
    older: Option<String>,
    error: Option<Text>,
    ledger: bool,
}

/// The page of one session.
#[derive(Template)]
#[template(path = "console/session.html")]
struct SessionPage {
    frame: Frame,
    user_link: String,
    session: SessionCard,
    facts: Vec<(&'static str, Text)>,
    may_end: bool,
    deliveries: Vec<DeliveryLine>,
    /// Time and description of each event.
    timeline: Vec<(Text, Text)>,
}

/// Maximum number of sessions on a page.
const SHOWN: i64 = 50;
/// Maximum number of grants in the timeline of a session.
const GRANTS: i64 = 100;

/// Converts what a user typed to a filter: a filter stays as it is; otherwise it is an ID, an IP address or network, or
/// the beginning of a name.
fn as_filter(query: &str) -> String {
    let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    let words = [" eq ", " ne ", " co ", " sw ", " ew ", " gt ", " ge ", " lt ", " le ", " pr"];
    let lower = format!(" {} ", query.to_lowercase());
    if words.iter().any(|word| lower.contains(word)) {
        return query.to_owned();
    }
    if query.parse::<SessionId>().is_ok() {
        return format!("id eq {}", quoted(query));
    }
    let address = query.split('/').next().unwrap_or_default();
    if address.parse::<std::net::IpAddr>().is_ok() {
        return format!("network eq {}", quoted(query));
    }
    if query.parse::<sojourn_model::Sid>().is_ok() {
        return format!("sid eq {}", quoted(query));
    }
    format!("username sw {0} or display_name sw {0}", quoted(query))
}

fn refused(refused: SearchRefused) -> EngineError {
    match refused {
        SearchRefused::Filter(why) => EngineError::Invalid(why),
        SearchRefused::Failed(cause) => cause,
    }
}

/// The query for a page of sessions.
struct Asked {
    query: String,
    /// Filter that is applied in addition to the search, from the links beside the list.
    also: String,
    cursor: Option<String>,
    ledger: bool,
}

#[derive(Default)]
struct Found {
    sessions: Vec<SessionCard>,
    /// The complete filter, including `also`.
    filter: String,
    newer: Option<String>,
    older: Option<String>,
}

async fn found(context: &Context, visitor: &Visitor, asked: &Asked) -> Result<Found, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let mut parts: Vec<String> = Vec::new();
    if asked.ledger {
        parts.push("state eq ended".into());
    }
    if !asked.query.is_empty() {
        let filter = as_filter(&asked.query);
        // Parsed by itself, so that its brackets can't affect the rest of the filter.
        SessionFilter::parse(Some(&filter), Vocabulary::Full).map_err(refused)?;
        parts.push(format!("({filter})"));
    }
    if !asked.also.is_empty() {
        SessionFilter::parse(Some(&asked.also), Vocabulary::Full).map_err(refused)?;
        parts.push(format!("({})", asked.also));
    }
    let text = parts.join(" and ");
    let filter = Some(text.as_str()).filter(|text| !text.is_empty());
    let filter = SessionFilter::parse(filter, Vocabulary::Full).map_err(refused)?;
    let sort = if asked.ledger { Sort::Ended } else { Sort::SignedIn };
    let caller = Actor::User(visitor.user.id);
    let question = Question { caller: &caller, filter: &text, sort };
    let mark = match &asked.cursor {
        None => Bookmark { position: Position::Newest, as_of: engine.now() },
        Some(cursor) => engine
            .read_session_cursor(tenant, &question, cursor)
            .map_err(|error| EngineError::Invalid(error.to_string()))?,
    };
    let query = SessionQuery {
        filter: &filter,
        sort,
        position: mark.position,
        limit: SHOWN,
        rights: visitor.by.rights(),
        as_of: (!asked.ledger).then_some(mark.as_of),
    };
    let page = engine.search_sessions(tenant, &query).await.map_err(refused)?;
    let cursor = |position: Option<Position>| {
        let mark = position.map(|position| Bookmark { position, as_of: mark.as_of });
        mark.map(|mark| engine.session_cursor(tenant, &question, &mark)).transpose()
    };
    let older = cursor(page.older.map(Position::Before))?;
    let newer = match asked.cursor {
        Some(_) => cursor(page.newer.map(|place| Position::From(place.after())))?,
        None => None,
    };
    let (now, this_one) = (engine.now(), Some(visitor.session.id));
    let sessions = page.found.iter().map(|(user, view)| card(user, view, now, this_one)).collect();
    Ok(Found { sessions, filter: text, newer, older })
}

/// Returns the filters that narrow the list to an application or an IP address on the page: label, filter, and number
/// of sessions; the eight most frequent ones.
fn facets(sessions: &[SessionCard]) -> Vec<(String, String, usize)> {
    let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    let mut all: Vec<(String, String, usize)> = Vec::new();
    let mut count = |name: &str, filter: String| match all.iter_mut().find(|one| one.1 == filter) {
        Some(one) => one.2 += 1,
        None => all.push((name.to_owned(), filter, 1)),
    };
    for session in sessions {
        for app in session.apps.iter().filter(|app| !app.sid.is_empty()) {
            count(&app.name, format!("application eq {}", quoted(&app.name)));
        }
        if !session.ip.is_empty() {
            count(&session.ip, format!("network eq {}", quoted(&session.ip)));
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.2));
    all.truncate(8);
    all
}

async fn list(context: Context, uri: Uri, ledger: bool) -> Answer {
    let path = if ledger { "/console/ledger" } else { "/console/sessions" };
    let visitor = administrator(&context, path, Right::SessionView).await?;
    let params = request::query(uri.query())?;
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let cursor = params.get("cursor").map(str::to_owned);
    let asked = Asked { query: text("q"), also: text("also"), cursor, ledger };
    let (found, error) = match found(&context, &visitor, &asked).await {
        Ok(found) => (found, None),
        Err(EngineError::Invalid(why)) => (Found::default(), Some(words::sentence(why))),
        Err(error) => return Err(error.into()),
    };
    let whose = match context.engine().user_named(context.tenant(), &asked.query).await {
        Ok(user) if !asked.query.is_empty() => {
            let link = context.link(&format!("/console/users/{}", user.id));
            Some((user.username, user.id.to_string(), link))
        }
        _ => None,
    };
    let link = |pairs: &[(&str, &str)]| {
        let filled: Vec<(&str, &str)> =
            pairs.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
        context.link(&sojourn_oidc::params::with_query(path, &filled))
    };
    let page = |cursor: Option<String>| {
        cursor.map(|at| link(&[("q", &asked.query), ("also", &asked.also), ("cursor", &at)]))
    };
    let facets = facets(&found.sessions)
        .into_iter()
        .map(|(name, filter, count)| {
            let on = filter == asked.also;
            let also = if on { "" } else { &*filter };
            (plain(name), link(&[("q", &asked.query), ("also", also)]), count, on)
        })
        .collect();
    let mut frame = visitor.frame(&context, if ledger { "ledger" } else { "sessions" });
    frame.notice = params.get("done").map(|_| "Ended. The applications are being notified.".into());
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let (newer, older) = (page(found.newer), page(found.older));
    let found_some = !found.filter.is_empty() && !found.sessions.is_empty();
    let end_found = (visitor.by.may(Right::SessionDelete)
        && !ledger
        && found_some
        && whose.is_none())
    .then(|| {
        context
            .link(&sojourn_oidc::params::with_query("/console/end", &[("filter", &found.filter)]))
    });
    let page = SessionsPage {
        frame,
        found: whose.filter(|_| !ledger),
        end_found,
        may_end: visitor.by.may(Right::SessionDelete) && !ledger,
        sessions: found.sessions,
        query: asked.query,
        also: asked.also,
        facets,
        newer,
        older,
        error,
        ledger,
    };
    Ok(render::live_page(&context, status, &page))
}

/// Serves `GET /console/sessions`: the newest active sessions, or those that match a search.
pub(crate) async fn search(context: Context, uri: Uri) -> Answer {
    list(context, uri, false).await
}

/// Serves `GET /console/ledger`: the ended sessions, or those that match a search.
pub(crate) async fn ledger(context: Context, uri: Uri) -> Answer {
    list(context, uri, true).await
}

struct Shown {
    visitor: Visitor,
    user: User,
    view: SessionView,
    deliveries: Vec<Delivery>,
}

async fn load(context: &Context, id: &str, right: Right) -> Result<Shown, Refusal> {
    let visitor = administrator(context, "/console/sessions", right).await?;
    let missing = || Refusal::missing("There is no such session.");
    let id: SessionId = id.parse().map_err(|_| missing())?;
    let (view, deliveries) = context.engine().session_with_deliveries(context.tenant(), id).await?;
    let user = super::user(context, &visitor, &view.session.user.to_string()).await?;
    Ok(Shown { visitor, user, view, deliveries })
}

/// Returns the events of a session in the order of their time.
async fn timeline(
    context: &Context,
    view: &SessionView,
    deliveries: &[Delivery],
    lines: &[DeliveryLine],
) -> Result<Vec<(Text, Text)>, EngineError> {
    let session = &view.session;
    let mut timeline = vec![(session.signed_in_at, say("Signed in at {0}", [plain(&session.ip)]))];
    if session.auth_time > session.signed_in_at {
        timeline.push((session.auth_time, "Authenticated again".into()));
    }
    for stay in &view.stays {
        let name = &stay.app.name;
        timeline.push((stay.row.stay.first_access, say("Entered {0}", [plain(name)])));
        if let Some(at) = stay.row.ended_at {
            timeline.push((at, say("Left {0}", [plain(name)])));
        }
    }
    let store = context.engine().reads(context.tenant().id);
    for grant in store.grants_of_session(session.user, session.id, GRANTS).await? {
        let app = view.stays.iter().find(|stay| stay.app.id == grant.app);
        let name = plain(app.map(|stay| stay.app.name.clone()).unwrap_or_default());
        let scopes = plain(&grant.scopes);
        timeline.push((grant.created_at, say("Tokens for {0}: {1}", [name.clone(), scopes])));
        if grant.refresh_generation > 1 {
            let times = plain((grant.refresh_generation - 1).to_string());
            let at = grant.token_issued_at.max(grant.refresh_issued_at);
            timeline.push((at, say("Tokens for {0} renewed: {1} times by now", [name, times])));
        }
    }
    if let SessionState::Ended { at, reason, .. } = &session.state {
        timeline.push((*at, say("Ended: {0}", [words::reason(reason)])));
    }
    for (delivery, line) in deliveries.iter().zip(lines) {
        let at = delivery.last_attempt_at.unwrap_or(delivery.created_at);
        timeline.push((at, say("{0}: {1}", [plain(&line.app), line.words.into()])));
    }
    timeline.sort_by_key(|(at, _)| *at);
    Ok(timeline.into_iter().map(|(at, what)| (words::moment(at), what)).collect())
}

/// Serves `GET /console/sessions/{session_id}`: one session with its timeline and deliveries.
pub(crate) async fn one(context: Context, Path(id): Path<String>) -> Answer {
    let Shown { visitor, user, view, deliveries } = load(&context, &id, Right::SessionView).await?;
    let now = context.engine().now();
    let session = &view.session;
    let mut facts = vec![
        ("User", plain(&user.username)),
        ("Signed in", words::moment(session.signed_in_at)),
        ("Last authentication", words::moment(session.auth_time)),
        ("Methods", plain(&session.amr)),
        ("Last access", words::moment(session.last_access)),
        ("Address", plain(&session.ip)),
        ("User agent", plain(&session.user_agent)),
        ("Stays signed in", if session.remember { "yes" } else { "no" }.into()),
    ];
    match &session.state {
        SessionState::Living => {
            facts.push(("Ends when unused until", words::moment(session.idle_deadline)));
        }
        SessionState::Ended { at, reason, actor, .. } => {
            facts.push(("Ended", words::moment(*at)));
            facts.push(("Why", words::reason(reason)));
            facts.push(("By", super::actor(&context, &actor.to_string()).await?));
        }
    }
    let mut lines = Vec::new();
    for delivery in &deliveries {
        lines.push(line(&context, delivery).await?);
    }
    let timeline = timeline(&context, &view, &deliveries, &lines).await?;
    let page = SessionPage {
        user_link: context.link(&format!("/console/users/{}", user.id)),
        timeline,
        frame: visitor.frame(&context, "sessions"),
        may_end: session.state == SessionState::Living && visitor.by.may(Right::SessionDelete),
        session: card(&user, &view, now, Some(visitor.session.id)),
        facts,
        deliveries: lines,
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `GET /console/sessions/{session_id}/end`: asks for confirmation before one session ends.
pub(crate) async fn confirm_one(context: Context, Path(id): Path<String>) -> Answer {
    let Shown { visitor, user, view, .. } = load(&context, &id, Right::SessionDelete).await?;
    let shown = card(&user, &view, context.engine().now(), Some(visitor.session.id));
    let mut facts = vec![say("{0} at {1}", [shown.browser, plain(shown.ip)])];
    facts.extend(view.client_stays().map(|stay| say("Signs out of {0}", [plain(&stay.app.name)])));
    let page = Confirm {
        title: say("End this session of {0}?", [plain(&user.username)]),
        text: "All of its tokens are revoked immediately, including those for access while the person is away, and its applications are notified."
            .into(),
        facts,
        action: context.link(&format!("/console/sessions/{id}/end")),
        button: "End session".into(),
        back: context.link(&format!("/console/sessions?q={}", user.username)),
        frame: visitor.frame(&context, "sessions"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /console/sessions/{session_id}/end`: ends one session.
pub(crate) async fn end_one(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    form(&context, &body, "/console/sessions", Right::SessionDelete).await?;
    let Shown { visitor, user, view, .. } = load(&context, &id, Right::SessionDelete).await?;
    let target = EndTarget::Session(user.id, view.session.id);
    let plan = EndPlan::new(target, EndReason::Admin, Actor::User(visitor.user.id));
    context.engine().end_sessions(context.tenant(), plan, &visitor.by).await?;
    Ok(respond::see_other(&context.link(&format!("/console/sessions/{id}"))))
}

fn all_of(user: &User, visitor: &Visitor) -> EndPlan {
    EndPlan::new(EndTarget::User(user.id), EndReason::Admin, visitor.by.actor())
}

/// Serves `GET /console/users/{user_id}/end-sessions`: asks for confirmation before all sessions of a user end.
pub(crate) async fn confirm_all(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = administrator(&context, "/console/sessions", Right::SessionDelete).await?;
    let user = super::user(&context, &visitor, &id).await?;
    let plan = all_of(&user, &visitor);
    let preview = context.engine().preview_end(context.tenant(), plan, &visitor.by).await?.summary;
    let page = Confirm {
        title: say("End all sessions of {0}?", [plain(&user.username)]),
        text: "All tokens of these sessions are revoked immediately.".into(),
        facts: vec![
            say("{0} will end", [words::count(preview.sessions, words::Noun::Session)]),
            say("{0} will end", [words::count(preview.grants, words::Noun::Grant)]),
            say(
                "{0} will be notified",
                [words::count(preview.deliveries, words::Noun::Application)],
            ),
        ],
        action: context.link(&format!("/console/users/{}/end-sessions", user.id)),
        button: "End all sessions".into(),
        back: context.link(&format!("/console/sessions?q={}", user.username)),
        frame: visitor.frame(&context, "sessions"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /console/users/{user_id}/end-sessions`: ends all sessions of a user.
pub(crate) async fn end_all(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, _) = form(&context, &body, "/console/sessions", Right::SessionDelete).await?;
    let user = super::user(&context, &visitor, &id).await?;
    context.engine().end_sessions(context.tenant(), all_of(&user, &visitor), &visitor.by).await?;
    let query = [("q", user.username.as_str()), ("done", "all")];
    let path = sojourn_oidc::params::with_query("/console/sessions", &query);
    Ok(respond::see_other(&context.link(&path)))
}
