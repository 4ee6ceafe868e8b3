//! My Account: the history of sign-ins and of ended sessions, with the reason and the responses of applications.

use askama::Template;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::session::SessionView;
use sojourn_model::{DeliveryState, EndReason, SessionState};

use crate::context::Context;
use crate::language::Text;
use crate::web::my_account::{Visitor, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::{filters, render, words};

/// Maximum number of ended sessions on the page.
const SHOWN: i64 = 25;

/// An active session in the history.
struct Present {
    browser: Text,
    ip: String,
    began: Text,
    this_one: bool,
    apps: Vec<String>,
}

/// An ended session in the history, with the applications that were notified.
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
    present: Vec<Present>,
    past: Vec<Past>,
}

async fn present(context: &Context, visitor: &Visitor) -> Result<Vec<Present>, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let living = engine.sessions_of_user(tenant, visitor.user.id).await?;
    let line = |view: SessionView| Present {
        browser: words::browser(&view.session.user_agent),
        ip: view.session.ip.clone(),
        began: words::moment(view.session.signed_in_at),
        this_one: view.session.id == visitor.session.id,
        apps: view.client_stays().map(|stay| stay.app.name.clone()).collect(),
    };
    Ok(living.into_iter().map(line).collect())
}

async fn past(context: &Context, visitor: &Visitor) -> Result<Vec<Past>, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let found = engine.reads(tenant.id).ledger_of_user(visitor.user.id, SHOWN).await?;
    let mut all = Vec::with_capacity(found.len());
    for session in found {
        let SessionState::Ended { at, reason, .. } = &session.state else { continue };
        let mut told = Vec::new();
        for delivery in engine.reads(tenant.id).deliveries_of_session(session.id).await? {
            let app = engine.application(tenant.id, delivery.app).await?;
            let in_browser = app.as_ref().is_some_and(|app| {
                let end = matches!(reason, EndReason::User | EndReason::RpLogout);
                end && app.settings.oidc.frontchannel_logout_uri.is_some()
            });
            let name = app.map(|app| app.name.clone()).unwrap_or_default();
            let said = match delivery.state {
                // Its front-channel frame was loaded, and frames report no result.
                DeliveryState::Unreachable if in_browser => "signed out in the browser",
                state => words::told(state),
            };
            told.push((name, delivery.state.as_str(), said));
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

/// Serves `GET /myaccount/history`: the active sessions and the latest ended sessions of the user.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = visitor(&context, "/myaccount/history", MY_ACCOUNT).await?;
    let (present, past) = (present(&context, &visitor).await?, past(&context, &visitor).await?);
    let frame = visitor.frame(&context, "history");
    Ok(render::page(&context, StatusCode::OK, &HistoryPage { frame, present, past }))
}
