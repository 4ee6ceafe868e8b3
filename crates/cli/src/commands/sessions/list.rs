//! `sojourn sessions list` and `sojourn sessions show`.

use crate::commands::is_json;
use clap::Args;
use serde_json::json;
use sojourn_engine::session::{
    Bookmark, Position, Question, SearchPage, SessionFilter, SessionQuery, Sort, Total, Vocabulary,
};
use sojourn_model::{Actor, SessionId, SessionState};

use super::{Work, say_json, table};
use crate::{Done, Failure, say};

/// Which sessions to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Login name; the same as --filter 'username eq …'
    username: Option<String>,
    /// Filter, such as 'network eq 192.0.2.0/24 and browser eq Firefox'
    #[arg(long)]
    filter: Option<String>,
    /// Order, latest first: signed_in_at, last_access or ended_at [default: ended_at if the filter finds only ended
    /// sessions, otherwise signed_in_at]
    #[arg(long)]
    sort: Option<String>,
    /// Maximum number of sessions to list
    #[arg(long, default_value_t = 25)]
    limit: i64,
    /// Start of the next page: 'next' of the previous list
    #[arg(long)]
    cursor: Option<String>,
    /// Also count all sessions that match
    #[arg(long)]
    total: bool,
}

pub(super) async fn list(work: &Work<'_>, args: ListArgs) -> Done {
    let Work { engine, tenant, rights } = work;
    let quoted = |name: &String| format!("username eq {}", json!(name));
    let text = match (&args.username, &args.filter) {
        (Some(name), Some(filter)) => Some(format!("{} and ({filter})", quoted(name))),
        (Some(name), None) => Some(quoted(name)),
        (None, filter) => filter.clone(),
    };
    if let Some(name) = &args.username {
        engine.user_named(tenant, name).await?;
    }
    let filter = SessionFilter::parse(text.as_deref(), Vocabulary::Full)?;
    let sort = match &args.sort {
        Some(name) => Sort::parse(name)
            .ok_or_else(|| Failure("sort by signed_in_at, last_access or ended_at".into()))?,
        None if filter.ended_only() => Sort::Ended,
        None => Sort::SignedIn,
    };
    let asked = text.unwrap_or_default();
    let question = Question { caller: &Actor::Operator, filter: &asked, sort };
    let mark = match &args.cursor {
        None => Bookmark { position: Position::Newest, as_of: engine.now() },
        Some(cursor) => engine.read_session_cursor(tenant, &question, cursor)?,
    };
    let query = SessionQuery {
        filter: &filter,
        sort,
        position: mark.position,
        limit: args.limit,
        rights,
        as_of: (sort == Sort::LastAccess).then_some(mark.as_of),
    };
    let page = engine.search_sessions(tenant, &query).await?;
    let total = match args.total {
        true => Some(engine.count_sessions(tenant, &query).await?),
        false => None,
    };
    let next = page.older.clone().map(|place| {
        let mark = Bookmark { position: Position::Before(place), as_of: mark.as_of };
        engine.session_cursor(tenant, &question, &mark)
    });
    let next = next.transpose()?;
    if is_json() {
        let slack = engine.settings().lifetimes.touch_flush_ms;
        let items: Vec<_> = page
            .found
            .iter()
            .map(|(user, view)| {
                sojourn_server::session_json(user, view, view.session.is_live(engine.now(), slack))
            })
            .collect();
        say_json(&json!({ "items": items, "next": next, "total": total.map(|one| one.count) }));
        return Ok(());
    }
    say_page(&page, total);
    if let Some(next) = next {
        say(&format!("More: --cursor {next}"));
    }
    Ok(())
}

fn say_page(page: &SearchPage, total: Option<Total>) {
    let rows: Vec<Vec<String>> = page
        .found
        .iter()
        .map(|(user, view)| {
            let apps: Vec<&str> = view.stays.iter().map(|stay| stay.app.name.as_str()).collect();
            let state = match &view.session.state {
                SessionState::Living => String::new(),
                SessionState::Ended { reason, .. } => reason.in_words(),
            };
            let shown = sojourn_server::session_json(user, view, true);
            let text = |name: &str| {
                let text = shown.get(name).and_then(|one| one.as_str()).unwrap_or_default();
                // Fractions of a second don't help people who read a list.
                text.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ")
            };
            let of_browser = |name: &str| shown.get("browser")?.get(name)?.as_str();
            let browser = [of_browser("name"), of_browser("system")];
            let browser: Vec<&str> = browser.into_iter().flatten().collect();
            let session = &view.session;
            vec![
                session.id.to_string(),
                user.username.clone(),
                text("signed_in_at"),
                text("last_access"),
                browser.join(", "),
                session.ip.clone(),
                apps.join(", "),
                state,
            ]
        })
        .collect();
    let names = [
        "SESSION",
        "USER",
        "SIGNED IN",
        "LAST ACCESS",
        "BROWSER",
        "ADDRESS",
        "APPLICATIONS",
        "ENDED",
    ];
    table(&names, &rows);
    if let Some(total) = total {
        say(&format!("{}{} in all", if total.exact { "" } else { "at least " }, total.count));
    }
}

pub(super) async fn show(work: &Work<'_>, session: &str) -> Done {
    let Work { engine, tenant, .. } = work;
    let id: SessionId = session
        .parse()
        .map_err(|_| Failure("a session's id has 64 hex digits: see 'sessions list'".into()))?;
    let (view, deliveries) = engine.session_with_deliveries(tenant, id).await?;
    let user = engine.reads(tenant.id).user(view.session.user).await?;
    let user = user.ok_or_else(|| Failure("the user is gone".into()))?;
    let slack = engine.settings().lifetimes.touch_flush_ms;
    let live = view.session.is_live(engine.now(), slack);
    let mut shown = sojourn_server::session_json(&user, &view, live);
    let grants = engine.reads(tenant.id).grants_of_session(user.id, id, 200).await?;
    if is_json() {
        let grants: Vec<_> = grants
            .iter()
            .map(|one| {
                json!({ "id": one.id.to_string(), "application": one.app.to_string(),
                "scopes": one.scopes, "offline": one.offline })
            })
            .collect();
        let told: Vec<_> = deliveries
            .iter()
            .map(|one| {
                json!({ "sid": one.sid.to_string(), "application": one.app.to_string(),
                "state": one.state.as_str(), "attempts": one.attempts })
            })
            .collect();
        if let Some(members) = shown.as_object_mut() {
            members.insert("grants".into(), grants.into());
            members.insert("deliveries".into(), told.into());
        }
        say_json(&shown);
        return Ok(());
    }
    let text = |name: &str| shown.get(name).and_then(|one| one.as_str()).unwrap_or("").to_owned();
    for (name, value) in [
        ("Session", text("id")),
        ("User", user.username.clone()),
        ("State", text("state")),
        ("Address", text("ip")),
        ("User agent", text("user_agent")),
        ("Signed in", text("signed_in_at")),
        ("Last access", text("last_access")),
        ("Ends unused", text("idle_deadline")),
    ] {
        say(&format!("{name:12} {value}"));
    }
    if let SessionState::Ended { at, reason, actor, effects, .. } = &view.session.state {
        say(&format!("{:12} {} by {actor} ({})", "Ended", reason.in_words(), at.0));
        if let Some(effects) = effects {
            say(&format!("{:12} {}", "It took", effects.names().collect::<Vec<_>>().join(", ")));
        }
    }
    let rows: Vec<Vec<String>> = view
        .stays
        .iter()
        .map(|stay| {
            let told = deliveries.iter().find(|one| one.sid == stay.row.stay.sid);
            let told = told.map(|one| one.state.as_str().to_owned()).unwrap_or_default();
            vec![stay.app.name.clone(), stay.row.stay.sid.to_string(), told]
        })
        .collect();
    table(&["APPLICATION", "SID", "TOLD"], &rows);
    let rows: Vec<Vec<String>> = grants
        .iter()
        .map(|one| vec![one.id.to_string(), one.scopes.clone(), one.offline.to_string()])
        .collect();
    table(&["GRANT", "SCOPES", "OFFLINE"], &rows);
    Ok(())
}
