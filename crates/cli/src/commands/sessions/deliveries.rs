//! `sojourn sessions deliveries`: lists logout notifications to applications, resends them or gives them up.

use crate::commands::is_json;
use clap::Args;
use serde_json::json;
use sojourn_engine::session::Place;
use sojourn_engine::{Authority, DeliveryQuery};
use sojourn_model::{DeliveryState, SessionId, Sid};

use super::{Work, say_json, table};
use crate::{Done, Failure, say};

/// Which deliveries to list, or what to do with one.
#[derive(Debug, Args)]
pub(crate) struct DeliveryArgs {
    /// List only deliveries in a state: pending, delivered, refused, dead or unreachable
    #[arg(long)]
    state: Option<String>,
    /// List only deliveries to an application, by its client_id
    #[arg(long)]
    application: Option<String>,
    /// Resend a delivery that was refused or given up, by its session and sid
    #[arg(long, num_args = 2, value_names = ["SESSION", "SID"])]
    resend: Option<Vec<String>>,
    /// Give up a pending delivery, by its session and sid
    #[arg(long, num_args = 2, value_names = ["SESSION", "SID"], conflicts_with = "resend")]
    give_up: Option<Vec<String>>,
    /// Maximum number of deliveries to list
    #[arg(long, default_value_t = 25)]
    limit: i64,
}

fn names(pair: &[String]) -> Result<(SessionId, Sid), Failure> {
    let wrong =
        || Failure("specify a delivery by its session and sid: see 'sessions deliveries'".into());
    match pair {
        [session, sid] => {
            Ok((session.parse().map_err(|_| wrong())?, sid.parse().map_err(|_| wrong())?))
        }
        _ => Err(wrong()),
    }
}

pub(super) async fn deliveries(work: &Work<'_>, args: DeliveryArgs) -> Done {
    let Work { engine, tenant, rights } = work;
    if let Some(pair) = &args.resend {
        let (session, sid) = names(pair)?;
        engine.resend_delivery(tenant, session, sid, &Authority::operator()).await?;
        say("The running server resends it.");
        return Ok(());
    }
    if let Some(pair) = &args.give_up {
        let (session, sid) = names(pair)?;
        engine.give_up_delivery(tenant, session, sid, &Authority::operator()).await?;
        say("Given up.");
        return Ok(());
    }
    let state = match &args.state {
        None => None,
        Some(text) => Some(DeliveryState::parse(text).ok_or_else(|| {
            Failure("the state must be pending, delivered, refused, dead or unreachable".into())
        })?),
    };
    let app = match &args.application {
        None => None,
        Some(client_id) => {
            let app = engine.application_by_client(tenant.id, client_id).await?;
            Some(app.ok_or_else(|| Failure(format!("there is no application {client_id}")))?.id)
        }
    };
    let query = DeliveryQuery { state, app, before: Place::LAST, limit: args.limit, rights };
    let (found, _) = engine.search_deliveries(tenant, &query).await?;
    if is_json() {
        let all = found.iter().map(|one| {
            json!({ "session": one.session.to_string(), "sid": one.sid.to_string(),
                "application": one.app.to_string(), "state": one.state.as_str(),
                "attempts": one.attempts, "last_status": one.last_status,
                "last_error": one.last_error })
        });
        say_json(&all.collect());
        return Ok(());
    }
    let mut rows = Vec::new();
    for one in &found {
        let app = engine.application(tenant.id, one.app).await?;
        rows.push(vec![
            one.session.to_string(),
            one.sid.to_string(),
            app.map(|app| app.name.clone()).unwrap_or_default(),
            one.state.as_str().to_owned(),
            one.attempts.to_string(),
        ]);
    }
    table(&["SESSION", "SID", "APPLICATION", "STATE", "ATTEMPTS"], &rows);
    Ok(())
}
