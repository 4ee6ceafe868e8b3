//! The accept loop and the lifecycle of the server.

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

/// How long requests in progress can take to finish when the server shuts down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The machine's wall clock.
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

/// Returns the time as if it had passed [`PACE`](crate::pause::PACE) times as fast since the program began.
#[cfg(feature = "hurry")]
fn hurried(now: Millis) -> Millis {
    static BEGAN: std::sync::OnceLock<Millis> = std::sync::OnceLock::new();
    let began = *BEGAN.get_or_init(|| now);
    began.plus(now.since(began) * crate::pause::PACE)
}

/// Options of the listener and of outgoing connections.
#[derive(Clone)]
pub struct ServerOptions {
    /// TLS configuration; `None` for plain HTTP behind a proxy.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// `None` or `Lax`: `SameSite` of the session cookie.
    pub same_site: &'static str,
    /// Options of outgoing requests.
    pub outgoing: OutgoingOptions,
    /// Milliseconds between two sweeps of expired sessions.
    pub sweep_ms: u64,
    /// Geolocation of IP addresses, if a database is configured.
    pub places: Option<Arc<Places>>,
    /// The languages of the pages.
    pub languages: crate::language::Languages,
    /// Folder that mail is written to instead of being sent: the Console shows it.
    pub mail_folder: Option<std::path::PathBuf>,
    /// Sends mail; `None` if mail can't be sent.
    pub mailer: Option<Arc<dyn sojourn_engine::Mailer>>,
    /// Time limits of connections.
    pub times: Times,
    /// Limits on the number of connections.
    pub admission: Admission,
    /// Whether each request is logged.
    pub access_log: bool,
    /// Reverse proxies that are trusted.
    pub proxies: ProxyOptions,
    /// Where the metrics are served, and who can read them.
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

/// A running server. [`Running::stop`] shuts it down.
pub struct Running {
    /// Address that the server listens on.
    pub address: SocketAddr,
    /// Address of the metrics, if they have a separate one.
    pub metrics_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    draining: Arc<AtomicBool>,
    under_way: UnderWay,
    tasks: JoinSet<()>,
    /// Its threads outlive the tasks: database connections may belong to them.
    _background: workers::Background,
    engine: Arc<Engine>,
    tls: Option<watch::Sender<Arc<rustls::ServerConfig>>>,
    changing: Changing,
}

/// The settings that can be changed while the server runs.
struct Changing {
    access_log: Arc<AtomicBool>,
    metrics: Arc<ArcSwap<MetricsAccess>>,
    proxies: Arc<Proxies>,
    outgoing: Arc<Outgoing>,
    mailer: Option<Arc<CountedMailer>>,
}

impl Running {
    /// Uses other certificates for new connections; open ones keep theirs. Returns false if the server doesn't use TLS.
    pub fn set_tls(&self, config: Arc<rustls::ServerConfig>) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.send(config).is_ok())
    }

    /// Applies new options, as far as they need no restart: outgoing requests, proxies, the access log, the token of
    /// the metrics, certificates, and how mail is sent if it is sent.
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

    /// Starts serving on a bound listener.
    ///
    /// # Errors
    /// Fails if the listener has no address, or the address of the metrics can't be listened on.
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
        engine.installation().observe(move |call, took| measured.database(call, took));
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

    /// Shuts the server down: accepts no new connections, finishes requests in progress, writes what is only in memory,
    /// and closes the database.
    pub async fn stop(mut self) {
        self.draining.store(true, Ordering::Release);
        // All receivers are gone only when all tasks are.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        // Requests of disconnected clients are finished as well.
        if tokio::time::timeout(DRAIN_TIMEOUT, self.under_way.done()).await.is_err() {
            tracing::warn!("some of what clients left behind was cut off");
        }
        if let Err(error) = self.engine.flush_touches().await {
            tracing::error!(%error, "last accesses were not written");
        }
        self.engine.installation().close().await;
    }
}

/// Creates the state that handlers share.
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

/// Binds the listener of the metrics.
fn bound(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address).map_err(|error| {
        std::io::Error::new(error.kind(), format!("[metrics] listen {address}: {error}"))
    })?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
