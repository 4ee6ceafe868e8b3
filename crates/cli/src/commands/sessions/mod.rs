//! `sojourn sessions`: lists, watches and ends sessions.

mod deliveries;
mod end;
mod handlers;
mod list;
mod policies;
mod watch;

use crate::commands::is_json;
use std::io::IsTerminal as _;
use std::path::Path;

use clap::Subcommand;
use serde_json::Value;
use sojourn_engine::{Authority, Engine, Rights};
use sojourn_model::{Job, JobId, JobState, Tenant};

use super::{opened, table};
use crate::{Done, Failure, say};

/// Commands for sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List sessions, optionally by a filter such as 'username eq alex and state eq ended'
    List(list::ListArgs),
    /// Show a session with its applications, grants and deliveries
    Show {
        /// Id of the session
        session: String,
    },
    /// End sessions of users, a role, a group, a network, an application or a filter
    End(end::EndArgs),
    /// Show sign-ins and ended sessions as they happen
    Watch(watch::WatchArgs),
    /// List bulk sign-outs and other jobs with their progress
    Jobs {
        /// Id of a job; shows only this one
        job: Option<String>,
        /// Cancel the job; sessions that it has ended stay ended
        #[arg(long, requires = "job")]
        cancel: bool,
    },
    /// List notifications to applications; resend one or give one up
    Deliveries(deliveries::DeliveryArgs),
    /// List event handlers and their tasks; repeat or skip a task
    Handlers(handlers::HandlerArgs),
    /// Show or set a session policy of the tenant, an application, a role, a group or a user
    Policy(policies::PolicyArgs),
}

/// The installation that a command works on, with every right.
struct Work<'a> {
    engine: &'a Engine,
    tenant: &'a Tenant,
    rights: Rights,
}

pub(crate) async fn session(config_file: &Path, command: SessionCommand) -> Done {
    let opened = opened(config_file).await?;
    let work = Work {
        engine: &opened.engine,
        tenant: &opened.tenant,
        rights: Rights::of_scopes("internal_*"),
    };
    match command {
        SessionCommand::List(args) => list::list(&work, args).await?,
        SessionCommand::Show { session } => list::show(&work, &session).await?,
        SessionCommand::End(args) => end::end(&work, args).await?,
        SessionCommand::Watch(args) => watch::watch(&work, args).await?,
        SessionCommand::Jobs { job, cancel } => jobs(&work, job, cancel).await?,
        SessionCommand::Deliveries(args) => deliveries::deliveries(&work, args).await?,
        SessionCommand::Handlers(args) => handlers::handlers(&work, args).await?,
        SessionCommand::Policy(args) => policies::policy(&work, args).await?,
    }
    opened.engine.installation().close().await;
    Ok(())
}

/// Prints a JSON value with indentation.
fn say_json(value: &Value) {
    say(&serde_json::to_string_pretty(value).unwrap_or_default());
}

fn job_json(job: &Job) -> Value {
    serde_json::json!({
        "id": job.id.to_string(), "kind": job.kind.as_str(), "state": job.state.as_str(),
        "total": job.total, "done": job.done, "summary": job.ended, "error": job.error,
        "by": job.actor, "created_at": job.created_at.0,
        "finished_at": job.finished_at.map(|at| at.0),
    })
}

async fn jobs(work: &Work<'_>, job: Option<String>, cancel: bool) -> Done {
    let Work { engine, tenant, .. } = work;
    let found = match job {
        None => engine.reads(tenant.id).jobs(50).await?,
        Some(text) => {
            let id: JobId =
                text.parse().map_err(|_| Failure("a job's id has 32 hex digits".into()))?;
            if cancel {
                vec![engine.cancel_job(tenant, id, &Authority::operator()).await?]
            } else {
                let job = engine.reads(tenant.id).job(id).await?;
                vec![job.ok_or_else(|| Failure("there is no such job".into()))?]
            }
        }
    };
    if is_json() {
        say_json(&found.iter().map(job_json).collect());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|job| {
            let done = format!("{} of {}", job.done, job.total);
            vec![job.id.to_string(), job.kind.as_str().into(), job.state.as_str().into(), done]
        })
        .collect();
    table(&["JOB", "KIND", "STATE", "DONE"], &rows);
    Ok(())
}

/// Runs steps of jobs, alongside a running server, until this job is done, and shows its progress.
async fn bring_to_end(work: &Work<'_>, id: JobId) -> Result<Job, Failure> {
    let bar = std::io::stderr().is_terminal();
    loop {
        engine_step(work).await?;
        let job = work.engine.reads(work.tenant.id).job(id).await?;
        let job = job.ok_or_else(|| Failure("the job is gone".into()))?;
        if bar {
            progress(&job);
        }
        if job.state != JobState::Pending {
            return Ok(job);
        }
    }
}

async fn engine_step(work: &Work<'_>) -> Done {
    if !work.engine.run_job_step().await? {
        // The running server works on the job, or the job waits because of its rate limit.
        let moved = work.engine.job_moved();
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), moved).await;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a progress bar is no part of the answer")]
fn progress(job: &Job) {
    const WIDTH: i64 = 40;
    let share = (job.done.min(job.total) * WIDTH).checked_div(job.total).unwrap_or(WIDTH);
    let full = usize::try_from(share).unwrap_or(0);
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(WIDTH as usize - full));
    eprint!("\r{bar} {} of {}", job.done, job.total);
    if job.state != JobState::Pending {
        eprintln!();
    }
}
