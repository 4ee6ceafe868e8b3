//! Monitor user sessions: search, look at one, end one or all of a user, the ledger.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::session::{
    Position, SearchRefused, SessionFilter, SessionQuery, Sort, Vocabulary,
};
use sojourn_engine::{EndPlan, EngineError};
use sojourn_model::{Actor, EndReason, EndTarget, SessionId, SessionState, User};

use super::{END, VIEW, administrator, form};
use crate::context::Context;
use crate::web::console::deliveries::line;
use crate::web::my_account::{Visitor, card};
use crate::web::pages::{Confirm, ConsoleSession, ConsoleSessions, SessionCard};
use crate::web::{errors, render, words};
use crate::{request, respond};

/// Sessions on a page.
const SHOWN: i64 = 50;

/// The Console begins with the sessions.
pub(crate) async fn overview(context: Context) -> Response {
    respond::see_other(&context.link("/console/sessions"))
}

/// The newest sessions, or those of one user.
pub(crate) async fn search(context: Context, uri: Uri) -> Response {
    let visitor = match administrator(&context, "/console/sessions", VIEW).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let params = match request::query(uri.query()) {
        Ok(params) => params,
        Err(error) => return errors::bad_request(&context, &error.to_string()),
    };
    let query = params.get("q").unwrap_or_default().trim().to_owned();
    let found = if query.is_empty() {
        newest(&context, &visitor).await.map(|sessions| (None, false, sessions))
    } else {
        of_user(&context, &visitor, &query).await
    };
    let (found, unknown, sessions) = match found {
        Ok(found) => found,
        Err(error) => return errors::failure(&context, &error),
    };
    let mut frame = visitor.frame(&context, "sessions");
    frame.notice = params.get("done").map(|_| "Ended. The applications are being told.".into());
    let page = ConsoleSessions {
        frame,
        query,
        found,
        unknown,
        may_end: visitor.rights.has(END),
        sessions,
        ledger: false,
    };
    render::page(StatusCode::OK, &page)
}

type Found = (Option<(String, String)>, bool, Vec<SessionCard>);

async fn of_user(context: &Context, visitor: &Visitor, query: &str) -> Result<Found, EngineError> {
    let engine = context.engine();
    let user = match engine.user_named(context.tenant(), query).await {
        Ok(user) => user,
        Err(EngineError::NotFound(_)) => return Ok((None, true, Vec::new())),
        Err(error) => return Err(error),
    };
    engine.must_cover(context.tenant(), &visitor.rights, user.id).await?;
    let views = engine.sessions_of_user(context.tenant(), user.id).await?;
    let now = engine.now();
    let this_one = Some(visitor.session.id);
    let cards = views.iter().map(|view| card(&user, view, now, this_one)).collect();
    Ok((Some((user.username.clone(), user.id.to_string())), false, cards))
}

async fn newest(context: &Context, visitor: &Visitor) -> Result<Vec<SessionCard>, EngineError> {
    latest(context, visitor, None, Sort::SignedIn).await
}

/// The latest sessions of a filter that is known to be one.
async fn latest(
    context: &Context,
    visitor: &Visitor,
    filter: Option<&str>,
    sort: Sort,
) -> Result<Vec<SessionCard>, EngineError> {
    let refused = |refused: SearchRefused| match refused {
        SearchRefused::Filter(why) => EngineError::Invalid(why),
        SearchRefused::Failed(cause) => cause,
    };
    let filter = SessionFilter::parse(filter, Vocabulary::Full).map_err(refused)?;
    let query = SessionQuery {
        filter: &filter,
        sort,
        position: Position::Newest,
        limit: SHOWN,
        rights: &visitor.rights,
        as_of: None,
    };
    let engine = context.engine();
    let page = engine.search_sessions(context.tenant(), &query).await.map_err(refused)?;
    let (now, this_one) = (engine.now(), Some(visitor.session.id));
    Ok(page.found.iter().map(|(user, view)| card(user, view, now, this_one)).collect())
}

/// What has ended.
pub(crate) async fn ledger(context: Context) -> Response {
    let visitor = match administrator(&context, "/console/ledger", VIEW).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    match latest(&context, &visitor, Some("state eq ended"), Sort::Ended).await {
        Ok(sessions) => {
            let page = ConsoleSessions {
                frame: visitor.frame(&context, "ledger"),
                query: String::new(),
                found: None,
                unknown: false,
                may_end: false,
                sessions,
                ledger: true,
            };
            render::page(StatusCode::OK, &page)
        }
        Err(error) => errors::failure(&context, &error),
    }
}

struct Shown {
    visitor: Visitor,
    user: User,
    view: sojourn_engine::session::SessionView,
    deliveries: Vec<sojourn_model::Delivery>,
}

async fn load(context: &Context, id: &str, right: &str) -> Result<Shown, Box<Response>> {
    let visitor = administrator(context, "/console/sessions", right).await?;
    let missing = || Box::new(errors::missing(context, "There is no such session."));
    let failed = |error: EngineError| Box::new(errors::failure(context, &error));
    let id: SessionId = id.parse().map_err(|_| missing())?;
    let (view, deliveries) =
        context.engine().session_with_deliveries(context.tenant(), id).await.map_err(failed)?;
    let user = super::user(context, &visitor, &view.session.user.to_string()).await?;
    Ok(Shown { visitor, user, view, deliveries })
}

/// One session, with its whole life.
pub(crate) async fn one(context: Context, Path(id): Path<String>) -> Response {
    let Shown { visitor, user, view, deliveries } = match load(&context, &id, VIEW).await {
        Ok(shown) => shown,
        Err(refused) => return *refused,
    };
    let now = context.engine().now();
    let session = &view.session;
    let mut facts = vec![
        ("User", user.username.clone()),
        ("Signed in", words::moment(session.signed_in_at)),
        ("Last authentication", words::moment(session.auth_time)),
        ("Methods", session.amr.clone()),
        ("Last access", words::moment(session.last_access)),
        ("Address", session.ip.clone()),
        ("User agent", session.user_agent.clone()),
        ("Stays signed in", if session.remember { "yes" } else { "no" }.to_owned()),
    ];
    match &session.state {
        SessionState::Living => {
            facts.push(("Ends when unused until", words::moment(session.idle_deadline)));
        }
        SessionState::Ended { at, reason, actor, .. } => {
            facts.push(("Ended", words::moment(*at)));
            facts.push(("Why", reason.in_words()));
            facts.push(("By", actor.to_string()));
        }
    }
    let mut lines = Vec::new();
    for delivery in &deliveries {
        match line(&context, delivery).await {
            Ok(line) => lines.push(line),
            Err(error) => return errors::failure(&context, &error),
        }
    }
    let page = ConsoleSession {
        frame: visitor.frame(&context, "sessions"),
        may_end: session.state == SessionState::Living && visitor.rights.has(END),
        session: card(&user, &view, now, Some(visitor.session.id)),
        facts,
        deliveries: lines,
    };
    render::page(StatusCode::OK, &page)
}

/// Asks before one session ends.
pub(crate) async fn confirm_one(context: Context, Path(id): Path<String>) -> Response {
    let Shown { visitor, user, view, .. } = match load(&context, &id, END).await {
        Ok(shown) => shown,
        Err(refused) => return *refused,
    };
    let shown = card(&user, &view, context.engine().now(), Some(visitor.session.id));
    let mut facts = vec![format!("{} at {}", shown.browser, shown.ip)];
    facts.extend(view.client_stays().map(|stay| format!("Signs out of {}", stay.app.name)));
    let page = Confirm {
        title: format!("End this session of {}?", user.username),
        text: "Its tokens stop working at once, and its applications are told.".into(),
        facts,
        action: context.link(&format!("/console/sessions/{id}/end")),
        button: "End session".into(),
        back: context.link(&format!("/console/sessions?q={}", user.username)),
        frame: visitor.frame(&context, "sessions"),
    };
    render::page(StatusCode::OK, &page)
}

/// Ends one session.
pub(crate) async fn end_one(context: Context, Path(id): Path<String>, body: Bytes) -> Response {
    if let Err(refused) = form(&context, &body, "/console/sessions", END).await {
        return *refused;
    }
    let Shown { visitor, user, view, .. } = match load(&context, &id, END).await {
        Ok(shown) => shown,
        Err(refused) => return *refused,
    };
    let target = EndTarget::Session(user.id, view.session.id);
    let plan = EndPlan::new(target, EndReason::Admin, Actor::User(visitor.user.id));
    match context.engine().end_sessions(context.tenant(), plan).await {
        Ok(_) => respond::see_other(&context.link(&format!("/console/sessions/{id}"))),
        Err(error) => errors::failure(&context, &error),
    }
}

fn all_of(user: &User, visitor: &Visitor) -> EndPlan {
    let actor = Actor::User(visitor.user.id);
    EndPlan::new(EndTarget::User(user.id), EndReason::Admin, actor)
}

/// Asks before all sessions of a user end.
pub(crate) async fn confirm_all(context: Context, Path(id): Path<String>) -> Response {
    let visitor = match administrator(&context, "/console/sessions", END).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let user = match super::user(&context, &visitor, &id).await {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    let plan = all_of(&user, &visitor);
    let preview = match context.engine().preview_end(context.tenant(), plan).await {
        Ok(preview) => preview.summary,
        Err(error) => return errors::failure(&context, &error),
    };
    let page = Confirm {
        title: format!("End all sessions of {}?", user.username),
        text: "Every token of these sessions stops working at once.".into(),
        facts: vec![
            format!("{} will end", words::count(preview.sessions, "session")),
            format!("{} will end", words::count(preview.grants, "grant")),
            format!("{} will be told", words::count(preview.deliveries, "application")),
        ],
        action: context.link(&format!("/console/users/{}/end-sessions", user.id)),
        button: "End all sessions".into(),
        back: context.link(&format!("/console/sessions?q={}", user.username)),
        frame: visitor.frame(&context, "sessions"),
    };
    render::page(StatusCode::OK, &page)
}

/// Ends all sessions of a user.
pub(crate) async fn end_all(context: Context, Path(id): Path<String>, body: Bytes) -> Response {
    let (visitor, _) = match form(&context, &body, "/console/sessions", END).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let user = match super::user(&context, &visitor, &id).await {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    match context.engine().end_sessions(context.tenant(), all_of(&user, &visitor)).await {
        Ok(_) => {
            let query = [("q", user.username.as_str()), ("done", "all")];
            let path = sojourn_oidc::params::with_query("/console/sessions", &query);
            respond::see_other(&context.link(&path))
        }
        Err(error) => errors::failure(&context, &error),
    }
}
