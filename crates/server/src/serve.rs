//! The accept loop and the life of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use sojourn_engine::Engine;
use sojourn_model::{Clock, Millis};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::listen::Peer;
use crate::metrics::Metrics;
use crate::outgoing::{Outgoing, OutgoingOptions};
use crate::places::Places;
use crate::{AppState, listen, workers};

/// Connections at once; beyond that they wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// A TLS handshake that takes longer is given up.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that takes longer to send a request's head is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
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
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
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
        }
    }
}

/// A server that is running.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    draining: Arc<AtomicBool>,
    tasks: JoinSet<()>,
    /// Its threads outlive the tasks: connections to the database may belong to them.
    _background: workers::Background,
    engine: Arc<Engine>,
}

impl Running {
    /// Starts to serve on a bound listener.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(
        listener: TcpListener,
        engine: Arc<Engine>,
        options: ServerOptions,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let draining = Arc::new(AtomicBool::new(false));
        let state = AppState {
            engine: Arc::clone(&engine),
            metrics: Arc::new(Metrics::default()),
            same_site: options.same_site,
            draining: Arc::clone(&draining),
            places: options.places.clone(),
            mail_folder: options.mail_folder.clone().map(Arc::from),
            languages: options.languages.clone(),
            streams: Arc::default(),
            stopped: stopped.clone(),
        };
        let sender = Arc::new(Outgoing::new(options.outgoing.clone()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, state.clone(), options.tls.clone(), stopped.clone()));
        let background = workers::Background::start()?;
        workers::spawn(&mut tasks, &background, &state, sender, options.sweep_ms, &stopped);
        if let Some(mailer) = options.mailer {
            workers::spawn_mail(&mut tasks, &background, &state, mailer, &stopped);
        }
        Ok(Self { address, stop, draining, tasks, _background: background, engine })
    }

    /// Ends the server: no new connections, what is under way finishes, what is only in memory is
    /// written, the database is closed.
    pub async fn stop(mut self) {
        self.draining.store(true, Ordering::Release);
        // Receivers are gone only when every task is.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.engine.flush_touches().await {
            tracing::error!(%error, "last accesses were not written");
        }
        self.engine.store().close().await;
    }
}

async fn accept(
    listener: TcpListener,
    state: AppState,
    tls: Option<Arc<rustls::ServerConfig>>,
    mut stopped: watch::Receiver<bool>,
) {
    let router = listen::application(state.clone());
    let acceptor = tls.map(tokio_rustls::TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            _ = stopped.changed() => break,
        };
        let (stream, peer) = match connection {
            Ok(connection) => connection,
            Err(error) => {
                // Out of file descriptors, most likely: let some go first.
                tracing::warn!(%error, "a connection was not accepted");
                pause(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let watcher = graceful.watcher();
        let state = state.clone();
        let router = router.clone();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            serve(stream, peer, acceptor, state, router, watcher).await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off");
    }
}

#[expect(clippy::disallowed_methods, reason = "a pause of the accept loop, on no request's path")]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    state: AppState,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Answers are small and written at once; waiting to fill a packet only costs time.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => {
            let peer = Peer { address: peer, secure: false, certificate: None };
            http(stream, peer, state, router, watcher).await;
        }
        Some(acceptor) => {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                    let certificate = shown.map(|one| sojourn_engine::sha256(one));
                    let peer = Peer { address: peer, secure: true, certificate };
                    http(stream, peer, state, router, watcher).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, client.ip = %peer.ip(), "no TLS"),
                Err(_) => tracing::debug!(client.ip = %peer.ip(), "TLS handshake too slow"),
            }
        }
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    state: AppState,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service =
        hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let state = state.clone();
            let router = router.clone();
            async move {
                let request = request.map(Body::new);
                Ok::<_, std::convert::Infallible>(
                    listen::handle(state, router, request, peer).await,
                )
            }
        });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, client.ip = %peer.address.ip(), "connection ended");
    }
}
