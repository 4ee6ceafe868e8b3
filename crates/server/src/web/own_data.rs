//! My Account: what is kept about one, as a file.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::factors::FactorRefused;

use crate::context::Context;
use crate::respond;
use crate::web::factors::refused;
use crate::web::my_account::{genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::{errors, filters, render};

const PATH: &str = "/myaccount/data";

#[derive(Template)]
#[template(path = "own_data.html")]
struct OwnDataPage {
    frame: Frame,
}

/// The page, once the person has signed in afresh.
pub(crate) async fn get(context: Context) -> Response {
    let visitor = match visitor(&context, PATH, MY_ACCOUNT).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    match context.engine().is_fresh(context.tenant(), &visitor.session).await {
        Ok(true) => {
            let frame = visitor.frame(&context, "profile");
            render::page(&context, StatusCode::OK, &OwnDataPage { frame })
        }
        Ok(false) => refused(&context, &visitor, PATH, FactorRefused::NotFresh).await,
        Err(error) => errors::failure(&context, &error),
    }
}

/// The file.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let (visitor, _) = match genuine_form(&context, &body, PATH, MY_ACCOUNT).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    match context.engine().own_data(context.tenant(), &visitor.session).await {
        Ok(data) => {
            let mut response = respond::json(StatusCode::OK, &data);
            let name = HeaderValue::from_static("attachment; filename=\"my-data.json\"");
            response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
            response
        }
        Err(why) => refused(&context, &visitor, PATH, why).await,
    }
}
