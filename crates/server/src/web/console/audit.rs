//! The audit log: actors, actions and targets, in words.

use askama::Template;
use std::collections::{BTreeMap, BTreeSet};

use http::{StatusCode, Uri};
use sojourn_engine::{AuditEntry, AuditPlace, AuditQuestion, EngineError, Right, Rights};
use sojourn_model::{Actor, AppId, GroupId, RoleId, UserId};
use sojourn_oidc::Params;
use sojourn_oidc::params::with_query;

use super::administrator;
use crate::context::Context;
use crate::language::Text;
use crate::request;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

const SHOWN: usize = 50;

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

/// Actions in words; an action that isn't listed here is shown by its name.
const ACTS: [(&str, &str); 43] = [
    ("application.add", "added an application"),
    ("application.change", "changed an application"),
    ("application.disable", "switched an application off"),
    ("application.enable", "switched an application on"),
    ("application.register", "registered an application"),
    ("application.remove", "removed an application"),
    ("application.secret", "created a new secret for an application"),
    ("application.secret.drop", "revoked the previous secret of an application"),
    ("delivery.give_up", "gave up a delivery"),
    ("delivery.resend", "resent a delivery"),
    ("group.add", "added a group"),
    ("group.change", "changed a group"),
    ("group.remove", "removed a group"),
    ("handler.redo", "retried a task of a handler"),
    ("handler.skip", "skipped a task of a handler"),
    ("job.cancel", "cancelled a bulk sign-out"),
    ("key.rotate", "published the next signing key"),
    ("policy.set", "set a policy"),
    ("role.add", "added a role"),
    ("role.assign", "assigned a role"),
    ("role.change", "changed a role"),
    ("role.remove", "removed a role"),
    ("role.unassign", "unassigned a role"),
    ("session.end", "ended sessions"),
    ("session.end_job", "started a bulk sign-out"),
    ("session.end_preview", "previewed ending sessions"),
    ("session.not_me", "reported an unknown sign-in"),
    ("tenant.add", "added a tenant"),
    ("tenant.disable", "switched a tenant off"),
    ("tenant.enable", "switched a tenant on"),
    ("tenant.look", "changed the appearance"),
    ("tenant.remove", "removed a tenant"),
    ("user.add", "added a user"),
    ("user.change", "changed a user"),
    ("user.disable", "switched an account off"),
    ("user.enable", "switched an account on"),
    ("user.lock", "locked an account"),
    ("user.password", "set a password"),
    ("user.password_change", "changed their password"),
    ("user.password_demand", "required a new password"),
    ("user.remove", "removed a user"),
    ("user.roles", "changed the roles of a user"),
    ("user.unlock", "unlocked an account"),
];

/// An actor or a target: its name, and the link to its page.
#[derive(Clone)]
struct Thing {
    name: Text,
    link: Option<String>,
}

struct Line {
    at: Text,
    who: Thing,
    act: Text,
    name: String,
    about: Thing,
    more: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    frame: Frame,
    who: String,
    kinds: Vec<(&'static str, &'static str, bool)>,
    about: Option<String>,
    everything: String,
    error: Option<Text>,
    rows: Vec<Line>,
    older: Option<String>,
    newest: Option<String>,
}

/// Names of the actors and targets in the rows of a page.
struct Names {
    actors: BTreeMap<String, Text>,
    users: BTreeMap<String, String>,
    others: BTreeMap<(String, String), String>,
}

impl Names {
    async fn of(context: &Context, rows: &[AuditEntry]) -> Result<Self, EngineError> {
        let (engine, t) = (context.engine(), context.tenant().id);
        let (mut actors, mut people) = (BTreeMap::new(), BTreeSet::new());
        let mut others = BTreeMap::new();
        for row in rows {
            if !actors.contains_key(&row.actor) {
                actors.insert(row.actor.clone(), super::actor(context, &row.actor).await?);
            }
            let kind = row.action.split('.').next().unwrap_or_default();
            let target = row.target.as_str();
            let key = (kind.to_owned(), target.to_owned());
            match kind {
                "user" | "role" | "group" | "application" if others.contains_key(&key) => {}
                "role" => {
                    if let Ok(id) = target.parse::<RoleId>() {
                        let found = engine.reads(t).role(id).await?;
                        others.extend(found.map(|role| (key, role.name)));
                    }
                    people.extend(target.parse::<UserId>());
                }
                "group" => {
                    if let Ok(id) = target.parse::<GroupId>() {
                        let found = engine.reads(t).group(id).await?;
                        others.extend(found.map(|group| (key, group.name)));
                    }
                }
                "application" => {
                    if let Ok(id) = target.parse::<AppId>() {
                        let found = engine.application(t, id).await?;
                        others.extend(found.map(|app| (key, app.name.clone())));
                    }
                }
                "user" => people.extend(target.parse::<UserId>()),
                _ => {}
            }
        }
        let people: Vec<UserId> = people.into_iter().collect();
        let found = engine.reads(t).users_among(&people).await?;
        let users = found.into_iter().map(|user| (user.id.to_string(), user.username)).collect();
        Ok(Self { actors, users, others })
    }

    fn actor(&self, context: &Context, rights: &Rights, actor: &str) -> Thing {
        let name = self.actors.get(actor).cloned().unwrap_or_default();
        // A deleted actor is shown by the name in the log and has no page.
        let there = name != Text::Plain(actor.to_owned());
        let link = match actor.parse() {
            Ok(Actor::User(id)) if there && rights.has(Right::UserView) => {
                Some(context.link(&format!("/console/users/{id}")))
            }
            _ => None,
        };
        Thing { name, link }
    }

    fn user(&self, context: &Context, rights: &Rights, id: &str) -> Thing {
        let known = self.users.get(id);
        let link = known
            .filter(|_| rights.has(Right::UserView))
            .map(|_| context.link(&format!("/console/users/{id}")));
        let name = known.map_or_else(|| id.to_owned(), String::clone);
        Thing { name: Text::Plain(name), link }
    }

    fn target(&self, context: &Context, rights: &Rights, row: &AuditEntry) -> Thing {
        let kind = row.action.split('.').next().unwrap_or_default();
        let key = (kind.to_owned(), row.target.clone());
        let page = match kind {
            "role" if rights.has(Right::RoleView) => Some("roles"),
            "group" if rights.has(Right::GroupView) => Some("groups"),
            "application" if rights.has(Right::ApplicationView) => Some("applications"),
            _ => None,
        };
        match self.others.get(&key) {
            Some(name) => Thing {
                name: Text::Plain(name.clone()),
                link: page.map(|page| context.link(&format!("/console/{page}/{}", row.target))),
            },
            None => self.user(context, rights, &row.target),
        }
    }
}

/// Returns the details of a row, each as name and value.
fn more(detail: &str) -> Vec<(String, String)> {
    let read: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let pairs = read.as_object().into_iter().flatten();
    let said = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(all) => {
            let all =
                all.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
            all.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    pairs
        .filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()))
        .map(|(name, value)| (name.clone(), said(value)))
        .collect()
}

/// Returns the words for an action, or its name if there are none.
fn act(action: &str) -> Text {
    let known = ACTS.iter().find(|(name, _)| *name == action);
    known.map_or_else(|| Text::Plain(action.to_owned()), |(_, words)| (*words).into())
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
    let names = Names::of(context, rows).await?;
    let spoken = |row: &AuditEntry| Spoken {
        at: words::moment(row.at),
        who: names.actor(context, rights, &row.actor).name,
        act: act(&row.action),
        about: names.target(context, rights, row).name,
    };
    Ok(rows.iter().map(spoken).collect())
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
    let Some(who) = given("who") else { return Ok((asked, None)) };
    match context.engine().reads(context.tenant().id).user_by_name(who).await? {
        Some(user) => asked.actor = Some(Actor::User(user.id)),
        None => match who.parse() {
            Ok(actor) => asked.actor = Some(actor),
            Err(_) => {
                let error = "No user has that login name. Deleted users appear in the log as user: and an id.";
                return Ok((asked, Some(error.into())));
            }
        },
    }
    Ok((asked, None))
}

/// Serves `GET /console/audit`: the newest matching rows, or those before a given place (`before`).
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/audit", Right::AuditView).await?;
    let params = request::query(uri.query())?;
    let before = params.get("before").map(str::parse::<AuditPlace>);
    let before = before.transpose().map_err(|_| {
        Refusal::bad_request("That page of the log doesn't exist. Start with the newest one.")
    })?;
    let read = async {
        let (asked, error) = question(&context, &params).await?;
        let from = before.unwrap_or(AuditPlace::NEWEST);
        let engine = context.engine();
        let page = match error {
            None => engine.audit(context.tenant(), &asked, from, SHOWN).await?,
            Some(_) => sojourn_engine::AuditPage { rows: Vec::new(), next: None },
        };
        let names = Names::of(&context, &page.rows).await?;
        Ok::<_, EngineError>((page, names, error))
    };
    let (page, names, error) = read.await?;
    let rights = visitor.by.rights();
    let rows = page.rows.iter().map(|row| Line {
        at: words::moment(row.at),
        who: names.actor(&context, rights, &row.actor),
        act: act(&row.action),
        name: row.action.clone(),
        about: names.target(&context, rights, row),
        more: more(&row.detail),
    });
    let text = |name: &str| params.get(name).unwrap_or_default();
    let base = context.link("/console/audit");
    let asked: Vec<(&str, &str)> = ["who", "what", "about"]
        .into_iter()
        .map(|name| (name, text(name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let older = page.next.map(|next| {
        let next = next.to_string();
        with_query(&base, &[asked.as_slice(), &[("before", &next)]].concat())
    });
    let shown = AuditPage {
        who: text("who").to_owned(),
        kinds: KINDS.map(|(kind, name)| (kind, name, kind == text("what"))).to_vec(),
        about: params.get("about").filter(|about| !about.is_empty()).map(str::to_owned),
        error,
        rows: rows.collect(),
        older,
        newest: before.map(|_| with_query(&base, &asked)),
        everything: base,
        frame: visitor.frame(&context, "audit"),
    };
    Ok(render::page(&context, StatusCode::OK, &shown))
}
