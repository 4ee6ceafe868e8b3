//! My Account: applications with the user's consent, and withdrawing it.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_model::AppId;

use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::sign_out::signed_in_form;
use crate::web::{filters, render, words};

/// An application with the user's consent.
struct ConnectionLine {
    id: String,
    name: String,
    items: Vec<Text>,
    since: Text,
    /// Whether it has offline access, which works while the user is away.
    away: bool,
}

/// The page that lists the applications with the user's consent.
#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    frame: Frame,
    connections: Vec<ConnectionLine>,
}

const PATH: &str = "/myaccount/connections";

/// Serves `GET /myaccount/connections`: the list of applications with the user's consent.
pub(crate) async fn list(context: Context) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    let engine = context.engine();
    let given = engine.consents(context.tenant(), visitor.user.id).await?;
    let mut connections = Vec::new();
    for one in given {
        let app = engine.application(context.tenant().id, one.app).await?;
        connections.push(ConnectionLine {
            id: one.app.to_string(),
            name: app.map_or_else(|| one.app.to_string(), |app| app.name.clone()),
            items: words::permissions(one.scopes.split(' ')),
            since: words::moment(one.given_at),
            away: sojourn_oidc::scope::has(&one.scopes, "offline_access"),
        });
    }
    let page = ConnectionsPage { frame: visitor.frame(&context, "connections"), connections };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /myaccount/connections/{app_id}/withdraw`: withdraws the consent for an application.
pub(crate) async fn withdraw(context: Context, Path(app): Path<String>, body: Bytes) -> Answer {
    let (session, _) = signed_in_form(&context, &body).await?;
    let app =
        app.parse::<AppId>().map_err(|_| Refusal::missing("There is no such application."))?;
    context.engine().withdraw_consent(context.tenant(), session.user, app).await?;
    Ok(respond::see_other(&context.link(PATH)))
}
