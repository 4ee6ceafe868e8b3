//! Groups: their members and the roles assigned to them.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::directory::{GroupWrite, Members, RoleWrite};
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Group, GroupId, RoleId, RoleState, UserId};

use super::group_acts::ask_before;
use super::{administrator, form, twice};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// Maximum number of groups, members or roles on a page.
const SHOWN: i64 = 100;

struct Line {
    id: String,
    name: String,
    more: Text,
}

#[derive(Template)]
#[template(path = "console/groups.html")]
struct GroupsPage {
    frame: Frame,
    groups: Vec<Line>,
    next: Option<String>,
    error: Option<Text>,
}

#[derive(Template)]
#[template(path = "console/group.html")]
struct GroupPage {
    frame: Frame,
    group: Line,
    members: Vec<Line>,
    next: Option<String>,
    roles: Vec<Line>,
    others: Vec<Line>,
    may_carry: bool,
    error: Option<Text>,
}

async fn show_list(
    context: &Context,
    visitor: &Visitor,
    after: Option<&str>,
    error: Option<Text>,
) -> Answer {
    let store = context.engine().reads(context.tenant().id);
    let found = async {
        let groups = store.groups_after(after, SHOWN).await?;
        let next = (groups.len() as i64 == SHOWN).then(|| groups.last().map(|g| g.name.clone()));
        let mut lines = Vec::new();
        for group in groups {
            let members = store.group_member_count(group.id).await?;
            let more = words::count(members.unsigned_abs(), words::Noun::Member);
            lines.push(Line { id: group.id.to_string(), name: group.name, more });
        }
        Ok::<_, EngineError>((lines, next.flatten()))
    };
    let (groups, next) = found.await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let frame = visitor.frame(context, "groups");
    Ok(render::page(context, status, &GroupsPage { frame, groups, next, error }))
}

/// Serves `GET /console/groups`: the groups, sorted by name.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/groups", Right::GroupList).await?;
    let params = request::query(uri.query())?;
    show_list(&context, &visitor, params.get("after"), None).await
}

/// Serves `POST /console/groups`: creates a group.
pub(crate) async fn add(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/groups", Right::GroupCreate).await?;
    let name = params.get("name").unwrap_or_default();
    match context.engine().add_group(context.tenant(), name, None, &[], &visitor.by).await {
        Ok(group) => {
            Ok(respond::see_other(&context.link(&format!("/console/groups/{}", group.id))))
        }
        Err(error @ (EngineError::Invalid(_) | EngineError::Exists(_))) => {
            let same = context.engine().group_named(context.tenant(), name).await;
            match same {
                Ok(group)
                    if matches!(error, EngineError::Exists(_))
                        && twice::just_made(&context, group.created_at) =>
                {
                    Ok(respond::see_other(&context.link(&format!("/console/groups/{}", group.id))))
                }
                _ => show_list(&context, &visitor, None, Some(words::sentence(error))).await,
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn group(context: &Context, id: &str) -> Result<Group, Refusal> {
    let missing = || Refusal::missing("There is no such group.");
    let id: GroupId = id.parse().map_err(|_| missing())?;
    let found = context.engine().reads(context.tenant().id).group(id).await;
    found?.ok_or_else(missing)
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    group: &Group,
    after: Option<UserId>,
    error: Option<Text>,
) -> Answer {
    let store = context.engine().reads(context.tenant().id);
    let found = async {
        let ids = store.group_members_after(group.id, after, SHOWN).await?;
        let next = (ids.len() as i64 == SHOWN).then(|| ids.last().map(ToString::to_string));
        let mut users = store.users_of(&ids).await?;
        users.sort_by(|a, b| a.username.cmp(&b.username));
        let roles = store.roles_of_group(group.id).await?;
        let all = store.roles(None, SHOWN).await?;
        Ok::<_, EngineError>((users, next.flatten(), roles, all))
    };
    let (users, next, roles, all) = found.await?;
    let line = |role: &sojourn_model::Role| Line {
        id: role.id.to_string(),
        name: role.name.clone(),
        more: plain(&role.permissions),
    };
    let others = all.iter().filter(|role| {
        role.state == RoleState::Active
            && !roles.iter().any(|one| one.id == role.id)
            && visitor.by.covers(role)
    });
    let page = GroupPage {
        frame: visitor.frame(context, "groups"),
        group: Line {
            id: group.id.to_string(),
            name: group.name.clone(),
            more: plain(group.external_id.clone().unwrap_or_default()),
        },
        members: users
            .into_iter()
            .map(|user| Line {
                id: user.id.to_string(),
                more: plain(user.display_name.unwrap_or_default()),
                name: user.username,
            })
            .collect(),
        next,
        others: others.map(line).collect(),
        roles: roles.iter().map(line).collect(),
        may_carry: visitor.by.may(Right::RoleUpdate),
        error,
    };
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(render::page(context, status, &page))
}

/// Serves `GET /console/groups/{group_id}`: one group with its members and roles.
pub(crate) async fn one(context: Context, Path(id): Path<String>, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/groups", Right::GroupView).await?;
    let group = group(&context, &id).await?;
    let after = request::query(uri.query()).ok();
    let after = after.and_then(|params| params.get("after").and_then(|id| id.parse().ok()));
    show(&context, &visitor, &group, after, None).await
}

/// Serves `POST /console/groups/{group_id}`: changes a group. `act` is `join` (adds a user by login name), `leave`,
/// `carry` (assigns a role) or `drop`.
pub(crate) async fn change(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/groups", Right::GroupView).await?;
    let group = group(&context, &id).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (engine, tenant) = (context.engine(), context.tenant());
    match ask_before(&context, &visitor, &group, &params).await {
        Ok(None) => {}
        Ok(Some(page)) => return Ok(page),
        Err(EngineError::NotFound(what)) => {
            let error = Some(Text::Message(format!("There is no such {what}.")));
            return show(&context, &visitor, &group, None, error).await;
        }
        Err(error) => return Err(error.into()),
    }
    let done = async {
        match text("act") {
            act @ ("join" | "leave") => {
                let members = if act == "join" {
                    let user = engine.user_named(tenant, text("username")).await?;
                    Members::Change { add: vec![user.id], remove: Vec::new() }
                } else {
                    let user = text("user").parse().map_err(|_| EngineError::NotFound("user"))?;
                    Members::Change { add: Vec::new(), remove: vec![user] }
                };
                let write = GroupWrite { members, ..GroupWrite::default() };
                engine.change_group(tenant, group.id, &write, &visitor.by).await.map(|_| ())
            }
            act @ ("carry" | "drop") => {
                let id: RoleId = text("role").parse().map_err(|_| EngineError::NotFound("role"))?;
                let mut write = RoleWrite::default();
                match act {
                    "carry" => write.groups_add = vec![group.id],
                    _ => write.groups_remove = vec![group.id],
                }
                engine.change_role_set(tenant, id, &write, &visitor.by).await.map(|_| ())
            }
            _ => Err(EngineError::Forbidden),
        }
    };
    match done.await {
        Ok(()) => Ok(respond::see_other(&context.link(&format!("/console/groups/{id}")))),
        Err(EngineError::NotFound(what)) => {
            let error = Some(Text::Message(format!("There is no such {what}.")));
            show(&context, &visitor, &group, None, error).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Serves `POST /console/groups/{group_id}/remove`: removes a group after the confirmation.
pub(crate) async fn remove(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, _) = form(&context, &body, "/console/groups", Right::GroupDelete).await?;
    let group = group(&context, &id).await?;
    context.engine().remove_group(context.tenant(), group.id, None, &visitor.by).await?;
    Ok(respond::see_other(&context.link("/console/groups")))
}

/// Serves `GET /console/groups/{group_id}/remove`: asks for confirmation before a group is removed, and says what that
/// does.
pub(crate) async fn confirm_remove(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = administrator(&context, "/console/groups", Right::GroupDelete).await?;
    let group = group(&context, &id).await?;
    let store = context.engine().reads(context.tenant().id);
    let counted = async {
        let members = store.group_member_count(group.id).await?;
        Ok::<_, EngineError>((members, store.roles_of_group(group.id).await?))
    };
    let (members, roles) = counted.await?;
    let members = words::count(members.unsigned_abs(), words::Noun::Member);
    let facts = match roles.is_empty() {
        true => {
            vec![
                say("{0} will be removed from it", [members]),
                "It has no roles: no sessions end".into(),
            ]
        }
        false => {
            let names: Vec<String> = roles.into_iter().map(|role| role.name).collect();
            vec![say("{0} will lose {1}", [members, plain(names.join(", "))])]
        }
    };
    let page = crate::web::pages::Confirm {
        title: say("Remove the group {0}?", [plain(&group.name)]),
        text: "If an event handler or a policy requires it, the sessions of users who lose a role end."
            .into(),
        facts,
        action: context.link(&format!("/console/groups/{id}/remove")),
        button: "Remove group".into(),
        back: context.link(&format!("/console/groups/{id}")),
        frame: visitor.frame(&context, "groups"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}
