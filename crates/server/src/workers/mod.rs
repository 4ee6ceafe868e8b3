//! Background work: deliveries, expiry, jobs, cleanup. Each worker stops when the server shuts down, after it has
//! finished what it has begun.

mod background;
mod handlers;

use std::sync::Arc;
use std::time::Duration;

use sojourn_engine::{DeliverySender, Engine, EngineError, Mailer, WebhookSender};
use sojourn_model::Delivery;
use sojourn_model::limits::DELIVERIES_IN_FLIGHT_MAX;
use sojourn_model::operation::SettleDelivery;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::AppState;
use crate::metrics::Metrics;
use crate::outgoing::Outgoing;
use crate::pause::{PACE, pause};

/// Maximum time that a worker waits before it looks for work of other nodes.
const POLL_MAX: Duration = Duration::from_secs(2);
/// How long the outcome of an attempt waits for others, to be written with them.
const SETTLE_WITHIN: Duration = Duration::from_millis(10);
/// How long due deliveries wait for the next claim while this node runs a job.
const BREATH: Duration = Duration::from_secs(1);
/// How often to look for tables without statistics.
const STATISTICS_EVERY: Duration = Duration::from_secs(10);
/// How often expired data is removed.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// A clock that gains or loses more than this between two checks has jumped, in milliseconds.
const JUMP_MS: i64 = 60_000;
/// How long nothing is removed after the clock has jumped, because it isn't trusted.
const JUMP_WAIT: Duration = Duration::from_secs(3_600);
/// How long the cleanup pauses after a portion, as a multiple of the time that the portion took.
const PURGE_REST: u32 = 9;

type Stopped = watch::Receiver<bool>;

pub(crate) use background::Background;

pub(crate) fn spawn(
    tasks: &mut JoinSet<()>,
    background: &Background,
    state: &AppState,
    sender: Arc<Outgoing>,
    sweep_ms: u64,
    stopped: &Stopped,
) {
    let engine = || Arc::clone(&state.engine);
    for handler in state.engine.handlers_with_tasks() {
        let hooks = Arc::clone(&sender) as Arc<dyn WebhookSender>;
        let metrics = Arc::clone(&state.metrics);
        let run = handlers::run(engine(), handler, hooks, metrics, stopped.clone());
        background.spawn(tasks, run);
    }
    let metrics = Arc::clone(&state.metrics);
    background.spawn(tasks, deliver(engine(), sender, metrics, stopped.clone()));
    let every = Duration::from_millis(sweep_ms);
    background.spawn(tasks, sweep(engine(), every, stopped.clone()));
    background.spawn(tasks, jobs(engine(), Arc::clone(&state.metrics), stopped.clone()));
    background.spawn(tasks, purge(engine(), stopped.clone()));
    background.spawn(tasks, statistics(engine(), stopped.clone()));
    background.spawn(tasks, tend_saml(engine(), stopped.clone()));
}

/// Starts the worker that sends waiting mail.
pub(crate) fn spawn_mail(
    tasks: &mut JoinSet<()>,
    background: &Background,
    state: &AppState,
    mailer: Arc<dyn Mailer>,
    stopped: &Stopped,
) {
    background.spawn(tasks, mail(Arc::clone(&state.engine), mailer, stopped.clone()));
}

async fn mail(engine: Arc<Engine>, mailer: Arc<dyn Mailer>, mut stopped: Stopped) {
    while !is_over(&stopped) {
        match engine.send_mail(&*mailer).await {
            Ok(tried) if tried > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "mail can't be claimed"),
        }
        tokio::select! {
            () = engine.mail_to_send() => {}
            () = pause(POLL_MAX) => {}
            _ = stopped.changed() => {}
        }
    }
}

fn is_over(stopped: &Stopped) -> bool {
    *stopped.borrow()
}

/// Deliveries in progress, and the outcomes of finished ones.
struct Dispatcher {
    engine: Arc<Engine>,
    sender: Arc<dyn DeliverySender>,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
    attempts: JoinSet<Option<SettleDelivery>>,
    settled: Vec<SettleDelivery>,
    /// Earliest time of the next claim while this node runs a job.
    next_claim: Option<tokio::time::Instant>,
}

/// Attempts deliveries, a bounded number at a time: those that ends of this process hand over, and those that it claims
/// because they are due. Outcomes of attempts are written with the next claim, or a moment later: a commit for each
/// would cost more than the attempt.
async fn deliver(
    engine: Arc<Engine>,
    sender: Arc<dyn DeliverySender>,
    metrics: Arc<Metrics>,
    mut stopped: Stopped,
) {
    if let Err(error) = engine.begin_deliveries().await {
        tracing::error!(%error, "deliveries of the last run wait for their leases to run out");
    }
    let mut dispatcher = Dispatcher {
        engine: Arc::clone(&engine),
        sender,
        metrics,
        places: Arc::new(Semaphore::new(DELIVERIES_IN_FLIGHT_MAX)),
        attempts: JoinSet::new(),
        settled: Vec::new(),
        next_claim: None,
    };
    let mut wait = Duration::ZERO;
    while !is_over(&stopped) {
        let (handed, written) = engine.outbox().take();
        dispatcher.begin(handed).await;
        if written || wait.is_zero() {
            wait = dispatcher.step().await;
        }
        if !wait.is_zero() {
            wait = dispatcher.pause(wait, &mut stopped).await;
        }
    }
    engine.outbox().open(false);
    while let Some(done) = dispatcher.attempts.join_next().await {
        dispatcher.settled.extend(done.ok().flatten());
    }
    if let Err(error) = engine.settle_deliveries(dispatcher.settled).await {
        tracing::error!(%error, "the last attempts were not written; they are repeated");
    }
}

impl Dispatcher {
    async fn begin(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { break };
            let engine = Arc::clone(&self.engine);
            let sender = Arc::clone(&self.sender);
            let metrics = Arc::clone(&self.metrics);
            self.attempts.spawn(async move {
                let settled = attempt(&engine, &delivery, &*sender, &metrics).await;
                drop(place);
                settled
            });
        }
    }

    /// Claims due deliveries, and returns the time until the next step. While this node runs a job, it claims once in
    /// [`BREATH`] and otherwise only stores the outcomes of attempts: neither the commits of the job nor the end of an
    /// attempt is a reason to sign more.
    #[expect(clippy::disallowed_methods, reason = "how long it waits is no decision about data")]
    async fn step(&mut self) -> Duration {
        let now = tokio::time::Instant::now();
        let rest = self.next_claim.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        if rest.is_zero() || !self.engine.is_at_job() {
            self.next_claim = Some(now + BREATH);
            return self.claim().await;
        }
        let settled = std::mem::take(&mut self.settled);
        if !settled.is_empty()
            && let Err(error) = self.engine.settle_deliveries(settled).await
        {
            tracing::error!(%error, "attempts were not stored; they are repeated");
        }
        rest
    }

    /// Writes outcomes of attempts, claims due deliveries, and returns the time until the next one is due: zero if
    /// there may be more.
    async fn claim(&mut self) -> Duration {
        let claimed = match self.engine.claim_deliveries(std::mem::take(&mut self.settled)).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "deliveries can't be claimed");
                return POLL_MAX;
            }
        };
        if !claimed.is_empty() {
            self.begin(claimed).await;
            return Duration::ZERO;
        }
        next_due(&self.engine).await
    }

    /// Waits at most `longest`: for deliveries to claim, or for attempts that are done and then a moment more. Returns
    /// the remaining time.
    #[expect(clippy::disallowed_methods, reason = "how long it waits is no decision about data")]
    async fn pause(&mut self, longest: Duration, stopped: &mut Stopped) -> Duration {
        let mut until = tokio::time::Instant::now() + longest;
        loop {
            tokio::select! {
                () = self.engine.outbox().filled() => {
                    return until.saturating_duration_since(tokio::time::Instant::now());
                }
                () = tokio::time::sleep_until(until) => return Duration::ZERO,
                Some(done) = self.attempts.join_next() => {
                    self.settled.extend(done.ok().flatten());
                    until = until.min(tokio::time::Instant::now() + SETTLE_WITHIN);
                }
                _ = stopped.changed() => return longest,
            }
        }
    }
}

async fn attempt(
    engine: &Engine,
    delivery: &Delivery,
    sender: &dyn DeliverySender,
    metrics: &Metrics,
) -> Option<SettleDelivery> {
    match engine.attempt_delivery(delivery, sender).await {
        Ok(Some(settled)) => {
            let put_off = !settled.attempted;
            metrics.delivery(if put_off { "put_off" } else { settled.state.as_str() });
            Some(settled)
        }
        // Its lease has nearly expired: the next worker that claims it attempts it.
        Ok(None) => None,
        Err(error) => {
            metrics.delivery("failed");
            tracing::error!(%error, delivery.sid = %delivery.sid, "attempt failed");
            None
        }
    }
}

async fn next_due(engine: &Engine) -> Duration {
    match engine.installation().next_delivery_due().await {
        Ok(Some(due)) => {
            let ms = u64::try_from(due.since(engine.now())).unwrap_or(0);
            Duration::from_millis(ms.max(1)).min(POLL_MAX)
        }
        _ => POLL_MAX,
    }
}

/// Writes last accesses and ends expired sessions.
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

/// Runs the steps of durable jobs.
async fn jobs(engine: Arc<Engine>, metrics: Arc<Metrics>, mut stopped: Stopped) {
    if let Err(error) = engine.begin_jobs().await {
        tracing::error!(%error, "jobs of the last run wait for their leases to run out");
    }
    while !is_over(&stopped) {
        match engine.run_job_step().await {
            Ok(true) => {
                metrics.job_step("done");
                continue;
            }
            Ok(false) => {}
            Err(error) => {
                metrics.job_step("failed");
                tracing::error!(%error, "a job can't go on");
            }
        }
        tokio::select! {
            () = engine.jobs_to_do() => {}
            () = pause(POLL_MAX) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Removes expired data, in portions: each is followed by a pause of many times its duration, so that the cleanup keeps
/// up with any load but takes only a share of the time.
async fn purge(engine: Arc<Engine>, mut stopped: Stopped) {
    let mut clocks = (monotonic(), engine.now());
    let mut trusted_from = monotonic();
    loop {
        tokio::select! {
            () = pause(PURGE_EVERY) => {}
            _ = stopped.changed() => return,
        }
        // After the clock has jumped ahead, data that looks expired may not be: without it, a revoked token would
        // become valid again.
        let now = (monotonic(), engine.now());
        let passed = i64::try_from(now.0.duration_since(clocks.0).as_millis()).unwrap_or(i64::MAX);
        if now.1.since(clocks.1).saturating_sub(passed * PACE).abs() > JUMP_MS {
            tracing::warn!("the clock jumped: nothing is removed for an hour");
            trusted_from = now.0 + JUMP_WAIT;
        }
        clocks = now;
        if now.0 < trusted_from {
            continue;
        }
        if let Err(error) = purge_round(&engine, &stopped).await {
            tracing::error!(%error, "what is over can't be removed");
        }
        if let Err(error) = engine.delete_due_accounts().await {
            tracing::error!(%error, "accounts that are due can't be deleted");
        }
        if let Err(error) = engine.rotate_due_keys().await {
            tracing::error!(%error, "the next signing keys can't be made");
        }
    }
}

/// Maintains certificates and metadata of SAML. A separate worker, because it waits for other servers.
async fn tend_saml(engine: Arc<Engine>, mut stopped: Stopped) {
    loop {
        tokio::select! {
            () = pause(PURGE_EVERY) => {}
            _ = stopped.changed() => return,
        }
        tokio::select! {
            done = engine.tend_saml() => {
                if let Err(error) = done {
                    tracing::error!(%error, "SAML certificates and metadata can't be looked after");
                }
            }
            _ = stopped.changed() => return,
        }
    }
}

/// Analyzes tables for which the database's planner has no statistics.
async fn statistics(engine: Arc<Engine>, mut stopped: Stopped) {
    loop {
        tokio::select! {
            () = pause(STATISTICS_EVERY) => {}
            _ = stopped.changed() => return,
        }
        match engine.installation().learn_statistics().await {
            Ok(tables) if tables.is_empty() => {}
            Ok(tables) => {
                tracing::info!(tables = tables.join(" "), "analyzed tables that had no statistics")
            }
            Err(error) => tracing::debug!(%error, "tables without statistics can't be analyzed"),
        }
    }
}

/// Removes all expired data once.
async fn purge_round(engine: &Engine, stopped: &Stopped) -> Result<(), EngineError> {
    let mut tenants = engine.begin_purge().await?;
    let mut grants = true;
    while !is_over(stopped) && (grants || !tenants.is_empty()) {
        let mut busy = Vec::new();
        for tenant in tenants {
            let began = monotonic();
            if engine.purge_portion(&tenant).await?.more {
                busy.push(tenant);
                pause(began.elapsed() * PURGE_REST).await;
            }
        }
        tenants = busy;
        if grants {
            let began = monotonic();
            grants = engine.purge_grants().await?.more;
            pause(began.elapsed() * PURGE_REST).await;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how long a portion takes decides how long it rests")]
fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}
