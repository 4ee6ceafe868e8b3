//! What applications were told, and what came of it.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_model::{Actor, Delivery, DeliveryState, SessionId, Sid};

use super::{END, VIEW, administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::respond;
use crate::web::pages::{ConsoleDeliveries, DeliveryLine};
use crate::web::{errors, render, words};

const SHOWN: i64 = 100;

/// A delivery as lists show it.
pub(super) async fn line(
    context: &Context,
    delivery: &Delivery,
) -> Result<DeliveryLine, EngineError> {
    let app = context.engine().application(delivery.tenant, delivery.app).await?;
    let last = match (delivery.last_status, &delivery.last_error) {
        (Some(status), _) => say("answered {0}", [plain(status.to_string())]),
        (None, Some(error)) => Text::Message(error.clone()),
        (None, None) => Text::default(),
    };
    Ok(DeliveryLine {
        sid: delivery.sid.to_string(),
        app: app.map(|app| app.name.clone()).unwrap_or_default(),
        session: delivery.session.to_string(),
        state: delivery.state.as_str(),
        words: words::delivery(delivery.state),
        attempts: delivery.attempts,
        created: words::moment(delivery.created_at),
        last,
        jti: delivery.last_jti.clone().unwrap_or_default(),
        resend: matches!(delivery.state, DeliveryState::Dead | DeliveryState::Refused),
    })
}

/// The newest.
pub(crate) async fn list(context: Context) -> Response {
    let visitor = match administrator(&context, "/console/deliveries", VIEW).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let found = match context.engine().store().deliveries(context.tenant().id, SHOWN).await {
        Ok(found) => found,
        Err(error) => return errors::failure(&context, &error.into()),
    };
    let mut deliveries = Vec::new();
    for delivery in &found {
        match line(&context, delivery).await {
            Ok(line) => deliveries.push(line),
            Err(error) => return errors::failure(&context, &error),
        }
    }
    let page = ConsoleDeliveries { frame: visitor.frame(&context, "deliveries"), deliveries };
    render::page(&context, StatusCode::OK, &page)
}

/// Tries one again.
pub(crate) async fn resend(
    context: Context,
    Path((session, sid)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let (visitor, _) = match form(&context, &body, "/console/deliveries", END).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let (Ok(session), Ok(sid)) = (session.parse::<SessionId>(), sid.parse::<Sid>()) else {
        return errors::missing(&context, "There is no such delivery.");
    };
    let actor = Actor::User(visitor.user.id);
    match context.engine().resend_delivery(context.tenant(), session, sid, &actor).await {
        Ok(()) => respond::see_other(&context.link("/console/deliveries")),
        Err(error) => errors::failure(&context, &error),
    }
}
