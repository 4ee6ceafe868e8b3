//! `GET /api/users/v1/sessions`: the tenant's newest sessions.

use axum::response::Response;
use http::{StatusCode, Uri};
use sojourn_engine::EngineError;

use super::caller::caller;
use super::{error, json};
use crate::context::Context;
use crate::{request, respond};

/// WSO2's default.
const LIMIT: i64 = 20;

/// Lists them. Sessions of people with more rights than the caller's are left out.
pub(crate) async fn list(context: Context, uri: Uri) -> Response {
    let caller = match caller(&context, "internal_session_view").await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let params = match request::query(uri.query()) {
        Ok(params) => params,
        Err(wrong) => return error::failure(&context, &EngineError::Invalid(wrong.to_string())),
    };
    let paging = ["limit", "offset", "since", "until"];
    if let Some(refused) = error::unsupported_list_parameter(&context, &params, &paging) {
        return refused;
    }
    let found = match context.engine().newest_sessions(context.tenant(), LIMIT).await {
        Ok(found) => found,
        Err(cause) => return error::failure(&context, &cause),
    };
    let mut resources = Vec::new();
    for (user, view) in found {
        match context.engine().must_cover(context.tenant(), &caller.rights, user.id).await {
            Ok(()) => resources.extend(json::session(&user, &view)),
            Err(EngineError::Forbidden) => {}
            Err(cause) => return error::failure(&context, &cause),
        }
    }
    respond::json(StatusCode::OK, &json::SearchJson { resources })
}
