//! Large ends and other jobs: how far they are, and stopping them.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Job, JobId, JobKind, JobState};

use super::{administrator, form};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::pages::{ConsoleJobs, JobLine};
use crate::web::{errors, render, words};

/// Jobs in the list.
const SHOWN: i64 = 50;

async fn line(context: &Context, job: &Job) -> Result<JobLine, EngineError> {
    Ok(JobLine {
        id: job.id.to_string(),
        what: match job.kind {
            JobKind::EndSessions => "End sessions",
            JobKind::RemoveRole => "Take a role from its members",
            JobKind::EraseTenant => "Remove a tenant",
        },
        state: job.state.as_str(),
        done: job.done,
        total: job.total.max(job.done),
        sessions: words::count(job.ended.sessions, words::Noun::Session),
        by: super::actor(context, &job.actor).await?,
        begun: words::moment(job.created_at),
        error: Text::Message(job.error.clone().unwrap_or_default()),
        pending: job.state == JobState::Pending,
    })
}

/// The newest.
pub(crate) async fn list(context: Context) -> Response {
    let visitor = match administrator(&context, "/console/jobs", Right::SessionView).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let found = match context.engine().reads().jobs(context.tenant().id, SHOWN).await {
        Ok(found) => found,
        Err(error) => return errors::failure(&context, &error.into()),
    };
    let mut jobs = Vec::with_capacity(found.len());
    for job in &found {
        match line(&context, job).await {
            Ok(line) => jobs.push(line),
            Err(error) => return errors::failure(&context, &error),
        }
    }
    let frame = visitor.frame(&context, "jobs");
    let busy = jobs.iter().any(|job| job.pending);
    let may_end = visitor.by.may(Right::SessionDelete);
    let response = render::page(&context, StatusCode::OK, &ConsoleJobs { frame, jobs, may_end });
    // While one is at work, the page looks again by itself.
    if busy { respond::with(response, http::header::REFRESH, "2") } else { response }
}

/// Stops one.
pub(crate) async fn cancel(context: Context, Path(id): Path<String>, body: Bytes) -> Response {
    let (visitor, _) = match form(&context, &body, "/console/jobs", Right::SessionDelete).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let Ok(id) = id.parse::<JobId>() else {
        return errors::missing(&context, "There is no such job.");
    };
    match context.engine().cancel_job(context.tenant(), id, &visitor.by).await {
        Ok(_) => respond::see_other(&context.link("/console/jobs")),
        Err(error) => errors::failure(&context, &error),
    }
}
