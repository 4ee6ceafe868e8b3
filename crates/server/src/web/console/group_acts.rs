//! Acts on a group that can end sessions: what they would end is shown first.

use axum::response::Response;
use sojourn_engine::{EngineError, Right, RoleDirection};
use sojourn_model::{Group, RoleId, User, UserId};
use sojourn_oidc::Params;

use super::consequences::{self, RoleAct};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::my_account::Visitor;

/// Maximum number of members whose sessions are counted before an act.
const COUNTED_MAX: i64 = 1_000;

/// What an act concerns.
struct Concerned {
    title: Text,
    button: &'static str,
    roles: Vec<RoleId>,
    users: Vec<UserId>,
    field: (&'static str, String),
}

async fn user(context: &Context, params: &Params, joins: bool) -> Result<User, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let text = |name: &str| params.get(name).unwrap_or_default();
    match joins {
        true => engine.user_named(tenant, text("username")).await,
        false => {
            let missing = EngineError::NotFound("user");
            let Ok(id) = text("user").parse() else { return Err(missing) };
            engine.reads(tenant.id).user(id).await?.ok_or(missing)
        }
    }
}

/// A user joins or leaves the group, with its roles.
async fn membership(
    context: &Context,
    group: &Group,
    params: &Params,
    joins: bool,
) -> Result<Concerned, EngineError> {
    let user = user(context, params, joins).await?;
    let names = [plain(&user.username), plain(&group.name)];
    let roles = context.engine().reads(context.tenant().id).roles_of_group(group.id).await?;
    let (title, button, field) = match joins {
        true => {
            let title = say("Add {0} to the group {1}?", names);
            (title, "Add to group", ("username", user.username))
        }
        false => {
            let title = say("Remove {0} from the group {1}?", names);
            (title, "Remove from group", ("user", user.id.to_string()))
        }
    };
    let roles = roles.iter().map(|role| role.id).collect();
    Ok(Concerned { title, button, roles, users: vec![user.id], field })
}

/// The group's members gain or lose a role.
async fn role(
    context: &Context,
    group: &Group,
    params: &Params,
    gains: bool,
) -> Result<Concerned, EngineError> {
    let store = context.engine().reads(context.tenant().id);
    let missing = EngineError::NotFound("role");
    let Ok(id) = params.get("role").unwrap_or_default().parse::<RoleId>() else {
        return Err(missing);
    };
    let role = store.role(id).await?.ok_or(missing)?;
    let names = [plain(&role.name), plain(&group.name)];
    let (title, button) = match gains {
        true => (say("Assign the role {0} to the group {1}?", names), "Assign role"),
        false => (say("Remove the role {0} from the group {1}?", names), "Remove role"),
    };
    let users = store.group_members_after(group.id, None, COUNTED_MAX).await?;
    Ok(Concerned { title, button, roles: vec![id], users, field: ("role", id.to_string()) })
}

/// Returns the page that says in numbers what a change of a group would end; `None` if it ends nothing or was confirmed.
pub(super) async fn ask_before(
    context: &Context,
    visitor: &Visitor,
    group: &Group,
    params: &Params,
) -> Result<Option<Response>, EngineError> {
    let act = params.get("act").unwrap_or_default();
    // Whoever may not do it learns nothing here: the act itself is refused.
    let right =
        if matches!(act, "join" | "leave") { Right::GroupUpdate } else { Right::RoleUpdate };
    if !visitor.by.may(right) {
        return Ok(None);
    }
    let concerned = match act {
        "join" | "leave" => {
            let concerned = membership(context, group, params, act == "join").await?;
            for user in &concerned.users {
                context.engine().must_cover(context.tenant(), &visitor.by, *user).await?;
            }
            concerned
        }
        "carry" | "drop" => role(context, group, params, act == "carry").await?,
        _ => return Ok(None),
    };
    let path = format!("/console/groups/{}", group.id);
    let act = RoleAct {
        title: concerned.title,
        button: concerned.button.into(),
        roles: &concerned.roles,
        users: &concerned.users,
        more: i64::try_from(concerned.users.len()) == Ok(COUNTED_MAX),
        direction: match act {
            "join" | "carry" => RoleDirection::Added,
            _ => RoleDirection::Removed,
        },
        fields: vec![("act", act.to_owned()), concerned.field],
        action: path.clone(),
        back: path,
    };
    consequences::before(context, (visitor, params), "groups", act).await
}
