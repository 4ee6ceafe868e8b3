//! The page between a click and an act that ends sessions: it says in numbers what would happen.

use askama::Template;
use http::StatusCode;
use sojourn_engine::RoleDirection;
use sojourn_model::{EndSummary, RoleId, UserId};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::{Text, say};
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::{filters, render, words};

/// Name of the field of a form that was sent from this page.
pub(super) const CONFIRMED: &str = "confirmed";

/// What would happen, and the form that makes it happen.
#[derive(Template)]
#[template(path = "console/consequences.html")]
struct Consequences {
    frame: Frame,
    title: Text,
    facts: Vec<Text>,
    /// Where the form goes, and the fields with which it was sent.
    action: String,
    fields: Vec<(&'static str, String)>,
    button: Text,
    back: String,
}

/// An act that changes the roles of users.
pub(super) struct RoleAct<'a> {
    pub(super) title: Text,
    pub(super) button: Text,
    pub(super) roles: &'a [RoleId],
    pub(super) users: &'a [UserId],
    /// Whether there are more users than these, whose sessions aren't counted.
    pub(super) more: bool,
    pub(super) direction: RoleDirection,
    /// The fields of the form.
    pub(super) fields: Vec<(&'static str, String)>,
    /// Path of the form, and of the page to which *Cancel* leads.
    pub(super) action: String,
    pub(super) back: String,
}

fn facts(summary: &EndSummary, more: bool) -> Vec<Text> {
    let sessions = words::count(summary.sessions, words::Noun::Session);
    let notices = words::count(summary.deliveries, words::Noun::Notice);
    let ends = match more {
        true => say("Sessions that end, of the first 1,000 people alone: up to {0}", [sessions]),
        false => say("Sessions that end: up to {0}", [sessions]),
    };
    vec![ends, say("To the applications: {0}", [notices])]
}

/// Returns the page if an act would end sessions and the form wasn't sent from that page; `None`: the act may be done.
pub(super) async fn before(
    context: &Context,
    (visitor, params): (&Visitor, &Params),
    menu: &'static str,
    act: RoleAct<'_>,
) -> Result<Option<axum::response::Response>, sojourn_engine::EngineError> {
    if params.get(CONFIRMED).is_some() {
        return Ok(None);
    }
    let (engine, tenant) = (context.engine(), context.tenant());
    let summary = engine.forecast_role_change(tenant, act.roles, act.users, act.direction).await?;
    if summary.sessions == 0 && !act.more {
        return Ok(None);
    }
    let page = Consequences {
        frame: visitor.frame(context, menu),
        title: act.title,
        facts: facts(&summary, act.more),
        action: context.link(&act.action),
        fields: act.fields,
        button: act.button,
        back: context.link(&act.back),
    };
    Ok(Some(render::page(context, StatusCode::OK, &page)))
}
