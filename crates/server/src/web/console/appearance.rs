//! The appearance of the tenant's pages: name, colour and logo.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::directory::LogoChange;
use sojourn_engine::{EngineError, Right};
use sojourn_model::Tenant;

use super::administrator;
use crate::context::Context;
use crate::language::Text;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::upload::Upload;
use crate::web::{filters, render, words};
use crate::{request, respond};

const PATH: &str = "/console/appearance";

#[derive(Template)]
#[template(path = "console/appearance.html")]
struct AppearancePage {
    frame: Frame,
    name: String,
    accent: String,
    logo: Option<String>,
    may_change: bool,
    error: Option<Text>,
}

fn show(
    context: &Context,
    visitor: &Visitor,
    tenant: &Tenant,
    (notice, error): (Option<Text>, Option<Text>),
) -> Response {
    let look = &tenant.look;
    let mut frame = visitor.frame(context, "appearance");
    frame.notice = notice;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = AppearancePage {
        frame,
        name: look.name.clone().unwrap_or_default(),
        accent: look.accent.clone().unwrap_or_default(),
        logo: look.logo.as_ref().map(|_| context.around().logo),
        may_change: visitor.by.may(Right::ConfigUpdate),
        error,
    };
    render::page(context, status, &page)
}

/// Serves `GET /console/appearance`: the form with the tenant's appearance.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, PATH, Right::ConfigView).await?;
    let done = request::query(uri.query()).ok();
    let done =
        done.and_then(|params| params.get("done").map(|_| "The appearance is saved.".into()));
    Ok(show(&context, &visitor, context.tenant(), (done, None)))
}

/// Serves `POST /console/appearance`: saves name and colour, and keeps, replaces or removes the logo.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let visitor = administrator(&context, PATH, Right::ConfigUpdate).await?;
    let sent = Upload::read(&context, body)
        .await
        .ok_or_else(|| Refusal::bad_request("The form is malformed."))?;
    if !context.genuine(&visitor.session, Some(&sent.text("csrf"))) {
        return Err(Refusal::Forged);
    }
    let logo = sent.bytes("logo");
    let logo = match (sent.has("remove"), logo.is_empty()) {
        (true, _) => LogoChange::Remove,
        (false, true) => LogoChange::Keep,
        (false, false) => LogoChange::Put(logo.to_vec()),
    };
    let (name, accent) = (sent.text("name"), sent.text("accent"));
    let look = (&*name, &*accent);
    match context.engine().set_look(context.tenant(), look, logo, &visitor.by).await {
        Ok(()) => Ok(respond::see_other(&context.link(&format!("{PATH}?done=1")))),
        Err(EngineError::Invalid(why)) => {
            let error = Some(words::sentence(why));
            Ok(show(&context, &visitor, context.tenant(), (None, error)))
        }
        Err(error) => Err(error.into()),
    }
}
