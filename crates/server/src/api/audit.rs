//! `/api/server/v1/audit`: who did what, newest first.

use axum::response::Response;
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::caller::caller;
use super::error;
use crate::context::Context;
use crate::{request, respond};

/// Rows, when nobody says how many.
const ROWS: i64 = 100;
/// Most rows of an answer.
const ROWS_MAX: i64 = 1_000;

/// `GET`: the newest rows.
pub(crate) async fn list(context: Context, uri: Uri) -> Response {
    if let Err(refused) = caller(&context, "internal_audit_view").await {
        return *refused;
    }
    let limit = match request::query(uri.query()) {
        Ok(params) => match params.get("limit").map(str::parse::<i64>) {
            None => ROWS,
            Some(Ok(limit)) if (1..=ROWS_MAX).contains(&limit) => limit,
            Some(_) => {
                let why = format!("limit is a number from 1 to {ROWS_MAX}");
                return error::invalid_search(&context, &why);
            }
        },
        Err(wrong) => return error::invalid_search(&context, &wrong.to_string()),
    };
    match context.engine().store().audit(context.tenant().id, limit).await {
        Ok(found) => {
            let rows: Vec<Value> = found
                .into_iter()
                .map(|row| {
                    let detail = serde_json::from_str(&row.detail).unwrap_or(Value::Null);
                    json!({
                        "at": super::json::moment(row.at), "actor": row.actor, "action": row.action,
                        "target": row.target, "detail": detail,
                    })
                })
                .collect();
            respond::json(StatusCode::OK, &json!({ "items": rows }))
        }
        Err(cause) => error::failure(&context, &cause.into()),
    }
}
