//! What the tenant's pages look like: name, colour and logo.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use sojourn_engine::directory::LogoChange;
use sojourn_engine::{EngineError, Right};
use sojourn_model::Tenant;

use super::administrator;
use crate::context::Context;
use crate::language::Text;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::{errors, filters, render, words};
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

/// What a form with a file brings.
#[derive(Default)]
struct Sent {
    csrf: String,
    name: String,
    accent: String,
    remove: bool,
    logo: Vec<u8>,
}

/// Reads `multipart/form-data` (RFC 7578); nothing when it is malformed.
async fn read(context: &Context, body: Bytes) -> Option<Sent> {
    let kind = context.header(header::CONTENT_TYPE)?;
    let boundary = multer::parse_boundary(kind).ok()?;
    let once = futures_util::stream::once(async move { Ok::<_, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(once, boundary);
    let mut sent = Sent::default();
    while let Some(field) = parts.next_field().await.ok()? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.bytes().await.ok()?;
        let text = || String::from_utf8_lossy(&value).into_owned();
        match name.as_str() {
            "csrf" => sent.csrf = text(),
            "name" => sent.name = text(),
            "accent" => sent.accent = text(),
            "remove" => sent.remove = true,
            "logo" => sent.logo = value.to_vec(),
            _ => {}
        }
    }
    Some(sent)
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

/// The page.
pub(crate) async fn get(context: Context, uri: Uri) -> Response {
    match administrator(&context, PATH, Right::ConfigView).await {
        Ok(visitor) => {
            let done = request::query(uri.query()).ok();
            let done = done
                .and_then(|params| params.get("done").map(|_| "The appearance is saved.".into()));
            show(&context, &visitor, context.tenant(), (done, None))
        }
        Err(elsewhere) => *elsewhere,
    }
}

/// Saves it.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let visitor = match administrator(&context, PATH, Right::ConfigUpdate).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let Some(sent) = read(&context, body).await else {
        return errors::bad_request(&context, "The form is malformed.");
    };
    if !context.genuine(&visitor.session, Some(&sent.csrf)) {
        return errors::forged(&context);
    }
    let logo = match (sent.remove, sent.logo.is_empty()) {
        (true, _) => LogoChange::Remove,
        (false, true) => LogoChange::Keep,
        (false, false) => LogoChange::Put(sent.logo),
    };
    let look = (&*sent.name, &*sent.accent);
    match context.engine().set_look(context.tenant(), look, logo, &visitor.by).await {
        Ok(()) => respond::see_other(&context.link(&format!("{PATH}?done=1"))),
        Err(EngineError::Invalid(why)) => {
            let error = Some(words::sentence(why));
            show(&context, &visitor, context.tenant(), (None, error))
        }
        Err(error) => errors::failure(&context, &error),
    }
}
