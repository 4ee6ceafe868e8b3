//! Event handlers: their pending tasks, their log, and redoing or skipping tasks.

use axum::extract::Path;
use http::{StatusCode, Uri};
use serde::Serialize;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{HandlerTask, Subject, TaskState};
use utoipa::ToSchema;

use super::types::{ProblemJson, time};
use super::{Answer, Refusal, caller};
use crate::context::Context;
use crate::{request, respond};

/// Maximum number of tasks in a response.
const LIMIT: i64 = 100;

/// An event handler from the configuration, with its backlog.
#[derive(Serialize, ToSchema)]
pub(crate) struct HandlerJson {
    /// Id of the handler in the configuration.
    id: String,
    /// `sessionTermination` or `webhook`.
    kind: &'static str,
    /// Names of the events that it subscribes to.
    subscriptions: Vec<&'static str>,
    /// Number of tasks that are waiting or in progress.
    pending: i64,
    /// Number of tasks that failed too often. Later tasks of the same subject wait for them.
    parked: i64,
    /// Time of the oldest event that it hasn't processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    oldest: Option<String>,
}

/// All event handlers, with their backlogs.
#[derive(Serialize, ToSchema)]
pub(crate) struct HandlersJson {
    /// The handlers, in the order in which they are registered.
    items: Vec<HandlerJson>,
}

/// A task: the processing of one event by a handler.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskJson {
    /// Subject of the event: `user:<id>`, `role:<id>`, `group:<id>`, `application:<id>` or `tenant:<number>`.
    subject: String,
    /// Number of the event among those of its subject, from 1.
    number: i64,
    /// `pending`, `done`, `parked` (failed too often) or `skipped`.
    state: &'static str,
    /// Number of attempts so far.
    attempts: i64,
    /// Time at which the event happened.
    #[schema(format = DateTime)]
    happened_at: String,
    /// Time of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    last_attempt_at: Option<String>,
    /// HTTP status of the last response.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<i64>,
    /// Description of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl TaskJson {
    fn of(task: &HandlerTask) -> Self {
        Self {
            subject: task.subject.in_words(),
            number: task.n,
            state: task.state.as_str(),
            attempts: task.attempts,
            happened_at: time(task.created_at),
            last_attempt_at: task.last_attempt_at.map(time),
            last_status: task.last_status,
            last_error: task.last_error.clone(),
        }
    }
}

/// The log of a handler: its tasks, with state and attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct TasksJson {
    /// The tasks, latest events first, at most 100.
    items: Vec<TaskJson>,
}

/// Lists the event handlers and their backlogs.
#[utoipa::path(
    get, path = "/handlers", tag = "Handlers", operation_id = "listHandlers",
    responses(
        (status = 200, description = "The handlers", body = HandlersJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_event_handler_view"]), ("basic" = []))
)]
pub(crate) async fn list(context: Context) -> Answer {
    caller(&context, &[Right::EventHandlerView]).await?;
    let waiting = context.engine().handler_backlogs(context.tenant()).await?;
    let items = waiting
        .into_iter()
        .map(|(handler, backlog)| HandlerJson {
            id: handler.id.clone(),
            kind: handler.kind.name(),
            subscriptions: handler.subscriptions.iter().map(|event| event.as_str()).collect(),
            pending: backlog.pending,
            parked: backlog.parked,
            oldest: backlog.oldest.map(time),
        })
        .collect();
    Ok(respond::json(StatusCode::OK, &HandlersJson { items }))
}

/// Lists the tasks of a handler, latest events first, at most 100.
#[utoipa::path(
    get, path = "/handlers/{handler}/tasks", tag = "Handlers", operation_id = "listHandlerTasks",
    params(
        ("handler" = String, Path, description = "The handler's id"),
        ("state" = Option<String>, Query, description = "`parked`: only tasks that failed too often. Defaults to all tasks."),
    ),
    responses(
        (status = 200, description = "Its tasks", body = TasksJson),
        (status = 400, description = "A parameter is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The handler doesn't exist", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_event_handler_view"]), ("basic" = []))
)]
pub(crate) async fn tasks(context: Context, Path(handler): Path<String>, uri: Uri) -> Answer {
    caller(&context, &[Right::EventHandlerView]).await?;
    let params = request::api_query(uri.query())?;
    params.no_doubles()?;
    let parked = match params.get("state") {
        None => false,
        Some("parked") => true,
        Some(_) => return Err(Refusal::bad("state must be 'parked' or omitted")),
    };
    let found = context.engine().handler_tasks(context.tenant(), &handler, parked, LIMIT);
    let items = found.await?.iter().map(TaskJson::of).collect();
    Ok(respond::json(StatusCode::OK, &TasksJson { items }))
}

async fn settle(context: &Context, handler: &str, subject: &str, n: &str, redo: bool) -> Answer {
    let caller = caller(context, &[Right::EventHandlerManage]).await?;
    let unknown = || EngineError::NotFound("task");
    let subject = Subject::parse(subject).ok_or_else(unknown)?;
    let n = n.parse::<i64>().map_err(|_| unknown())?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let state = if redo { TaskState::Pending } else { TaskState::Skipped };
    engine.settle_handler_task(tenant, handler, (subject, n), state, &caller).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

/// Queues a task again that is parked, skipped or done.
#[utoipa::path(
    post, path = "/handlers/{handler}/tasks/{subject}/{number}/redo", tag = "Handlers", operation_id = "redoHandlerTask",
    params(
        ("handler" = String, Path, description = "The handler's id"),
        ("subject" = String, Path, description = "Subject of the event, as in the list of tasks"),
        ("number" = i64, Path, description = "The event's number"),
    ),
    responses(
        (status = 204, description = "The task is queued"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The task doesn't exist or is already queued", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_event_handler_manage"]), ("basic" = []))
)]
pub(crate) async fn redo(
    context: Context,
    Path((handler, subject, n)): Path<(String, String, String)>,
) -> Answer {
    settle(&context, &handler, &subject, &n, true).await
}

/// Skips a parked task, so that later tasks of the same subject continue.
#[utoipa::path(
    post, path = "/handlers/{handler}/tasks/{subject}/{number}/skip", tag = "Handlers", operation_id = "skipHandlerTask",
    params(
        ("handler" = String, Path, description = "The handler's id"),
        ("subject" = String, Path, description = "Subject of the event, as in the list of tasks"),
        ("number" = i64, Path, description = "The event's number"),
    ),
    responses(
        (status = 204, description = "The task is skipped, and later tasks continue"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "No such task is parked", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_event_handler_manage"]), ("basic" = []))
)]
pub(crate) async fn skip(
    context: Context,
    Path((handler, subject, n)): Path<(String, String, String)>,
) -> Answer {
    settle(&context, &handler, &subject, &n, false).await
}
