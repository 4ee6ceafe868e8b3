//! `/api/server/v1/audit`: the audit log, newest entries first.

use http::{StatusCode, Uri};
use serde_json::{Value, json};
use sojourn_engine::{AuditPlace, AuditQuestion, Right};
use sojourn_model::Actor;

use super::caller::caller;
use super::refusal::{Answer, Refusal};
use crate::context::Context;
use crate::{request, respond};

/// Default number of rows in a response.
const ROWS: usize = 100;
/// Maximum number of rows in a response.
const ROWS_MAX: usize = 1_000;

/// Parses the query: `actor` and `target` as the log writes them, `action` in full or its first word, `before` from
/// `next` of an earlier response.
fn asked(uri: &Uri) -> Result<(AuditQuestion, AuditPlace, usize), String> {
    let params = request::api_query(uri.query()).map_err(|wrong| wrong.to_string())?;
    let limit = match params.get("limit").map(str::parse::<usize>) {
        None => ROWS,
        Some(Ok(limit)) if (1..=ROWS_MAX).contains(&limit) => limit,
        Some(_) => return Err(format!("limit must be a number from 1 to {ROWS_MAX}")),
    };
    let actor = params.get("actor").map(str::parse::<Actor>).transpose().map_err(|_| {
        "actor must be 'system', 'operator', or 'user:' or 'application:' followed by an id"
            .to_owned()
    })?;
    let before = params.get("before").map(str::parse::<AuditPlace>).transpose();
    let from =
        before.map_err(|_| "before must be the 'next' value of an earlier response".to_owned())?;
    let text = |name: &str| params.get(name).map(str::to_owned);
    let question = AuditQuestion { actor, action: text("action"), target: text("target") };
    Ok((question, from.unwrap_or(AuditPlace::NEWEST), limit))
}

/// `GET`: lists rows of the audit log, newest first.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    caller(&context, Right::AuditView).await?;
    let (question, from, limit) = match asked(&uri) {
        Ok(asked) => asked,
        Err(why) => return Err(Refusal::InvalidSearch(why)),
    };
    let page = context.engine().audit(context.tenant(), &question, from, limit).await?;
    let rows: Vec<Value> = page
        .rows
        .into_iter()
        .map(|row| {
            let detail = serde_json::from_str(&row.detail).unwrap_or(Value::Null);
            json!({
                "at": super::json::moment(row.at), "actor": row.actor, "action": row.action,
                "target": row.target, "detail": detail,
            })
        })
        .collect();
    Ok(respond::json(
        StatusCode::OK,
        &json!({ "items": rows, "next": page.next.map(|next| next.to_string()) }),
    ))
}
