//! The Console for administrators. Each page requires a right.

pub(crate) mod appearance;
pub(crate) mod application_secret;
pub(crate) mod applications;
mod attention;
pub(crate) mod audit;
pub(crate) mod completion;
mod consequences;
pub(crate) mod deletions;
pub(crate) mod deliveries;
pub(crate) mod design;
pub(crate) mod end;
mod group_acts;
pub(crate) mod groups;
pub(crate) mod handlers;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod mail;
mod menu;
pub(crate) mod overview;
pub(crate) mod policies;
pub(crate) mod profile;
mod quick_start;
pub(crate) mod role;
pub(crate) mod roles;
mod service_provider_form;
pub(crate) mod service_providers;
pub(crate) mod sessions;
pub(crate) mod sign_up;
pub(crate) mod tenants;
mod twice;
pub(crate) mod user_acts;
pub(crate) mod users;

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::directory::CONSOLE;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Actor, User, UserId};
use sojourn_oidc::Params;

pub(crate) use menu::menu;

use crate::context::Context;
use crate::language::{Text, plain};
use crate::web::my_account::{self, Visitor};
use crate::web::pages::Frame;
use crate::web::refusal::Refusal;
use crate::web::{errors, filters, render};

/// Returns the signed-in user, who must have a right; otherwise a redirect to the sign-in page, or the page for a
/// missing right.
pub(crate) async fn administrator(
    context: &Context,
    back: &str,
    right: Right,
) -> Result<Visitor, Refusal> {
    let visitor = my_account::visitor(context, back, CONSOLE).await?;
    if visitor.by.may(right) {
        Ok(visitor)
    } else {
        Err(Refusal::instead(forbidden(context, &visitor)))
    }
}

#[derive(Template)]
#[template(path = "console/forbidden.html")]
struct ForbiddenPage {
    frame: Frame,
    /// Address at which to sign in as someone else.
    other: String,
    request_id: String,
}

/// The page (403) for a user who lacks a right, with the menu of the pages that they may view.
fn forbidden(context: &Context, visitor: &Visitor) -> Response {
    let page = ForbiddenPage {
        frame: visitor.frame(context, ""),
        other: errors::as_someone_else(context),
        request_id: context.arrival.request_id.to_string(),
    };
    render::page(context, StatusCode::FORBIDDEN, &page)
}

/// Parses a form of a signed-in user who must have a right, and verifies that it is genuine.
async fn form(
    context: &Context,
    body: &Bytes,
    back: &str,
    right: Right,
) -> Result<(Visitor, Params), Refusal> {
    let (visitor, params) = my_account::genuine_form(context, body, back, CONSOLE).await?;
    if visitor.by.may(right) {
        Ok((visitor, params))
    } else {
        Err(Refusal::instead(forbidden(context, &visitor)))
    }
}

/// Loads a user of this tenant; refused if the user has more rights than the administrator.
async fn user(context: &Context, visitor: &Visitor, id: &str) -> Result<User, Refusal> {
    let missing = || Refusal::missing("There is no such user.");
    let id: UserId = id.parse().map_err(|_| missing())?;
    let found = context.engine().reads(context.tenant().id).user(id).await;
    let user = found?.ok_or_else(missing)?;
    context.engine().must_cover(context.tenant(), &visitor.by, id).await?;
    Ok(user)
}

/// Returns the display name of an actor; for a deleted one, the name in the audit log.
async fn actor(context: &Context, actor: &str) -> Result<Text, EngineError> {
    let (engine, t) = (context.engine(), context.tenant().id);
    let name = match actor.parse() {
        Ok(Actor::System) => return Ok("the server itself".into()),
        Ok(Actor::Operator) => return Ok("a command on the server".into()),
        Ok(Actor::User(id)) => engine.reads(t).user(id).await?.map(|user| user.username),
        Ok(Actor::Application(id)) => engine.application(t, id).await?.map(|app| app.name.clone()),
        Err(_) => None,
    };
    Ok(plain(name.unwrap_or_else(|| actor.to_owned())))
}
