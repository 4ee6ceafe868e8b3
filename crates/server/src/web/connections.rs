//! My Account: applications that the person approved, and the way to withdraw it.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_model::AppId;

use crate::context::Context;
use crate::respond;
use crate::web::my_account::visitor;
use crate::web::pages::{ConnectionLine, Connections};
use crate::web::sign_out::signed_in_form;
use crate::web::{errors, render, words};

const PATH: &str = "/myaccount/connections";

/// The list.
pub(crate) async fn list(context: Context) -> Response {
    let visitor = match visitor(&context, PATH, MY_ACCOUNT).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let engine = context.engine();
    let given = match engine.consents(context.tenant(), visitor.user.id).await {
        Ok(given) => given,
        Err(error) => return errors::failure(&context, &error),
    };
    let mut connections = Vec::new();
    for one in given {
        let app = match engine.application(context.tenant().id, one.app).await {
            Ok(app) => app,
            Err(error) => return errors::failure(&context, &error),
        };
        connections.push(ConnectionLine {
            id: one.app.to_string(),
            name: app.map_or_else(|| one.app.to_string(), |app| app.name.clone()),
            items: words::permissions(one.scopes.split(' ')),
            since: words::moment(one.given_at),
            away: sojourn_oidc::scope::has(&one.scopes, "offline_access"),
        });
    }
    let page = Connections { frame: visitor.frame(&context, "connections"), connections };
    render::page(&context, StatusCode::OK, &page)
}

/// Withdraws one.
pub(crate) async fn withdraw(context: Context, Path(app): Path<String>, body: Bytes) -> Response {
    let (session, _) = match signed_in_form(&context, &body).await {
        Ok(form) => form,
        Err(answered) => return *answered,
    };
    let Ok(app) = app.parse::<AppId>() else {
        return errors::missing(&context, "There is no such application.");
    };
    match context.engine().withdraw_consent(context.tenant(), session.user, app).await {
        Ok(()) => respond::see_other(&context.link(PATH)),
        Err(error) => errors::failure(&context, &error),
    }
}
