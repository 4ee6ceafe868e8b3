//! My Account: what happened: sessions that ended, why, and which applications were told.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_model::SessionState;

use crate::context::Context;
use crate::language::Text;
use crate::web::my_account::{Visitor, visitor};
use crate::web::pages::Frame;
use crate::web::{errors, filters, render, words};

/// Ended sessions on the page.
const SHOWN: i64 = 25;

struct Past {
    browser: Text,
    ip: String,
    began: Text,
    ended: Text,
    why: Text,
    told: Vec<(String, &'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    past: Vec<Past>,
}

async fn past(context: &Context, visitor: &Visitor) -> Result<Vec<Past>, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let found = engine.store().ledger_of_user(tenant.id, visitor.user.id, SHOWN).await?;
    let mut all = Vec::with_capacity(found.len());
    for session in found {
        let SessionState::Ended { at, reason, .. } = &session.state else { continue };
        let mut told = Vec::new();
        for delivery in engine.store().deliveries_of_session(tenant.id, session.id).await? {
            let app = engine.application(tenant.id, delivery.app).await?;
            let name = app.map(|app| app.name.clone()).unwrap_or_default();
            told.push((name, delivery.state.as_str(), words::delivery(delivery.state)));
        }
        all.push(Past {
            browser: words::browser(&session.user_agent),
            ip: session.ip.clone(),
            began: words::moment(session.signed_in_at),
            ended: words::moment(*at),
            why: words::reason(reason),
            told,
        });
    }
    Ok(all)
}

/// The page.
pub(crate) async fn get(context: Context) -> Response {
    let visitor = match visitor(&context, "/myaccount/history", MY_ACCOUNT).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    match past(&context, &visitor).await {
        Ok(past) => {
            let frame = visitor.frame(&context, "history");
            render::page(&context, StatusCode::OK, &HistoryPage { frame, past })
        }
        Err(error) => errors::failure(&context, &error),
    }
}
