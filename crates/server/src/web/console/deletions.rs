//! Requests of users to delete their accounts: approving and declining them.

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, Uri};
use sojourn_engine::{EngineError, Right};

use super::{administrator, form, user};
use crate::context::Context;
use crate::language::{Text, say};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

const PATH: &str = "/console/deletions";

struct DeletionLine {
    id: String,
    name: String,
    asked: Text,
    due: Text,
}

#[derive(Template)]
#[template(path = "console/deletions.html")]
struct DeletionsPage {
    frame: Frame,
    deletions: Vec<DeletionLine>,
}

/// Serves `GET /console/deletions`: the pending requests.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, PATH, Right::UserDelete).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let found = engine.asked_deletions(tenant, &visitor.by).await?;
    let now = engine.now();
    let mut deletions = Vec::with_capacity(found.len());
    for one in found {
        let name = match engine.reads(tenant.id).user(one.user).await? {
            Some(user) => user.username,
            None => continue,
        };
        deletions.push(DeletionLine {
            id: one.user.to_string(),
            name,
            asked: words::ago(one.at, now),
            due: match one.due {
                Some(due) => say("automatically on {0}", [words::moment(due)]),
                None => "when you approve".into(),
            },
        });
    }
    let mut frame = visitor.frame(&context, "deletions");
    let params = request::query(uri.query()).ok();
    frame.notice = match params.as_ref().and_then(|params| params.get("done")) {
        Some("agree") => Some("The account is deleted.".into()),
        Some("decline") => Some("The account stays.".into()),
        _ => None,
    };
    Ok(render::page(&context, StatusCode::OK, &DeletionsPage { frame, deletions }))
}

/// Serves `POST /console/deletions`: approves a request (`act=agree`) or declines it (`act=decline`).
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, PATH, Right::UserDelete).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let user = user(&context, &visitor, text("user")).await?;
    let (engine, tenant, by) = (context.engine(), context.tenant(), &visitor.by);
    let done = match text("act") {
        "agree" => engine.agree_to_deletion(tenant, &user, by).await.map(|()| "agree"),
        "decline" => engine.decline_deletion(tenant, &user, by).await.map(|()| "decline"),
        _ => return Err(Refusal::missing("There is no such act.")),
    };
    match done {
        Ok(done) => Ok(respond::see_other(&context.link(&format!("{PATH}?done={done}")))),
        Err(EngineError::NotFound(_)) => {
            Err(Refusal::missing("The deletion was cancelled, or the account no longer exists."))
        }
        Err(error) => Err(error.into()),
    }
}
