//! What is counted and measured, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use sojourn_engine::DeliveryBacklog;
use sojourn_model::Millis;

/// Labels of a served request. The route is the table's, so their number is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route, or `none`.
    pub route: String,
    /// Status code.
    pub status: u16,
}

/// One word that says what came of something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabel {
    /// The word.
    pub result: &'static str,
}

/// A kind of row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabel {
    /// Its name.
    pub kind: &'static str,
}

/// The metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    connections: Gauge,
    connections_closed: Family<ResultLabel, Counter>,
    request_seconds: Histogram,
    sign_ins: Family<ResultLabel, Counter>,
    deliveries: Family<ResultLabel, Counter>,
    backlog: Gauge,
    backlog_age: Gauge,
    open_circuits: Gauge,
    tasks: Family<ResultLabel, Counter>,
    tasks_pending: Gauge,
    task_lag: Gauge,
    overdue: Family<KindLabel, Gauge>,
}

impl Default for Metrics {
    // Long, because it names every metric.
    fn default() -> Self {
        let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
        let mut metrics = Self {
            registry: Registry::with_prefix("sojourn"),
            requests: Family::default(),
            connections: Gauge::default(),
            connections_closed: Family::default(),
            request_seconds: Histogram::new(buckets),
            sign_ins: Family::default(),
            deliveries: Family::default(),
            backlog: Gauge::default(),
            backlog_age: Gauge::default(),
            open_circuits: Gauge::default(),
            tasks: Family::default(),
            tasks_pending: Gauge::default(),
            task_lag: Gauge::default(),
            overdue: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("http_requests", "Requests served", metrics.requests.clone());
        registry.register(
            "connections_open",
            "Connections that are open",
            metrics.connections.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections that the server closed or refused, by the reason",
            metrics.connections_closed.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time from the request's head to the answer's head",
            metrics.request_seconds.clone(),
        );
        registry.register("sign_ins", "Attempts to sign in", metrics.sign_ins.clone());
        registry.register(
            "delivery_attempts",
            "Attempts to tell an application of an end, by the state they led to",
            metrics.deliveries.clone(),
        );
        registry.register(
            "deliveries_pending",
            "Applications that have not been told yet",
            metrics.backlog.clone(),
        );
        registry.register(
            "delivery_overdue_seconds",
            "How long the oldest waiting delivery is overdue",
            metrics.backlog_age.clone(),
        );
        registry.register(
            "delivery_circuits_open",
            "Applications to which nothing is sent for a while, because they failed too often",
            metrics.open_circuits.clone(),
        );
        registry.register(
            "handler_attempts",
            "Attempts at tasks of event handlers, by the state they led to",
            metrics.tasks.clone(),
        );
        registry.register(
            "handler_tasks_pending",
            "Tasks of event handlers that are to be done",
            metrics.tasks_pending.clone(),
        );
        registry.register(
            "handler_lag_seconds",
            "How long ago the oldest event happened that a handler has not dealt with",
            metrics.task_lag.clone(),
        );
        registry.register(
            "purge_overdue_seconds",
            "How long the oldest row of each kind should have been removed",
            metrics.overdue.clone(),
        );
        metrics
    }
}

impl Metrics {
    pub(crate) fn request(&self, route: &str, status: u16, seconds: f64) {
        let labels = RequestLabels { route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.observe(seconds);
    }

    pub(crate) fn connections(&self, open: usize) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    pub(crate) fn connection_closed(&self, result: &'static str) {
        self.connections_closed.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn sign_in(&self, result: &'static str) {
        self.sign_ins.get_or_create(&ResultLabel { result }).inc();
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
        self.open_circuits.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    pub(crate) fn note_overdue(&self, kind: &'static str, ms: i64) {
        self.overdue.get_or_create(&KindLabel { kind }).set(ms / 1000);
    }

    pub(crate) fn note_backlog(&self, backlog: &DeliveryBacklog, now: Millis) {
        self.backlog.set(backlog.pending);
        let overdue = backlog.oldest_due.map_or(0, |due| now.since(due).max(0) / 1000);
        self.backlog_age.set(overdue);
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
