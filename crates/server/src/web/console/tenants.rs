//! Tenants, for administrators of the default tenant.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use sojourn_engine::directory::{NewTenant, NewUser};
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Tenant, TenantId};
use sojourn_oidc::Params;

use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::respond;
use crate::web::my_account::Visitor;
use crate::web::pages::{Confirm, Frame};
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

struct TenantLine {
    id: i64,
    name: String,
    since: Text,
    enabled: bool,
    users: i64,
    is_default: bool,
}

#[derive(Template)]
#[template(path = "console/tenants.html")]
struct TenantsPage {
    frame: Frame,
    tenants: Vec<TenantLine>,
    error: Option<Text>,
}

fn only_here(context: &Context) -> Result<(), Refusal> {
    if context.tenant().id == TenantId::DEFAULT {
        return Ok(());
    }
    Err(Refusal::missing("There is no page at this address."))
}

async fn visitor(context: &Context) -> Result<Visitor, Refusal> {
    let visitor = administrator(context, "/console/tenants", Right::TenantList).await?;
    only_here(context)?;
    Ok(visitor)
}

async fn overseer(
    context: &Context,
    body: &Bytes,
    right: Right,
) -> Result<(Visitor, Params), Refusal> {
    let both = form(context, body, "/console/tenants", right).await?;
    only_here(context)?;
    Ok(both)
}

async fn show(context: &Context, visitor: &Visitor, error: Option<Text>) -> Answer {
    let found = async {
        let mut lines = Vec::new();
        for tenant in context.engine().tenants().await? {
            lines.push(TenantLine {
                id: tenant.id.0,
                users: context.engine().reads(tenant.id).user_count().await?,
                since: words::moment(tenant.created_at),
                enabled: tenant.enabled,
                is_default: tenant.id == TenantId::DEFAULT,
                name: tenant.name,
            });
        }
        Ok::<_, EngineError>(lines)
    };
    let tenants = found.await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let frame = visitor.frame(context, "tenants");
    Ok(render::page(context, status, &TenantsPage { frame, tenants, error }))
}

/// Serves `GET /console/tenants`: the list of all tenants.
pub(crate) async fn list(context: Context) -> Answer {
    match visitor(&context).await {
        Ok(visitor) => show(&context, &visitor, None).await,
        Err(elsewhere) => Err(elsewhere),
    }
}

/// Serves `POST /console/tenants`: creates a tenant with its first administrator.
pub(crate) async fn add(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = overseer(&context, &body, Right::TenantCreate).await?;
    let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
    let owner = NewUser {
        username: text("owner"),
        password: params.get("password").map(str::to_owned),
        ..NewUser::default()
    };
    match context.engine().add_tenant(NewTenant { name: text("name"), owner }, &visitor.by).await {
        Ok(_) => Ok(respond::see_other(&context.link("/console/tenants"))),
        Err(error @ (EngineError::Invalid(_) | EngineError::Exists(_))) => {
            show(&context, &visitor, Some(words::sentence(error))).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn named(context: &Context, id: &str) -> Result<Tenant, Refusal> {
    let missing = || Refusal::missing("There is no such tenant.");
    let id: i64 = id.parse().map_err(|_| missing())?;
    let found = context.engine().installation().tenant(TenantId(id)).await;
    found?.ok_or_else(missing)
}

/// Serves `GET /console/tenants/{tenant_id}/{act}`: asks for confirmation before a tenant is switched off (`disable`)
/// or removed (`remove`).
pub(crate) async fn confirm(context: Context, Path((id, act)): Path<(String, String)>) -> Answer {
    let visitor = visitor(&context).await?;
    let tenant = named(&context, &id).await?;
    let users = {
        let users = context.engine().reads(tenant.id).user_count().await?;
        words::count(users.unsigned_abs(), words::Noun::Person)
    };
    let (title, button, fact) = match &*act {
        "disable" => ("Switch off {0}?", "Switch off", "{0}: signed out, and can't sign in"),
        "remove" => (
            "Remove {0}?",
            "Remove tenant",
            "{0} and everything that belongs to the tenant: removed",
        ),
        _ => return Err(Refusal::missing("There is no such act.")),
    };
    let page = Confirm {
        title: say(title, [plain(&tenant.name)]),
        text: "It stops answering requests immediately.".into(),
        facts: vec![say(fact, [users])],
        action: context.link(&format!("/console/tenants/{id}/{act}")),
        button: button.into(),
        back: context.link("/console/tenants"),
        frame: visitor.frame(&context, "tenants"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Returns the right that an action requires.
fn right_of(act: &str) -> Right {
    if act == "remove" { Right::TenantDelete } else { Right::TenantUpdate }
}

/// Serves `POST /console/tenants/{tenant_id}/{act}`: switches a tenant on (`enable`) or off (`disable`), or removes it
/// (`remove`).
pub(crate) async fn go(
    context: Context,
    Path((id, act)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (visitor, _) = overseer(&context, &body, right_of(&act)).await?;
    let tenant = named(&context, &id).await?;
    let engine = context.engine();
    let done = match &*act {
        "enable" => engine.set_tenant_enabled(&tenant, true, &visitor.by).await,
        "disable" => engine.set_tenant_enabled(&tenant, false, &visitor.by).await,
        "remove" => engine.remove_tenant(&tenant, &visitor.by).await.map(|_| ()),
        _ => return Err(Refusal::missing("There is no such act.")),
    };
    done?;
    Ok(respond::see_other(&context.link("/console/tenants")))
}
