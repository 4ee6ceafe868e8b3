//! The audit log.

use axum::response::Response;
use http::StatusCode;

use super::{AUDIT, administrator};
use crate::context::Context;
use crate::language::Text;
use crate::web::pages::ConsoleAudit;
use crate::web::{errors, render, words};

const SHOWN: i64 = 100;

/// The newest rows.
pub(crate) async fn list(context: Context) -> Response {
    let visitor = match administrator(&context, "/console/audit", AUDIT).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let found = match context.engine().store().audit(context.tenant().id, SHOWN).await {
        Ok(found) => found,
        Err(error) => return errors::failure(&context, &error.into()),
    };
    let rows = found
        .into_iter()
        .map(|row| {
            let texts = [row.actor, row.action, row.target, row.detail].map(Text::Plain);
            let [actor, action, target, detail] = texts;
            [words::moment(row.at), actor, action, target, detail]
        })
        .collect();
    let frame = visitor.frame(&context, "audit");
    render::page(&context, StatusCode::OK, &ConsoleAudit { frame, rows })
}
