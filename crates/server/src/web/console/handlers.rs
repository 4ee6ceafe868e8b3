//! Event handlers: their pending and completed tasks, and running a task again.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use sojourn_engine::{EngineError, Right};
use sojourn_model::{HandlerTask, Subject, TaskState};

use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// An event handler in the list, with its backlog.
struct HandlerLine {
    id: String,
    kind: &'static str,
    events: Vec<&'static str>,
    pending: i64,
    parked: i64,
    lag: Text,
}

/// The page that lists the event handlers.
#[derive(Template)]
#[template(path = "console/handlers.html")]
struct HandlersPage {
    frame: Frame,
    handlers: Vec<HandlerLine>,
}

/// A task of a handler: what it has done or has to do about an event.
struct TaskLine {
    event: String,
    subject: String,
    number: i64,
    state: &'static str,
    attempts: i64,
    happened: Text,
    outcome: Text,
    may_redo: bool,
    may_skip: bool,
}

/// The page with the tasks of one event handler.
#[derive(Template)]
#[template(path = "console/handler.html")]
struct HandlerPage {
    frame: Frame,
    id: String,
    parked: bool,
    tasks: Vec<TaskLine>,
    may_manage: bool,
}

/// Maximum number of tasks on a page.
const SHOWN: i64 = 100;

/// Serves `GET /console/handlers`: all registered event handlers.
pub(crate) async fn list(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/handlers", Right::EventHandlerView).await?;
    let found = context.engine().handler_backlogs(context.tenant()).await?;
    let now = context.engine().now();
    let handlers = found
        .into_iter()
        .map(|(handler, backlog)| HandlerLine {
            id: handler.id.clone(),
            kind: handler.kind.name(),
            events: handler.subscriptions.iter().map(|event| event.as_str()).collect(),
            pending: backlog.pending,
            parked: backlog.parked,
            lag: backlog.oldest.map(|at| words::ago(at, now)).unwrap_or_default(),
        })
        .collect();
    let frame = visitor.frame(&context, "handlers");
    Ok(render::page(&context, StatusCode::OK, &HandlersPage { frame, handlers }))
}

async fn line(context: &Context, task: &HandlerTask) -> TaskLine {
    let store = context.engine().reads(task.tenant);
    let event = store.event(task.subject, task.n).await.ok().flatten();
    let outcome = match (task.last_status, &task.last_error) {
        (_, Some(error)) => Text::Message(error.clone()),
        (Some(status), None) => say("answered {0}", [plain(status.to_string())]),
        (None, None) => Text::default(),
    };
    TaskLine {
        event: event.map(|event| event.name).unwrap_or_default(),
        subject: task.subject.in_words(),
        number: task.n,
        state: task.state.as_str(),
        attempts: task.attempts,
        happened: words::moment(task.created_at),
        outcome,
        may_redo: task.state != TaskState::Pending,
        may_skip: task.state == TaskState::Parked,
    }
}

/// Serves `GET /console/handlers/{handler}`: the tasks of one event handler, or only the parked ones (`state=parked`).
pub(crate) async fn one(context: Context, Path(id): Path<String>, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/handlers", Right::EventHandlerView).await?;
    let params = request::query(uri.query())?;
    let parked = params.get("state") == Some("parked");
    let found = context.engine().handler_tasks(context.tenant(), &id, parked, SHOWN).await?;
    let mut tasks = Vec::with_capacity(found.len());
    for task in &found {
        tasks.push(line(&context, task).await);
    }
    let mut frame = visitor.frame(&context, "handlers");
    frame.notice = match params.get("done") {
        Some("redo") => Some("The task runs again in a moment.".into()),
        Some("skip") => Some("The task is skipped; the next ones run in a moment.".into()),
        _ => None,
    };
    let may_manage = visitor.by.may(Right::EventHandlerManage);
    Ok(render::page(
        &context,
        StatusCode::OK,
        &HandlerPage { frame, id, parked, tasks, may_manage },
    ))
}

/// Serves `POST /console/handlers/{handler}`: runs a task again (`act=redo`) or skips a parked one (`act=skip`).
pub(crate) async fn settle(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, params) =
        form(&context, &body, "/console/handlers", Right::EventHandlerManage).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let task = Subject::parse(text("subject")).zip(text("number").parse::<i64>().ok());
    let state = match text("act") {
        "redo" => TaskState::Pending,
        "skip" => TaskState::Skipped,
        _ => return Err(Refusal::missing("There is no such act.")),
    };
    let task = task.ok_or_else(|| Refusal::missing("There is no such task."))?;
    let done =
        context.engine().settle_handler_task(context.tenant(), &id, task, state, &visitor.by);
    match done.await {
        Ok(()) => {
            let path = format!("/console/handlers/{id}?done={}", text("act"));
            Ok(respond::see_other(&context.link(&path)))
        }
        Err(EngineError::NotFound(_)) => {
            Err(Refusal::missing("The task is already waiting, or no longer exists."))
        }
        Err(error) => Err(error.into()),
    }
}
