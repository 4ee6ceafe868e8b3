//! My Account: renaming a factor.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::factors::FactorRefused;
use sojourn_model::FactorId;

use super::remove::MISSING;
use super::{SECURITY, refused};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::{Visitor, genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

/// The page on which a factor is renamed.
#[derive(Template)]
#[template(path = "factor_rename.html")]
struct Rename {
    frame: Frame,
    action: String,
    name: String,
    error: Option<Text>,
}

fn path(id: FactorId) -> String {
    format!("/myaccount/factors/{id}/rename")
}

fn show(
    context: &Context,
    visitor: &Visitor,
    id: FactorId,
    (name, error): (String, Option<Text>),
) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let frame = visitor.frame(context, "security");
    let page = Rename { frame, action: context.link(&path(id)), name, error };
    render::page(context, status, &page)
}

/// Serves `GET /myaccount/factors/{factor_id}/rename`: the form with the present name.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    let id = id.parse::<FactorId>().map_err(|_| Refusal::missing(MISSING))?;
    let visitor = visitor(&context, &path(id), MY_ACCOUNT).await?;
    let found = context.engine().factors(context.tenant(), visitor.user.id).await?;
    match found.factors.into_iter().find(|listed| listed.factor.id == id) {
        Some(listed) => Ok(show(&context, &visitor, id, (listed.factor.name, None))),
        None => Err(Refusal::missing(MISSING)),
    }
}

/// Serves `POST /myaccount/factors/{factor_id}/rename`: sets the new name.
pub(crate) async fn post(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let id = id.parse::<FactorId>().map_err(|_| Refusal::missing(MISSING))?;
    let (visitor, params) = genuine_form(&context, &body, &path(id), MY_ACCOUNT).await?;
    let name = params.get("name").unwrap_or_default();
    match context.engine().rename_factor(context.tenant(), &visitor.session, id, name).await {
        Ok(()) => Ok(respond::see_other(&context.link(SECURITY))),
        Err(FactorRefused::Failed(EngineError::Invalid(why))) => {
            Ok(show(&context, &visitor, id, (name.to_owned(), Some(words::sentence(why)))))
        }
        Err(FactorRefused::Gone) => Err(Refusal::missing(MISSING)),
        Err(why) => refused(&context, &visitor, &path(id), why).await,
    }
}
