//! What runs beside requests: deliveries, expiry, jobs, cleaning. Each ends when it is told to, after
//! what it has begun.

use std::sync::Arc;
use std::time::Duration;

use sojourn_engine::{DeliverySender, Engine};
use sojourn_model::Delivery;
use sojourn_model::change::SettleDelivery;
use sojourn_model::limits::DELIVERIES_IN_FLIGHT_MAX;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::AppState;
use crate::metrics::Metrics;
use crate::serve::pause;

/// How long a worker waits at most before it looks for work of other nodes.
const POLL_MAX: Duration = Duration::from_secs(2);
/// How long what came of an attempt waits for others to be written with.
const SETTLE_WITHIN: Duration = Duration::from_millis(10);
/// How often what is over is removed.
const PURGE_EVERY: Duration = Duration::from_secs(60);

type Stopped = watch::Receiver<bool>;

pub(crate) fn spawn(
    tasks: &mut JoinSet<()>,
    state: &AppState,
    sender: Arc<dyn DeliverySender>,
    sweep_ms: u64,
    stopped: &Stopped,
) {
    let engine = || Arc::clone(&state.engine);
    tasks.spawn(deliver(engine(), sender, Arc::clone(&state.metrics), stopped.clone()));
    tasks.spawn(sweep(engine(), Duration::from_millis(sweep_ms), stopped.clone()));
    tasks.spawn(jobs(engine(), stopped.clone()));
    tasks.spawn(purge(engine(), stopped.clone()));
}

fn is_over(stopped: &Stopped) -> bool {
    *stopped.borrow()
}

type Attempts = JoinSet<Option<SettleDelivery>>;

/// Claims deliveries that are due and attempts them, a bounded number at once. What came of attempts is
/// written with the next claim, or a moment later: a commit for each would cost more than the attempt.
async fn deliver(
    engine: Arc<Engine>,
    sender: Arc<dyn DeliverySender>,
    metrics: Arc<Metrics>,
    mut stopped: Stopped,
) {
    let places = Arc::new(Semaphore::new(DELIVERIES_IN_FLIGHT_MAX));
    let mut attempts = Attempts::new();
    let mut settled = Vec::new();
    while !is_over(&stopped) {
        while let Some(done) = attempts.try_join_next() {
            settled.extend(done.ok().flatten());
        }
        let claimed = match engine.claim_deliveries(std::mem::take(&mut settled)).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "deliveries can't be claimed");
                Vec::new()
            }
        };
        if claimed.is_empty() {
            wait(&engine, &mut attempts, &mut settled, &mut stopped).await;
            continue;
        }
        for delivery in claimed {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let engine = Arc::clone(&engine);
            let sender = Arc::clone(&sender);
            let metrics = Arc::clone(&metrics);
            attempts.spawn(async move {
                let settled = attempt(&engine, &delivery, &*sender, &metrics).await;
                drop(place);
                settled
            });
        }
    }
    while let Some(done) = attempts.join_next().await {
        settled.extend(done.ok().flatten());
    }
    if let Err(error) = engine.settle_deliveries(settled).await {
        tracing::error!(%error, "the last attempts were not written; they are repeated");
    }
}

async fn attempt(
    engine: &Engine,
    delivery: &Delivery,
    sender: &dyn DeliverySender,
    metrics: &Metrics,
) -> Option<SettleDelivery> {
    match engine.attempt_delivery(delivery, sender).await {
        Ok(settled) => {
            metrics.delivery(settled.state.as_str());
            Some(settled)
        }
        Err(error) => {
            metrics.delivery("failed");
            tracing::error!(%error, delivery.sid = %delivery.sid, "attempt failed");
            None
        }
    }
}

/// Waits for new deliveries, for one that falls due, or for attempts that are done and then a moment more.
async fn wait(
    engine: &Engine,
    attempts: &mut Attempts,
    settled: &mut Vec<SettleDelivery>,
    stopped: &mut Stopped,
) {
    let mut longest = next_due(engine).await;
    loop {
        tokio::select! {
            () = engine.deliveries_to_do() => return,
            () = pause(longest) => return,
            Some(done) = attempts.join_next() => {
                settled.extend(done.ok().flatten());
                longest = longest.min(SETTLE_WITHIN);
            }
            _ = stopped.changed() => return,
        }
    }
}

async fn next_due(engine: &Engine) -> Duration {
    match engine.store().next_delivery_due().await {
        Ok(Some(due)) => {
            let ms = u64::try_from(due.since(engine.now())).unwrap_or(0);
            Duration::from_millis(ms.max(1)).min(POLL_MAX)
        }
        _ => POLL_MAX,
    }
}

/// Writes last accesses and ends sessions whose time is over.
async fn sweep(engine: Arc<Engine>, every: Duration, mut stopped: Stopped) {
    while !is_over(&stopped) {
        let full = match engine.sweep().await {
            Ok(found) => found >= usize::try_from(sojourn_model::limits::SWEEP_BATCH).unwrap_or(1),
            Err(error) => {
                tracing::error!(%error, "expired sessions can't be ended");
                false
            }
        };
        if !full {
            tokio::select! {
                () = pause(every) => {}
                _ = stopped.changed() => {}
            }
        }
    }
}

/// Does the steps of durable jobs.
async fn jobs(engine: Arc<Engine>, mut stopped: Stopped) {
    while !is_over(&stopped) {
        match engine.run_job_step().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "a job can't go on"),
        }
        tokio::select! {
            () = engine.jobs_to_do() => {}
            () = pause(POLL_MAX) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Removes what is over, some rows at a time.
async fn purge(engine: Arc<Engine>, mut stopped: Stopped) {
    loop {
        tokio::select! {
            () = pause(PURGE_EVERY) => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = engine.purge().await {
            tracing::error!(%error, "what is over can't be removed");
        }
    }
}
