//! Roles: the list, creating and removing them.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::{ADMIN_SCOPES, EngineError, Right, Rights};
use sojourn_model::{Role, RoleId, RoleState};

use super::{administrator, form, twice};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::my_account::Visitor;
use crate::web::pages::Confirm;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// A role in a list.
pub(super) struct RoleLine {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) permissions: String,
    pub(super) removing: bool,
    pub(super) members: i64,
}

/// The page that lists all roles.
#[derive(Template)]
#[template(path = "console/roles.html")]
struct RolesPage {
    frame: Frame,
    roles: Vec<RoleLine>,
    jobs: Vec<(i64, i64)>,
    /// Name of the role after which the next page begins.
    next: Option<String>,
    error: Option<Text>,
}

const SHOWN: i64 = 50;

/// Serves `GET /console/roles`: the roles, sorted by name.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/roles", Right::RoleList).await?;
    let params = request::query(uri.query())?;
    show(&context, &visitor, params.get("after"), None).await
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    after: Option<&str>,
    error: Option<Text>,
) -> Answer {
    let (roles, jobs) = lines(context, after).await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let frame = visitor.frame(context, "roles");
    let next =
        (roles.len() as i64 == SHOWN).then(|| roles.last().map(|role| role.name.clone())).flatten();
    Ok(render::page(context, status, &RolesPage { frame, roles, jobs, next, error }))
}

async fn lines(
    context: &Context,
    after: Option<&str>,
) -> Result<(Vec<RoleLine>, Vec<(i64, i64)>), EngineError> {
    let store = context.engine().reads(context.tenant().id);
    let mut lines = Vec::new();
    for role in store.roles(after, SHOWN).await? {
        lines.push(RoleLine {
            members: store.role_member_count(role.id).await?,
            id: role.id.to_string(),
            removing: role.state == RoleState::Removing,
            permissions: role.permissions,
            name: role.name,
        });
    }
    let jobs = store.pending_jobs(20).await?;
    Ok((lines, jobs.into_iter().map(|job| (job.done, job.total)).collect()))
}

/// Serves `POST /console/roles`: creates a role.
pub(crate) async fn add(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/roles", Right::RoleCreate).await?;
    let asked: Vec<&str> =
        params.get("permissions").unwrap_or_default().split_whitespace().collect();
    if let Some(unknown) = asked.iter().find(|scope| !ADMIN_SCOPES.contains(scope)) {
        let known = ADMIN_SCOPES.join(", ");
        let values = [plain(*unknown), plain(known)];
        let text = say("There is no permission {0}. Available permissions: {1}.", values);
        return show(&context, &visitor, None, Some(text)).await;
    }
    let permissions = asked.join(" ");
    // You can only grant rights that you hold yourself.
    if !visitor.by.rights().cover(&Rights::of_scopes(&permissions)) {
        return Err(EngineError::Forbidden.into());
    }
    let name = params.get("name").unwrap_or_default();
    match context.engine().add_role(context.tenant(), name, &permissions, &visitor.by).await {
        Ok(_) => Ok(respond::see_other(&context.link("/console/roles"))),
        Err(error @ (EngineError::Invalid(_) | EngineError::Exists(_))) => {
            let same = context.engine().role_named(context.tenant(), name).await;
            match same {
                Ok(role)
                    if matches!(error, EngineError::Exists(_))
                        && twice::just_made(&context, role.created_at)
                        && role.permissions == permissions =>
                {
                    Ok(respond::see_other(&context.link("/console/roles")))
                }
                _ => show(&context, &visitor, None, Some(words::sentence(error))).await,
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn role(context: &Context, visitor: &Visitor, id: &str) -> Result<Role, Refusal> {
    let missing = || Refusal::missing("There is no such role.");
    let id: RoleId = id.parse().map_err(|_| missing())?;
    let found = context.engine().reads(context.tenant().id).role(id).await;
    let role = found?.ok_or_else(missing)?;
    let own = Rights::of_scopes(&role.permissions);
    // Without the administrators' role, nobody could correct anything any more.
    if role.name == Role::ADMIN || !visitor.by.rights().cover(&own) {
        return Err(EngineError::Forbidden.into());
    }
    Ok(role)
}

/// Serves `GET /console/roles/{role_id}/remove`: asks for confirmation before a role is removed.
pub(crate) async fn confirm_remove(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = administrator(&context, "/console/roles", Right::RoleDelete).await?;
    let role = role(&context, &visitor, &id).await?;
    let members = context.engine().reads(context.tenant().id).role_member_count(role.id).await?;
    let members = words::count(u64::try_from(members).unwrap_or(0), words::Noun::User);
    let page = Confirm {
        title: say("Remove the role {0}?", [plain(&role.name)]),
        text: "It stops granting anything immediately.".into(),
        facts: vec![say("{0} will lose it", [members])],
        action: context.link(&format!("/console/roles/{id}/remove")),
        button: "Remove role".into(),
        back: context.link("/console/roles"),
        frame: visitor.frame(&context, "roles"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /console/roles/{role_id}/remove`: removes a role.
pub(crate) async fn remove(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, _) = form(&context, &body, "/console/roles", Right::RoleDelete).await?;
    let role = role(&context, &visitor, &id).await?;
    context.engine().remove_role(context.tenant(), &role, &visitor.by).await?;
    Ok(respond::see_other(&context.link("/console/roles")))
}
