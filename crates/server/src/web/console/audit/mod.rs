//! The audit log: actors, actions and targets, in words.

mod names;
mod sentences;

use askama::Template;
use http::{StatusCode, Uri};
use sojourn_engine::ending::{FOLLOWED_MAX, Followed};
use sojourn_engine::{AuditEntry, AuditPlace, AuditQuestion, EngineError, Right, Rights};
use sojourn_model::{Actor, DeliveryState, UserId};
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use self::names::{EndOf, Names, ended};
use self::sentences::{act, more, named, sentence};
use super::administrator;
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::request;
use crate::web::filters::{Sentence, Thing};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

const SHOWN: usize = 50;
const NO_USER: &str =
    "No user has that login name. Deleted users appear in the log as user: and an id.";
const NO_DAY: &str = "That isn't a date. Write it as year-month-day, such as 2026-01-31.";
const DAY_MS: i64 = 24 * 3_600_000;

/// Kinds of targets: the first part of an action's name, and the label.
const KINDS: [(&str, &str); 11] = [
    ("user", "Users"),
    ("group", "Groups"),
    ("role", "Roles"),
    ("application", "Applications"),
    ("session", "Sessions"),
    ("job", "Bulk sign-outs"),
    ("delivery", "Deliveries"),
    ("policy", "Policies"),
    ("handler", "Event handlers"),
    ("key", "Signing keys"),
    ("tenant", "Tenants"),
];

struct Line {
    at: Text,
    /// Name of the action.
    name: String,
    sentence: Sentence,
    /// What followed: the number of ended sessions, and the applications with the states of their notices.
    followed: Option<(Text, Vec<(Thing, DeliveryState)>)>,
    more: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    frame: Frame,
    who: String,
    user: String,
    until: String,
    kinds: Vec<(&'static str, &'static str, bool)>,
    about: Option<String>,
    everything: String,
    error: Option<Text>,
    rows: Vec<Line>,
    older: Option<String>,
    newest: Option<String>,
}

/// An action in words: time, actor, action and target.
pub(crate) struct Spoken {
    pub(crate) at: Text,
    pub(crate) who: Text,
    pub(crate) act: Text,
    pub(crate) about: Text,
}

/// Converts rows of the audit log to words, with the names of actors and targets.
pub(crate) async fn in_words(
    context: &Context,
    rights: &Rights,
    rows: &[AuditEntry],
) -> Result<Vec<Spoken>, EngineError> {
    let names = Names::of(context, rows, Vec::new()).await?;
    let spoken = |row: &AuditEntry| Spoken {
        at: words::moment(row.at),
        who: names.actor(context, rights, &row.actor).name,
        act: act(&row.action),
        about: names.target(context, rights, row).name,
    };
    Ok(rows.iter().map(spoken).collect())
}

/// Loads what followed a row's end, if it caused one and the reader may see sessions.
async fn end_of(
    context: &Context,
    rights: &Rights,
    row: &AuditEntry,
) -> Result<(EndOf, Followed), EngineError> {
    let of = ended(row);
    let followed = match of.end {
        Some(end) if rights.has(Right::SessionView) => {
            context.engine().followed(context.tenant(), end, &of.users, rights).await?
        }
        _ => Followed::default(),
    };
    Ok((of, followed))
}

/// Converts a row to a sentence, with what followed.
async fn line(
    context: &Context,
    rights: &Rights,
    names: &Names,
    row: &AuditEntry,
    (of, followed): &(EndOf, Followed),
) -> Result<Line, EngineError> {
    let user = |id: &UserId| names.user(context, rights, &id.to_string());
    let mut third: Vec<Thing> = match &*row.action {
        "session.end" => of.users.iter().map(user).collect(),
        _ => vec![Thing { name: plain(named(row)), link: None }],
    };
    if row.action == "session.end" {
        let more = of.number.saturating_sub(third.len());
        let rest = match (third.is_empty(), more) {
            (true, _) => Some("unknown users".into()),
            (false, 0) => None,
            (false, more) => Some(say("{0} more", [plain(more)])),
        };
        third.extend(rest.map(|name| Thing { name, link: None }));
    }
    let who = names.actor(context, rights, &row.actor);
    let about = names.target(context, rights, row);
    let sessions = words::count(followed.sessions as u64, words::Noun::Session);
    let counted = match followed.sessions {
        0 => None,
        FOLLOWED_MAX.. => Some(say("At least {0} ended", [sessions])),
        _ => Some(say("{0} ended", [sessions])),
    };
    let mut applications = Vec::new();
    for (app, state) in &followed.applications {
        let found = context.engine().application(context.tenant().id, *app).await?;
        let name = found.map_or_else(|| plain(app), |app| plain(&app.name));
        let link = rights
            .has(Right::ApplicationView)
            .then(|| context.link(&format!("/console/applications/{app}")));
        applications.push((Thing { name, link }, *state));
    }
    Ok(Line {
        at: words::moment(row.at),
        name: row.action.clone(),
        sentence: Sentence {
            phrase: sentence(&row.action),
            names: vec![vec![who], vec![about], third],
        },
        followed: counted.map(|counted| (counted, applications)),
        more: more(&row.detail),
    })
}

/// The place before which a day has ended, if the query has one.
fn until(params: &Params) -> Result<Option<AuditPlace>, Text> {
    let Some(day) = params.get("until").map(str::trim).filter(|day| !day.is_empty()) else {
        return Ok(None);
    };
    let midnight = words::midnight(day).ok_or(NO_DAY)?;
    Ok(Some(AuditPlace::before(midnight.plus(DAY_MS))))
}

/// Parses the query. Also returns an error text if no user has the given name.
async fn question(
    context: &Context,
    params: &Params,
) -> Result<(AuditQuestion, Option<Text>), EngineError> {
    let given = |name: &str| params.get(name).map(str::trim).filter(|text| !text.is_empty());
    let mut asked = AuditQuestion {
        action: given("what").map(str::to_owned),
        target: given("about").map(str::to_owned),
        actor: None,
    };
    let reads = context.engine().reads(context.tenant().id);
    if let Some(user) = given("user") {
        match reads.user_by_name(user).await? {
            Some(user) => asked.target = Some(user.id.to_string()),
            None => return Ok((asked, Some(NO_USER.into()))),
        }
    }
    let Some(who) = given("who") else { return Ok((asked, None)) };
    match reads.user_by_name(who).await? {
        Some(user) => asked.actor = Some(Actor::User(user.id)),
        None => match who.parse() {
            Ok(actor) => asked.actor = Some(actor),
            Err(_) => return Ok((asked, Some(NO_USER.into()))),
        },
    }
    Ok((asked, None))
}

/// Loads a page of the log, the place of the next one, and why the question can't be answered.
async fn read(
    context: &Context,
    rights: &Rights,
    params: &Params,
    before: Option<AuditPlace>,
) -> Result<(Vec<Line>, Option<AuditPlace>, Option<Text>), EngineError> {
    let (asked, mut error) = question(context, params).await?;
    let until = until(params).unwrap_or_else(|why| {
        error = Some(why);
        None
    });
    let from = before.or(until).unwrap_or(AuditPlace::NEWEST);
    let page = match error {
        None => context.engine().audit(context.tenant(), &asked, from, SHOWN).await?,
        Some(_) => sojourn_engine::AuditPage { rows: Vec::new(), next: None },
    };
    let mut ends = Vec::new();
    let mut concerned: Vec<UserId> = Vec::new();
    for row in &page.rows {
        let (of, followed) = end_of(context, rights, row).await?;
        concerned.extend(&of.users);
        ends.push((of, followed));
    }
    let names = Names::of(context, &page.rows, concerned).await?;
    let mut rows = Vec::new();
    for (at, row) in page.rows.iter().enumerate() {
        if let Some(end) = ends.get(at) {
            rows.push(line(context, rights, &names, row, end).await?);
        }
    }
    Ok((rows, page.next, error))
}

/// Serves `GET /console/audit`: the newest matching rows, or those before a given place (`before`).
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/audit", Right::AuditView).await?;
    let params = request::query(uri.query())?;
    let before = params.get("before").map(str::parse::<AuditPlace>);
    let before = before.transpose().map_err(|_| {
        Refusal::bad_request("That page of the log doesn't exist. Start with the newest one.")
    })?;
    let (rows, next, error) = read(&context, visitor.by.rights(), &params, before).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let base = context.link("/console/audit");
    let asked: Vec<(&str, &str)> = ["who", "user", "what", "about", "until"]
        .into_iter()
        .map(|name| (name, text(name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let older = next.map(|next| {
        let next = next.to_string();
        with_query(&base, &[asked.as_slice(), &[("before", &next)]].concat())
    });
    let shown = AuditPage {
        who: text("who").to_owned(),
        user: text("user").to_owned(),
        until: text("until").to_owned(),
        kinds: KINDS.map(|(kind, name)| (kind, name, kind == text("what"))).to_vec(),
        about: params.get("about").filter(|about| !about.is_empty()).map(str::to_owned),
        error,
        rows,
        older,
        newest: before.map(|_| with_query(&base, &asked)),
        everything: base,
        frame: visitor.frame(&context, "audit"),
    };
    Ok(render::page(&context, StatusCode::OK, &shown))
}
