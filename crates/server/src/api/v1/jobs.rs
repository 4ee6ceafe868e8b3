//! Bulk sign-outs that run as jobs: their progress, and cancelling them.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Path;
use axum::response::sse::Event;
use http::StatusCode;
use serde::Serialize;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Job, JobId, JobState};
use utoipa::ToSchema;

use super::streams::Place;
use super::types::{ProblemJson, SummaryJson, time};
use super::{Answer, Refusal, caller};
use crate::context::Context;
use crate::respond;

/// Maximum number of jobs in a list.
const SHOWN: i64 = 100;
/// How long a stream waits before it polls again: a job on another node progresses without a notification.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Work that runs in the background, such as a bulk sign-out or the removal of a role.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobJson {
    /// Id of the job, as in the path `/jobs/{job_id}`.
    pub(crate) id: String,
    /// `end_sessions`, `remove_role` or `erase_tenant`.
    kind: String,
    /// `pending`, `done`, `failed` or `cancelled`.
    state: String,
    /// Total units of work, as far as known at the start, such as sessions or members of a role.
    total: i64,
    /// Units of work that are done, out of `total`.
    done: i64,
    /// Counts of what the job has ended so far.
    summary: SummaryJson,
    /// Description of the last failure. A pending job tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Actor who started the job: `system`, `operator`, `user:<id>` or `application:<id>`.
    by: String,
    /// Time at which the job was enqueued.
    #[schema(format = DateTime)]
    created_at: String,
    /// Time at which the job was done, failed or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

impl JobJson {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.as_str().to_owned(),
            state: job.state.as_str().to_owned(),
            total: job.total,
            done: job.done,
            summary: job.ended.into(),
            error: job.error.clone(),
            by: job.actor.clone(),
            created_at: time(job.created_at),
            finished_at: job.finished_at.map(time),
        }
    }
}

/// The latest jobs of the tenant, at most 100.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobsJson {
    /// The jobs, latest first.
    items: Vec<JobJson>,
}

async fn job(context: &Context, id: &str) -> Result<Job, Refusal> {
    let gone = || EngineError::NotFound("job");
    let id = id.parse::<JobId>().map_err(|_| gone())?;
    let found = context.engine().reads(context.tenant().id).job(id).await;
    Ok(found.map_err(EngineError::from)?.ok_or_else(gone)?)
}

/// Lists the latest jobs, at most 100.
#[utoipa::path(
    get, path = "/jobs", tag = "Jobs", operation_id = "listJobs",
    responses(
        (status = 200, description = "The jobs", body = JobsJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn list(context: Context) -> Answer {
    caller(&context, &[Right::SessionView]).await?;
    let items = context
        .engine()
        .reads(context.tenant().id)
        .jobs(SHOWN)
        .await?
        .iter()
        .map(JobJson::of)
        .collect();
    Ok(respond::json(StatusCode::OK, &JobsJson { items }))
}

/// Returns a job and its progress.
#[utoipa::path(
    get, path = "/jobs/{job_id}", tag = "Jobs", operation_id = "getJob",
    params(("job_id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = JobJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "Not found", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    caller(&context, &[Right::SessionView]).await?;
    let job = job(&context, &id).await?;
    Ok(respond::json(StatusCode::OK, &JobJson::of(&job)))
}

/// Cancels a job.
///
/// What it has ended stays ended. If the job has already finished, it is returned unchanged.
#[utoipa::path(
    post, path = "/jobs/{job_id}/cancel", tag = "Jobs", operation_id = "cancelJob",
    params(("job_id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = JobJson),
        (status = 400, description = "The removal of a role can't be cancelled", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "Not found", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_delete"]), ("basic" = []))
)]
pub(crate) async fn cancel(context: Context, Path(id): Path<String>) -> Answer {
    let caller = caller(&context, &[Right::SessionDelete]).await?;
    let job = job(&context, &id).await?;
    let job = context.engine().cancel_job(context.tenant(), job.id, &caller).await?;
    Ok(respond::json(StatusCode::OK, &JobJson::of(&job)))
}

/// Streams a job's progress as server-sent events.
///
/// Each event is named `progress` and contains the job. The stream ends when the job has finished.
#[utoipa::path(
    get, path = "/jobs/{job_id}/events", tag = "Jobs", operation_id = "watchJob",
    params(("job_id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "Not found", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn events(context: Context, Path(id): Path<String>) -> Answer {
    let caller = caller(&context, &[Right::SessionView]).await?;
    let id = job(&context, &id).await?.id;
    let place = Place::take(&context, &caller, &[Right::SessionView])?;
    let begin = Watch { context, place, id, told: None };
    let stream = futures_util::stream::unfold(Some(begin), |watch| async move {
        let mut watch = watch?;
        let job = watch.next().await?;
        let data = serde_json::to_string(&JobJson::of(&job)).unwrap_or_default();
        let event = Event::default().event("progress").data(data);
        let goes_on = job.state == JobState::Pending;
        watch.told = Some(job);
        Some((Ok::<_, Infallible>(event), goes_on.then_some(watch)))
    });
    Ok(respond::events(stream))
}

struct Watch {
    context: Context,
    place: Place,
    id: JobId,
    told: Option<Job>,
}

impl Watch {
    /// Returns the job when it has progressed; `None` when it no longer exists, the caller is no longer authorized or
    /// the server shuts down.
    async fn next(&mut self) -> Option<Job> {
        loop {
            if !self.place.goes_on(&self.context).await {
                return None;
            }
            let engine = self.context.engine();
            let moved = engine.job_moved();
            let job = engine.reads(self.context.tenant().id).job(self.id).await.ok()??;
            if self.told.as_ref() != Some(&job) {
                return Some(job);
            }
            let mut stopped = self.context.state.stopped.clone();
            tokio::select! {
                // Whichever comes first: the job is read again.
                _ = tokio::time::timeout(LOOK_EVERY, moved) => {}
                _ = stopped.wait_for(|over| *over) => return None,
            }
        }
    }
}
