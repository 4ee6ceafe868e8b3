//! My Account: removing a factor, and the sessions that were created with it.

use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::factors::{FactorRefused, Listed};
use sojourn_model::{FactorId, FactorKind, OnFactorRemoved};

use super::{SECURITY, refused};
use crate::context::Context;
use crate::language::{plain, say};
use crate::respond;
use crate::web::my_account::{Visitor, everything_ended, genuine_form, visitor};
use crate::web::pages::Confirm;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{render, words};

pub(super) const MISSING: &str = "This factor no longer exists.";

fn path(id: FactorId) -> String {
    format!("/myaccount/factors/{id}/remove")
}

/// Serves `GET /myaccount/factors/{factor_id}/remove`: asks for confirmation; requires a recent authentication.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    let id = id.parse::<FactorId>().map_err(|_| Refusal::missing(MISSING))?;
    let visitor = visitor(&context, &path(id), MY_ACCOUNT).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    match engine.is_fresh(tenant, &visitor.session).await? {
        true => {}
        false => return refused(&context, &visitor, &path(id), FactorRefused::NotFresh).await,
    }
    let factors = engine.factors(tenant, visitor.user.id).await?;
    let ends = engine.ends_with_factor(tenant, &visitor.session, id).await?;
    let Some(Listed { factor, .. }) = factors.factors.iter().find(|one| one.factor.id == id) else {
        return Err(Refusal::missing(MISSING));
    };
    let number = words::count(ends.sessions as u64, words::Noun::Session);
    let mut facts = vec![match ends.policy {
        OnFactorRemoved::Nothing => "Your sessions stay".into(),
        OnFactorRemoved::MadeWithIt => say("{0} started with it will end", [number]),
        OnFactorRemoved::All => say("{0} will end", [number]),
    }];
    if ends.here {
        facts.push("You used it to sign in here, so you will be signed out here too".into());
    }
    let asked_for = |one: &Listed| one.factor.kind != FactorKind::Passkey && one.factor.id != id;
    if factors.factors.len() == 1 || !factors.factors.iter().any(asked_for) {
        facts.push("Afterwards your password alone is enough to sign in".into());
    }
    let page = Confirm {
        title: say("Remove {0}?", [plain(&factor.name)]),
        text: "It stops working immediately.".into(),
        facts,
        action: context.link(&path(id)),
        button: "Remove".into(),
        back: context.link(SECURITY),
        frame: visitor.frame(&context, "security"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /myaccount/factors/{factor_id}/remove`: removes the factor; sessions end as the policy requires.
pub(crate) async fn post(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let id = id.parse::<FactorId>().map_err(|_| Refusal::missing(MISSING))?;
    let (visitor, _) = genuine_form(&context, &body, &path(id), MY_ACCOUNT).await?;
    match remove(&context, &visitor, id).await {
        Ok(answer) => answer,
        Err(why) => refused(&context, &visitor, &path(id), why).await,
    }
}

async fn remove(
    context: &Context,
    visitor: &Visitor,
    id: FactorId,
) -> Result<Answer, FactorRefused> {
    let (engine, tenant) = (context.engine(), context.tenant());
    // Must be read before the removal, which may end this session.
    let frames = engine.front_channel(tenant, &visitor.session).await?;
    Ok(match engine.remove_factor(tenant, &visitor.session, id).await? {
        true => Ok(respond::see_other(&context.link("/myaccount/security?done=factor_removed"))),
        false => everything_ended(context, visitor, frames).await,
    })
}
