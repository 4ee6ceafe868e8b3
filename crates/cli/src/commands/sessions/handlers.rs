//! `sojourn sessions handlers`: lists event handlers and their tasks; repeats or skips tasks.

use crate::commands::is_json;
use clap::Args;
use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_model::{HandlerTask, Subject, TaskState};

use super::{Work, say_json, table};
use crate::{Done, Failure, say};

/// Which handler, and what to do with one of its tasks.
#[derive(Debug, Args)]
pub(crate) struct HandlerArgs {
    /// Id of the handler; lists its tasks [default: list all handlers]
    handler: Option<String>,
    /// List only parked tasks, which failed too often
    #[arg(long, requires = "handler")]
    parked: bool,
    /// Repeat a task, by its subject and number
    #[arg(long, num_args = 2, value_names = ["SUBJECT", "NUMBER"], requires = "handler")]
    redo: Option<Vec<String>>,
    /// Skip a parked task, by its subject and number
    #[arg(long, num_args = 2, value_names = ["SUBJECT", "NUMBER"], requires = "handler", conflicts_with = "redo")]
    skip: Option<Vec<String>>,
    /// Maximum number of tasks to list
    #[arg(long, default_value_t = 25)]
    limit: i64,
}

fn place(pair: &[String]) -> Result<(Subject, i64), Failure> {
    let wrong =
        || Failure("specify a task by its subject and number: see 'sessions handlers'".into());
    match pair {
        [subject, number] => {
            Ok((Subject::parse(subject).ok_or_else(wrong)?, number.parse().map_err(|_| wrong())?))
        }
        _ => Err(wrong()),
    }
}

pub(super) async fn handlers(work: &Work<'_>, args: HandlerArgs) -> Done {
    let Work { engine, tenant, .. } = work;
    let Some(handler) = &args.handler else { return all(work).await };
    for (pair, state, done) in [
        (&args.redo, TaskState::Pending, "The running server repeats it."),
        (&args.skip, TaskState::Skipped, "Let go."),
    ] {
        if let Some(pair) = pair {
            let task = place(pair)?;
            engine
                .settle_handler_task(tenant, handler, task, state, &Authority::operator())
                .await?;
            say(done);
            return Ok(());
        }
    }
    let tasks = engine.handler_tasks(tenant, handler, args.parked, args.limit).await?;
    if is_json() {
        let one = |task: &HandlerTask| {
            json!({ "subject": task.subject.in_words(), "number": task.n,
                "state": task.state.as_str(), "attempts": task.attempts,
                "last_status": task.last_status, "last_error": task.last_error })
        };
        say_json(&tasks.iter().map(one).collect::<Value>());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = tasks
        .iter()
        .map(|task| {
            vec![
                task.subject.in_words(),
                task.n.to_string(),
                task.state.as_str().to_owned(),
                task.attempts.to_string(),
                task.last_error.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table(&["SUBJECT", "NUMBER", "STATE", "ATTEMPTS", "WHY"], &rows);
    Ok(())
}

async fn all(work: &Work<'_>) -> Done {
    let found = work.engine.handler_backlogs(work.tenant).await?;
    if is_json() {
        let all = found.iter().map(|(handler, waiting)| {
            json!({ "id": handler.id, "kind": handler.kind.name(), "pending": waiting.pending,
                "parked": waiting.parked })
        });
        say_json(&all.collect::<Value>());
        return Ok(());
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(handler, waiting)| {
            vec![
                handler.id.clone(),
                handler.kind.name().to_owned(),
                waiting.pending.to_string(),
                waiting.parked.to_string(),
            ]
        })
        .collect();
    table(&["HANDLER", "KIND", "PENDING", "PARKED"], &rows);
    Ok(())
}
