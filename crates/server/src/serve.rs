//! The accept loop and the life of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use sojourn_engine::Engine;
use sojourn_model::{Clock, Millis};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connections::{Admission, Times};
use crate::finishing::UnderWay;
use crate::metrics::{CountedMailer, Metrics, MetricsAccess};
use crate::outgoing::{Outgoing, OutgoingOptions};
use crate::places::Places;
use crate::proxies::{Proxies, ProxyOptions};
use crate::{AppState, connections, workers};

/// How long requests under way may take to finish when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Millis {
        let since =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        #[cfg(feature = "hurry")]
        return hurried(now);
        #[cfg(not(feature = "hurry"))]
        now
    }
}

/// The time as it would be if it had passed [`PACE`](crate::pause::PACE) times as fast since the program began.
#[cfg(feature = "hurry")]
fn hurried(now: Millis) -> Millis {
    static BEGAN: std::sync::OnceLock<Millis> = std::sync::OnceLock::new();
    let began = *BEGAN.get_or_init(|| now);
    began.plus(now.since(began) * crate::pause::PACE)
}

/// How the server listens and reaches out.
#[derive(Clone)]
pub struct ServerOptions {
    /// TLS; none for plain HTTP behind a proxy.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// `None` or `Lax`: `SameSite` of the session cookie.
    pub same_site: &'static str,
    /// Requests that we send.
    pub outgoing: OutgoingOptions,
    /// Milliseconds between two sweeps of expired sessions.
    pub sweep_ms: u64,
    /// Where addresses are.
    pub places: Option<Arc<Places>>,
    /// The languages of the pages.
    pub languages: crate::language::Languages,
    /// Where mail is written instead of sent: the Console shows it.
    pub mail_folder: Option<std::path::PathBuf>,
    /// Sends mail, if it can be sent.
    pub mailer: Option<Arc<dyn sojourn_engine::Mailer>>,
    /// How long connections may take for what.
    pub times: Times,
    /// How many connections there may be.
    pub admission: Admission,
    /// Whether each request is a line in the log.
    pub access_log: bool,
    /// Proxies in front that are trusted.
    pub proxies: ProxyOptions,
    /// Where the metrics are, and for whom.
    pub metrics: MetricsAccess,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            tls: None,
            same_site: "None",
            outgoing: OutgoingOptions::default(),
            sweep_ms: 5_000,
            places: None,
            languages: crate::language::Languages::default(),
            mailer: None,
            mail_folder: None,
            times: Times::default(),
            admission: Admission::default(),
            access_log: false,
            proxies: ProxyOptions::default(),
            metrics: MetricsAccess::default(),
        }
    }
}

/// A server that is running.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it tells its metrics, if that is elsewhere.
    pub metrics_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    draining: Arc<AtomicBool>,
    under_way: UnderWay,
    tasks: JoinSet<()>,
    /// Its threads outlive the tasks: connections to the database may belong to them.
    _background: workers::Background,
    engine: Arc<Engine>,
    tls: Option<watch::Sender<Arc<rustls::ServerConfig>>>,
    changing: Changing,
}

/// What can be changed while the server runs.
struct Changing {
    access_log: Arc<AtomicBool>,
    metrics: Arc<ArcSwap<MetricsAccess>>,
    proxies: Arc<Proxies>,
    outgoing: Arc<Outgoing>,
    mailer: Option<Arc<CountedMailer>>,
}

impl Running {
    /// Uses other certificates for connections from now on; those that are open keep theirs. Answers false where the
    /// server doesn't speak TLS.
    pub fn set_tls(&self, config: Arc<rustls::ServerConfig>) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.send(config).is_ok())
    }

    /// Serves and reaches out in another way from now on, as far as that needs no restart: requests that go out, proxies,
    /// the access log, the token of the metrics, and how mail is sent where it is.
    pub fn change(&self, options: ServerOptions) {
        let Changing { access_log, metrics, proxies, outgoing, mailer } = &self.changing;
        access_log.store(options.access_log, Ordering::Relaxed);
        let listen = metrics.load().listen;
        metrics.store(Arc::new(MetricsAccess { listen, ..options.metrics }));
        proxies.change(options.proxies);
        outgoing.change(options.outgoing);
        if let (Some(present), Some(new)) = (mailer, options.mailer) {
            present.mailer.store(Arc::new(new));
        }
        if let Some(tls) = options.tls {
            self.set_tls(tls);
        }
    }

    /// Starts to serve on a bound listener.
    ///
    /// # Errors
    /// When the listener has no address, or the address of the metrics can't be listened on.
    pub fn start(
        listener: TcpListener,
        engine: Arc<Engine>,
        options: ServerOptions,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let metrics_listener = options.metrics.listen.map(bound).transpose()?;
        let metrics_address = metrics_listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let (stop, stopped) = watch::channel(false);
        let draining = Arc::new(AtomicBool::new(false));
        let metrics = Arc::new(Metrics::default());
        let measured = Arc::clone(&metrics);
        engine.reads().observe(move |call, took| measured.database(call, took));
        let state = state(&engine, &options, metrics.clone(), (&draining, &stopped));
        let tls = options.tls.clone().map(watch::Sender::new);
        let sender = Arc::new(Outgoing::new(options.outgoing.clone()));
        let mut tasks = JoinSet::new();
        let proxies = Arc::new(Proxies::new(options.proxies.clone()));
        let changing = Changing {
            access_log: Arc::clone(&state.access_log),
            metrics: Arc::clone(&state.metrics_access),
            proxies: Arc::clone(&proxies),
            outgoing: Arc::clone(&sender),
            mailer: None,
        };
        let limits = (options.times, options.admission.clone(), proxies);
        let accept = connections::accept(
            listener,
            state.clone(),
            tls.as_ref().map(watch::Sender::subscribe),
            limits,
            stopped.clone(),
        );
        tasks.spawn(accept);
        let background = workers::Background::start()?;
        workers::spawn(&mut tasks, &background, &state, sender, options.sweep_ms, &stopped);
        if let Some(listener) = metrics_listener {
            tasks.spawn(crate::metrics::listen(listener, state.clone(), stopped.clone()));
        }
        let mut sends = None;
        if let Some(mailer) = options.mailer {
            let counted =
                Arc::new(CountedMailer { mailer: ArcSwap::from_pointee(mailer), metrics });
            sends = Some(Arc::clone(&counted));
            workers::spawn_mail(&mut tasks, &background, &state, counted, &stopped);
        }
        let under_way = state.under_way.clone();
        Ok(Self {
            address,
            metrics_address,
            stop,
            draining,
            under_way,
            tasks,
            _background: background,
            engine,
            tls,
            changing: Changing { mailer: sends, ..changing },
        })
    }

    /// Ends the server: no new connections, what is under way finishes, what is only in memory is
    /// written, the database is closed.
    pub async fn stop(mut self) {
        self.draining.store(true, Ordering::Release);
        // Receivers are gone only when every task is.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        // Requests whose clients went away are finished as well.
        if tokio::time::timeout(DRAIN_TIMEOUT, self.under_way.done()).await.is_err() {
            tracing::warn!("some of what clients left behind was cut off");
        }
        if let Err(error) = self.engine.flush_touches().await {
            tracing::error!(%error, "last accesses were not written");
        }
        self.engine.reads().close().await;
    }
}

/// What handlers share.
fn state(
    engine: &Arc<Engine>,
    options: &ServerOptions,
    metrics: Arc<Metrics>,
    (draining, stopped): (&Arc<AtomicBool>, &watch::Receiver<bool>),
) -> AppState {
    AppState {
        engine: Arc::clone(engine),
        metrics,
        metrics_access: Arc::new(ArcSwap::from_pointee(options.metrics.clone())),
        counted: Arc::default(),
        same_site: options.same_site,
        draining: Arc::clone(draining),
        places: options.places.clone(),
        mail_folder: options.mail_folder.clone().map(Arc::from),
        languages: options.languages.clone(),
        streams: Arc::default(),
        stopped: stopped.clone(),
        readiness: Arc::default(),
        documents: Arc::default(),
        under_way: UnderWay::default(),
        access_log: Arc::new(AtomicBool::new(options.access_log)),
    }
}

/// Listens for requests for metrics.
fn bound(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address).map_err(|error| {
        std::io::Error::new(error.kind(), format!("[metrics] listen {address}: {error}"))
    })?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
