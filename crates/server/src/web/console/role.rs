//! One role: its permissions, its members, and the groups to which it is assigned.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::directory::RoleWrite;
use sojourn_engine::{ADMIN_SCOPES, EngineError, Right, Rights};
use sojourn_model::{Role, RoleId, RoleState, UserId};

use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// Maximum number of members on a page.
const SHOWN: i64 = 100;

struct Member {
    id: String,
    username: String,
    name: String,
}

#[derive(Template)]
#[template(path = "console/role.html")]
struct RolePage {
    frame: Frame,
    id: String,
    name: String,
    permissions: String,
    removing: bool,
    may_change: bool,
    may_set_policy: bool,
    members: Vec<Member>,
    next: Option<String>,
    groups: Vec<(String, String)>,
    count: Text,
    error: Option<Text>,
}

async fn named(context: &Context, id: &str) -> Result<Role, Refusal> {
    let missing = || Refusal::missing("There is no such role.");
    let id: RoleId = id.parse().map_err(|_| missing())?;
    let found = context.engine().reads(context.tenant().id).role(id).await;
    found?.ok_or_else(missing)
}

fn may_change(visitor: &Visitor, role: &Role) -> bool {
    role.name != Role::ADMIN
        && role.state == RoleState::Active
        && visitor.by.may(Right::RoleUpdate)
        && visitor.by.covers(role)
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    role: &Role,
    after: Option<UserId>,
    error: Option<Text>,
) -> Answer {
    let store = context.engine().reads(context.tenant().id);
    let found = async {
        let ids = store.own_role_members_after(role.id, after, SHOWN).await?;
        let next = (ids.len() as i64 == SHOWN).then(|| ids.last().map(ToString::to_string));
        let mut users = store.users_of(&ids).await?;
        users.sort_by(|a, b| a.username.cmp(&b.username));
        let mut groups = Vec::new();
        for id in store.groups_with_role(role.id).await? {
            if let Some(group) = store.group(id).await? {
                groups.push((group.id.to_string(), group.name));
            }
        }
        let count = store.role_member_count(role.id).await?;
        Ok::<_, EngineError>((users, next.flatten(), groups, count))
    };
    let (users, next, groups, count) = found.await?;
    let page = RolePage {
        frame: visitor.frame(context, "roles"),
        id: role.id.to_string(),
        name: role.name.clone(),
        permissions: role.permissions.replace(' ', "\n"),
        removing: role.state == RoleState::Removing,
        may_change: may_change(visitor, role),
        may_set_policy: visitor.by.may(Right::SessionPolicyUpdate),
        members: users
            .into_iter()
            .map(|user| Member {
                id: user.id.to_string(),
                name: user.display_name.unwrap_or_default(),
                username: user.username,
            })
            .collect(),
        next,
        groups,
        count: words::count(count.unsigned_abs(), words::Noun::Member),
        error,
    };
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(render::page(context, status, &page))
}

/// Serves `GET /console/roles/{role_id}`: one role with its members and groups.
pub(crate) async fn get(context: Context, Path(id): Path<String>, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/roles", Right::RoleView).await?;
    let role = named(&context, &id).await?;
    let after = request::query(uri.query()).ok();
    let after = after.and_then(|params| params.get("after").and_then(|id| id.parse().ok()));
    show(&context, &visitor, &role, after, None).await
}

/// Serves `POST /console/roles/{role_id}`: changes the name and the permissions of a role.
pub(crate) async fn post(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/roles", Right::RoleUpdate).await?;
    let role = named(&context, &id).await?;
    let asked: Vec<&str> =
        params.get("permissions").unwrap_or_default().split_whitespace().collect();
    let known = |scope: &&&str| {
        !scope.starts_with("internal_") || **scope == "internal_*" || ADMIN_SCOPES.contains(*scope)
    };
    if let Some(unknown) = asked.iter().find(|scope| !known(scope)) {
        let error = Some(say("There is no permission {0}.", [plain(*unknown)]));
        return show(&context, &visitor, &role, None, error).await;
    }
    let permissions = asked.join(" ");
    // You can only grant rights that you hold yourself.
    if !may_change(&visitor, &role) || !visitor.by.rights().cover(&Rights::of_scopes(&permissions))
    {
        return Err(EngineError::Forbidden.into());
    }
    let write = RoleWrite {
        name: params.get("name").map(str::to_owned),
        permissions: Some(permissions),
        ..RoleWrite::default()
    };
    match context.engine().change_role_set(context.tenant(), role.id, &write, &visitor.by).await {
        Ok(_) => Ok(respond::see_other(&context.link(&format!("/console/roles/{id}")))),
        Err(error @ (EngineError::Invalid(_) | EngineError::Exists(_))) => {
            show(&context, &visitor, &role, None, Some(words::sentence(error))).await
        }
        Err(error) => Err(error.into()),
    }
}
