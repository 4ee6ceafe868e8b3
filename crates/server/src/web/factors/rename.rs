//! Another name for a factor.

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
use crate::web::{errors, filters, render, words};

/// The page.
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

/// Asks for the name.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<FactorId>() else { return errors::missing(&context, MISSING) };
    let visitor = match visitor(&context, &path(id), MY_ACCOUNT).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let found = match context.engine().factors(context.tenant(), visitor.user.id).await {
        Ok(found) => found,
        Err(error) => return errors::failure(&context, &error),
    };
    match found.factors.into_iter().find(|listed| listed.factor.id == id) {
        Some(listed) => show(&context, &visitor, id, (listed.factor.name, None)),
        None => errors::missing(&context, MISSING),
    }
}

/// Gives it.
pub(crate) async fn post(context: Context, Path(id): Path<String>, body: Bytes) -> Response {
    let Ok(id) = id.parse::<FactorId>() else { return errors::missing(&context, MISSING) };
    let (visitor, params) = match genuine_form(&context, &body, &path(id), MY_ACCOUNT).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let name = params.get("name").unwrap_or_default();
    match context.engine().rename_factor(context.tenant(), &visitor.session, id, name).await {
        Ok(()) => respond::see_other(&context.link(SECURITY)),
        Err(FactorRefused::Failed(EngineError::Invalid(why))) => {
            show(&context, &visitor, id, (name.to_owned(), Some(words::sentence(why))))
        }
        Err(FactorRefused::Gone) => errors::missing(&context, MISSING),
        Err(why) => refused(&context, &visitor, &path(id), why).await,
    }
}
