//! Runs the tasks of event handlers. Each handler has its own worker, so that one that hangs doesn't delay others.

use std::sync::Arc;
use std::time::Duration;

use sojourn_engine::{Engine, WebhookSender};
use tokio::task::JoinSet;

use super::{POLL_MAX, Stopped, is_over};
use crate::metrics::Metrics;
use crate::pause::pause;

/// Maximum number of concurrent tasks of one handler on one node.
const IN_FLIGHT_MAX: usize = 16;

/// Claims due tasks and runs them, those of the same subject one after another.
pub(super) async fn run(
    engine: Arc<Engine>,
    handler: String,
    sender: Arc<dyn WebhookSender>,
    metrics: Arc<Metrics>,
    mut stopped: Stopped,
) {
    let mut under_way: JoinSet<()> = JoinSet::new();
    if let Err(error) = engine.begin_tasks(&handler).await {
        tracing::error!(%error, "tasks of the last run wait for their leases to run out");
    }
    let mut written = engine.tasks_written();
    while !is_over(&stopped) {
        // Tasks that are written from here on are noticed below.
        written.mark_unchanged();
        let free = i64::try_from(IN_FLIGHT_MAX - under_way.len()).unwrap_or(0);
        let claimed = match engine.claim_tasks(&handler, free).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "tasks of handlers can't be claimed");
                Vec::new()
            }
        };
        let wait = if claimed.is_empty() { next_due(&engine, &handler).await } else { POLL_MAX };
        for task in claimed {
            let (engine, sender) = (Arc::clone(&engine), Arc::clone(&sender));
            let metrics = Arc::clone(&metrics);
            under_way.spawn(async move {
                match engine.do_task(&task, &*sender).await {
                    Ok(state) => metrics.task(state.as_str()),
                    Err(error) => {
                        metrics.task("failed");
                        tracing::error!(%error, handler = task.handler, "a task can't be settled");
                    }
                }
            });
        }
        let full = under_way.len() >= IN_FLIGHT_MAX;
        tokio::select! {
            // Tasks that waited for it may be due now.
            Some(_) = under_way.join_next() => {}
            _ = written.changed(), if !full => {}
            () = pause(wait), if !full => {}
            _ = stopped.changed() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn next_due(engine: &Engine, handler: &str) -> Duration {
    match engine.installation().next_task_due(handler, engine.now()).await {
        Ok(Some(due)) => {
            let ms = u64::try_from(due.since(engine.now())).unwrap_or(0);
            Duration::from_millis(ms.max(1)).min(POLL_MAX)
        }
        _ => POLL_MAX,
    }
}
