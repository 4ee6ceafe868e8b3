//! The families of metrics, each with its name and meaning.

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process::Process;

/// Labels of a served request. Route and method come from a table, so their number is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) route: &'static str,
    pub(super) method: &'static str,
    pub(super) status: u16,
}

/// Labels of the duration of requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) route: &'static str,
    pub(super) method: &'static str,
}

/// Label with the outcome of an operation, in one word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResultLabel {
    pub(super) result: &'static str,
}

/// Label with a kind of database row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabel {
    pub(super) kind: &'static str,
}

/// Label with a kind of database call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabel {
    pub(super) call: &'static str,
}

/// Label with a state, such as that of database connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StateLabel {
    pub(super) state: &'static str,
}

/// Labels of the running build: version and platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    os: &'static str,
    arch: &'static str,
}

type Results = Family<ResultLabel, Counter>;
type Latency<L> = Family<L, Histogram>;

/// The description of a registered family of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Name of the family, without the suffixes of samples.
    pub name: &'static str,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: String,
    /// What the metric measures, for people.
    pub meaning: &'static str,
}

/// All metrics of this process.
pub struct Metrics {
    pub(super) registry: Registry,
    described: Vec<Described>,
    pub(super) process: Process,
    pub(super) requests: Family<RequestLabels, Counter>,
    pub(super) request_seconds: Latency<RouteLabels>,
    pub(super) connections: Gauge,
    pub(super) connections_closed: Results,
    pub(super) sign_ins: Results,
    pub(super) sign_in_seconds: Histogram,
    pub(super) hash_queue: Gauge,
    pub(super) sessions_live: Gauge,
    pub(super) database_seconds: Latency<CallLabel>,
    pub(super) database_connections: Family<StateLabel, Gauge>,
    pub(super) database_waiting: Gauge,
    pub(super) deliveries: Results,
    pub(super) backlog: Gauge,
    pub(super) backlog_age: Gauge,
    pub(super) open_circuits: Gauge,
    pub(super) certificates_ending: Gauge,
    pub(super) tasks: Results,
    pub(super) tasks_pending: Gauge,
    pub(super) task_lag: Gauge,
    pub(super) mails: Results,
    pub(super) mails_pending: Gauge,
    pub(super) job_steps: Results,
    pub(super) jobs_pending: Gauge,
    pub(super) overdue: Family<KindLabel, Gauge>,
}

/// Creates a histogram in seconds for requests: from a millisecond, which a page takes, to five seconds.
fn of_requests() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0])
}

/// Creates a histogram in seconds for database calls: from ten microseconds, which a point read of SQLite takes, to a
/// second.
fn of_the_database() -> Histogram {
    Histogram::new([
        0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0,
    ])
}

impl Metrics {
    /// Returns all families, in the order in which they are exported.
    #[must_use]
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    fn add<M>(&mut self, name: &'static str, meaning: &'static str, metric: &M)
    where
        M: TypedMetric + EncodeMetric + Clone + std::fmt::Debug + Send + Sync + 'static,
    {
        self.registry.register(name, meaning, metric.clone());
        self.described.push(Described { name, kind: M::TYPE.as_str().to_owned(), meaning });
    }
}

impl Default for Metrics {
    // Long, because it names every metric.
    fn default() -> Self {
        let mut all = Self {
            registry: Registry::default(),
            described: Vec::new(),
            process: Process::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(of_requests),
            connections: Gauge::default(),
            connections_closed: Family::default(),
            sign_ins: Family::default(),
            sign_in_seconds: of_requests(),
            hash_queue: Gauge::default(),
            sessions_live: Gauge::default(),
            database_seconds: Family::new_with_constructor(of_the_database),
            database_connections: Family::default(),
            database_waiting: Gauge::default(),
            deliveries: Family::default(),
            backlog: Gauge::default(),
            backlog_age: Gauge::default(),
            open_circuits: Gauge::default(),
            certificates_ending: Gauge::default(),
            tasks: Family::default(),
            tasks_pending: Gauge::default(),
            task_lag: Gauge::default(),
            mails: Family::default(),
            mails_pending: Gauge::default(),
            job_steps: Family::default(),
            jobs_pending: Gauge::default(),
            overdue: Family::default(),
        };
        let version = env!("CARGO_PKG_VERSION");
        let build = BuildLabels { version, os: std::env::consts::OS, arch: std::env::consts::ARCH };
        all.registry.register("sojourn_build", "The program", Info::new(build));
        let (name, kind) = ("sojourn_build", "info".to_owned());
        all.described.push(Described { name, kind, meaning: "The program" });
        macro_rules! add {
            ($($metric:ident $(. $part:ident)? $name:literal $meaning:literal;)+) => {
                $({ let metric = all.$metric$(.$part)?.clone(); all.add($name, $meaning, &metric); })+
            };
        }
        add! {
            requests "sojourn_http_requests" "Requests served, by the template of the route";
            request_seconds "sojourn_http_request_seconds" "Time from the request's head to the answer's head";
            connections "sojourn_connections_open" "Connections that are open";
            connections_closed "sojourn_connections_closed" "Connections that the server closed or refused, by the reason";
            sign_ins "sojourn_sign_ins" "Attempts to sign in on the page";
            sign_in_seconds "sojourn_sign_in_seconds" "Time of an attempt to sign in on the page, with the hash of the password";
            hash_queue "sojourn_hash_queue" "Passwords that are being hashed or wait for it";
            sessions_live "sojourn_sessions_live" "Sessions that have not ended, of all tenants; at most 15 s old";
            database_seconds "sojourn_database_seconds" "Time of a call of the database, with the wait for a connection: a point read, a list, a change set with its commit";
            database_connections "sojourn_database_connections" "Connections of the pool to PostgreSQL";
            database_waiting "sojourn_database_waiting" "Calls that wait for a connection of the pool, or change sets that wait for the writer of SQLite";
            deliveries "sojourn_delivery_attempts" "Attempts to tell an application of an end, by the state they led to";
            backlog "sojourn_deliveries_pending" "Applications that have not been told yet";
            backlog_age "sojourn_delivery_overdue_seconds" "How long the oldest waiting delivery is overdue";
            certificates_ending "sojourn_saml_certificates_ending" "SAML certificates, or metadata, of either side that end within 30 days or have ended; counted every ten minutes";
            open_circuits "sojourn_delivery_circuits_open" "Applications to which nothing is sent for a while, because they failed too often";
            tasks "sojourn_handler_attempts" "Attempts at tasks of event handlers, by the state they led to";
            tasks_pending "sojourn_handler_tasks_pending" "Tasks of event handlers that are to be done";
            task_lag "sojourn_handler_lag_seconds" "How long ago the oldest event happened that a handler has not dealt with";
            mails "sojourn_mail_attempts" "Attempts to send a mail";
            mails_pending "sojourn_mails_pending" "Mails that have not been sent yet; at most 15 s old";
            job_steps "sojourn_job_steps" "Steps of large ends that were done or failed";
            jobs_pending "sojourn_jobs_pending" "Large ends that are under way; at most 15 s old";
            overdue "sojourn_purge_overdue_seconds" "How long the oldest row of each kind should have been removed";
            process.cpu "process_cpu_seconds" "Time of processors that the process used";
            process.resident "process_resident_memory_bytes" "Memory that the process holds";
            process.open_files "process_open_fds" "Files and connections that the process holds open";
            process.most_files "process_max_fds" "How many it may hold open";
            process.threads "process_threads" "Threads of the process";
            process.started "process_start_time_seconds" "When the process began, in seconds since 1970";
        }
        all
    }
}
