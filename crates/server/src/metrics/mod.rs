//! Counters and measurements for Prometheus.

mod access;
mod families;
mod process;
mod served;

use std::time::{Duration, Instant};

use sojourn_engine::{Boxed, Call, DeliveryBacklog, Mailer, Pool};
use sojourn_model::{Mail, Millis};

pub use access::MetricsAccess;
use families::{CallLabel, KindLabel, RequestLabels, ResultLabel, RouteLabels, StateLabel};
pub use families::{Described, Metrics};
pub(crate) use served::{Counted, get, listen};

/// Returns the label of a method; uncommon methods share one.
fn of_a_few(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Metrics {
    /// Counts a request and its duration; `route` is the text of the route table.
    pub(crate) fn request(
        &self,
        route: &'static str,
        method: &http::Method,
        status: u16,
        seconds: f64,
    ) {
        let method = of_a_few(method);
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
        self.request_seconds.get_or_create(&RouteLabels { route, method }).observe(seconds);
    }

    pub(crate) fn connections(&self, open: usize) {
        self.connections.set(whole(open));
    }

    pub(crate) fn connection_closed(&self, result: &'static str) {
        self.connections_closed.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn sign_in(&self, result: &'static str) {
        self.sign_ins.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn sign_in_took(&self, began: Instant) {
        self.sign_in_seconds.observe(began.elapsed().as_secs_f64());
    }

    pub(crate) fn database(&self, call: Call, took: Duration) {
        let call = match call {
            Call::Read => "read",
            Call::List => "list",
            Call::Commit => "commit",
        };
        self.database_seconds.get_or_create(&CallLabel { call }).observe(took.as_secs_f64());
    }

    pub(crate) fn delivery(&self, result: &'static str) {
        self.deliveries.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn task(&self, result: &'static str) {
        self.tasks.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn note_tasks(&self, pending: i64, oldest: Millis, now: Millis) {
        self.tasks_pending.set(pending);
        let lag = if pending > 0 { now.since(oldest).max(0) / 1000 } else { 0 };
        self.task_lag.set(lag);
    }

    pub(crate) fn note_circuits(&self, open: usize) {
        self.open_circuits.set(whole(open));
    }

    pub(crate) fn note_certificates(&self, ending: usize) {
        self.certificates_ending.set(whole(ending));
    }

    pub(crate) fn note_overdue(&self, kind: &'static str, ms: i64) {
        self.overdue.get_or_create(&KindLabel { kind }).set(ms / 1000);
    }

    pub(crate) fn note_backlog(&self, backlog: &DeliveryBacklog, now: Millis) {
        self.backlog.set(backlog.pending);
        let overdue = backlog.oldest_due.map_or(0, |due| now.since(due).max(0) / 1000);
        self.backlog_age.set(overdue);
    }

    pub(crate) fn note_hashes(&self, waiting: usize) {
        self.hash_queue.set(whole(waiting));
    }

    pub(crate) fn note_living(&self, sessions: i64, mails: i64, jobs: i64) {
        self.sessions_live.set(sessions);
        self.mails_pending.set(mails);
        self.jobs_pending.set(jobs);
    }

    pub(crate) fn note_pool(&self, pool: Pool) {
        for (state, count) in [("in_use", pool.in_use), ("idle", pool.idle)] {
            self.database_connections.get_or_create(&StateLabel { state }).set(whole(count));
        }
        self.database_waiting.set(whole(pool.waiting));
    }

    /// Counts a step of a job by its outcome.
    pub(crate) fn job_step(&self, result: &'static str) {
        self.job_steps.get_or_create(&ResultLabel { result }).inc();
    }

    /// Returns all metrics as text for Prometheus.
    #[must_use]
    pub fn encode(&self) -> String {
        self.process.look();
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// A mailer that counts attempts by their outcome.
pub(crate) struct CountedMailer {
    pub(crate) mailer: arc_swap::ArcSwap<std::sync::Arc<dyn Mailer>>,
    pub(crate) metrics: std::sync::Arc<Metrics>,
}

impl Mailer for CountedMailer {
    fn send<'a>(&'a self, mail: &'a Mail) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            let mailer = std::sync::Arc::clone(&self.mailer.load());
            let sent = mailer.send(mail).await;
            let result = if sent.is_ok() { "sent" } else { "failed" };
            self.metrics.mails.get_or_create(&ResultLabel { result }).inc();
            sent
        })
    }
}
