//! My Account: export of the user's own data as a file.

use askama::Template;
use axum::body::Bytes;
use http::{HeaderValue, StatusCode, header};
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::factors::FactorRefused;

use crate::context::Context;
use crate::respond;
use crate::web::factors::refused;
use crate::web::my_account::{genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::{filters, render};

const PATH: &str = "/myaccount/data";

#[derive(Template)]
#[template(path = "own_data.html")]
struct OwnDataPage {
    frame: Frame,
}

/// Serves `GET /myaccount/data`: the page for the export; requires a recent authentication.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    match context.engine().is_fresh(context.tenant(), &visitor.session).await? {
        true => {
            let frame = visitor.frame(&context, "profile");
            Ok(render::page(&context, StatusCode::OK, &OwnDataPage { frame }))
        }
        false => refused(&context, &visitor, PATH, FactorRefused::NotFresh).await,
    }
}

/// Serves `POST /myaccount/data`: returns the user's data as the attachment `my-data.json`.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, _) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    match context.engine().own_data(context.tenant(), &visitor.session).await {
        Ok(data) => {
            let mut response = respond::json(StatusCode::OK, &data);
            let name = HeaderValue::from_static("attachment; filename=\"my-data.json\"");
            response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
            Ok(response)
        }
        Err(why) => refused(&context, &visitor, PATH, why).await,
    }
}
