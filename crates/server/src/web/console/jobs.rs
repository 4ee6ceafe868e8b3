//! Bulk sign-outs and other jobs: their progress, and stopping them.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Job, JobId, JobKind, JobState};

use super::{administrator, form};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

/// A job in the list, with its progress.
struct JobLine {
    id: String,
    what: &'static str,
    state: &'static str,
    done: i64,
    total: i64,
    sessions: Text,
    by: Text,
    begun: Text,
    error: Text,
    pending: bool,
}

/// The page that lists the jobs.
#[derive(Template)]
#[template(path = "console/jobs.html")]
struct JobsPage {
    frame: Frame,
    jobs: Vec<JobLine>,
    may_end: bool,
}

/// Maximum number of jobs in the list.
const SHOWN: i64 = 50;

async fn line(context: &Context, job: &Job) -> Result<JobLine, EngineError> {
    Ok(JobLine {
        id: job.id.to_string(),
        what: match job.kind {
            JobKind::EndSessions => "End sessions",
            JobKind::RemoveRole => "Remove a role from its members",
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

/// Serves `GET /console/jobs`: the newest jobs.
pub(crate) async fn list(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/jobs", Right::SessionView).await?;
    let found = context.engine().reads(context.tenant().id).jobs(SHOWN).await?;
    let mut jobs = Vec::with_capacity(found.len());
    for job in &found {
        jobs.push(line(&context, job).await?);
    }
    let frame = visitor.frame(&context, "jobs");
    let busy = jobs.iter().any(|job| job.pending);
    let may_end = visitor.by.may(Right::SessionDelete);
    let response = render::page(&context, StatusCode::OK, &JobsPage { frame, jobs, may_end });
    // While a job is pending, the page reloads itself every two seconds.
    if busy { Ok(respond::with(response, http::header::REFRESH, "2")) } else { Ok(response) }
}

/// Serves `POST /console/jobs/{job_id}/cancel`: stops a job.
pub(crate) async fn cancel(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, _) = form(&context, &body, "/console/jobs", Right::SessionDelete).await?;
    let id = id.parse::<JobId>().map_err(|_| Refusal::missing("There is no such job."))?;
    context.engine().cancel_job(context.tenant(), id, &visitor.by).await?;
    Ok(respond::see_other(&context.link("/console/jobs")))
}
