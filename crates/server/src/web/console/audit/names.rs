//! Names of the actors and targets in rows of the audit log, with links to their pages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sojourn_engine::{AuditEntry, EngineError, Right, Rights};
use sojourn_model::{Actor, AppId, EndId, GroupId, RoleId, UserId};

use crate::context::Context;
use crate::language::Text;
use crate::web::console;
use crate::web::filters::Thing;

/// Names of the actors and targets in the rows of a page.
pub(super) struct Names {
    actors: BTreeMap<String, Text>,
    users: BTreeMap<String, String>,
    others: BTreeMap<(String, String), String>,
}

impl Names {
    /// Loads the names for rows, and for further users.
    pub(super) async fn of(
        context: &Context,
        rows: &[AuditEntry],
        users: Vec<UserId>,
    ) -> Result<Self, EngineError> {
        let (engine, t) = (context.engine(), context.tenant().id);
        let mut actors = BTreeMap::new();
        let mut people: BTreeSet<UserId> = users.into_iter().collect();
        let mut others = BTreeMap::new();
        for row in rows {
            if !actors.contains_key(&row.actor) {
                actors.insert(row.actor.clone(), console::actor(context, &row.actor).await?);
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

    pub(super) fn actor(&self, context: &Context, rights: &Rights, actor: &str) -> Thing {
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

    pub(super) fn user(&self, context: &Context, rights: &Rights, id: &str) -> Thing {
        let known = self.users.get(id);
        let link = known
            .filter(|_| rights.has(Right::UserView))
            .map(|_| context.link(&format!("/console/users/{id}")));
        let name = known.map_or_else(|| id.to_owned(), String::clone);
        Thing { name: Text::Plain(name), link }
    }

    pub(super) fn target(&self, context: &Context, rights: &Rights, row: &AuditEntry) -> Thing {
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
            None if self.users.contains_key(&row.target) => self.user(context, rights, &row.target),
            // Deleted: the name that it had then.
            None => Thing { name: Text::Plain(name_then(row)), link: None },
        }
    }
}

/// The end that a row of the log caused, and the affected users.
#[derive(Default)]
pub(super) struct EndOf {
    pub(super) end: Option<EndId>,
    pub(super) users: Vec<UserId>,
    /// Number of affected users; `users` has the first of them.
    pub(super) number: usize,
}

/// Reads the end from the details of a row. Rows of earlier versions name users and sessions in another form.
pub(super) fn ended(row: &AuditEntry) -> EndOf {
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
    let texts = |name: &str| {
        let all = detail.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|one| one.as_str()).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut of = EndOf {
        end: detail.get("end").and_then(Value::as_str).and_then(|id| id.parse().ok()),
        users: texts("users").iter().filter_map(|id| id.parse().ok()).collect(),
        number: 0,
    };
    for target in texts("targets") {
        let id = |name: &str| {
            let (_, rest) = target.split_once(name)?;
            rest.split(')').next()
        };
        of.users.extend(id("UserId(").and_then(|id| id.parse::<UserId>().ok()));
    }
    of.users.sort_unstable();
    of.users.dedup();
    match &*row.action {
        "session.end" if of.end.is_none() => of.end = row.target.parse().ok(),
        // The act on an account ended what that account had.
        action if of.end.is_some() && action != "session.end" => {
            of.users.extend(row.target.parse::<UserId>())
        }
        _ => {}
    }
    let counted = detail
        .get("number")
        .and_then(Value::as_u64)
        .and_then(|number| usize::try_from(number).ok());
    of.number = counted.unwrap_or(of.users.len());
    of
}

/// The name that a row's target had at that time, or its id.
fn name_then(row: &AuditEntry) -> String {
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
    let names = ["user-name", "role-name", "group-name", "client_id", "tenant", "name"];
    let found = names.iter().find_map(|name| detail.get(name).and_then(Value::as_str));
    found.map_or_else(|| row.target.clone(), str::to_owned)
}
