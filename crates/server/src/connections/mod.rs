//! Connections: accepted up to a limit, each with time and size limits of its own, so that a client that sends nothing,
//! slowly or too much doesn't use up places of others. The times are in [`Times`], the places in [`places`].

mod guard;
mod pace;
mod places;
mod said;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::StatusCode;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use sojourn_model::limits::{BODY_BYTES_MAX, SCIM_BYTES_MAX};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::AppState;
use crate::listen::{self, Peer};
use crate::pause::pause;
use crate::proxies::{self, Proxies};
use crate::respond;
use guard::Guarded;
use pace::{Broken, Held};
pub use places::file_limit;
use places::{Entered, Place, Places};
use said::Said;

/// How long requests in progress can take to finish when the server shuts down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of concurrent requests on one HTTP/2 connection.
const STREAMS_OF_ONE_CONNECTION: u32 = 128;
/// Maximum size of a request's head in bytes, in HTTP/1.1 and HTTP/2.
const HEAD_BYTES_MAX: u32 = 64 * 1024;

/// Time limits of a connection, measured on the machine's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From the start of the connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the start of the connection to its first complete request.
    pub first_request: Duration,
    /// Without a complete request: from the last response to the head of the next request.
    pub idle: Duration,
    /// Between two parts of a body. The whole body can take this time plus one second for each KiB, but at most
    /// `request`.
    pub body: Duration,
    /// Without accepting a byte of a response.
    pub unread: Duration,
    /// Until the head of the response. A response that has begun to be written is still finished.
    pub request: Duration,
    /// Between two pings of an idle HTTP/2 connection, and until their acknowledgement.
    pub ping: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            handshake: seconds(10),
            first_request: seconds(20),
            idle: seconds(75),
            body: seconds(10),
            unread: seconds(30),
            request: seconds(60),
            ping: seconds(20),
        }
    }
}

/// Limits on the number of connections.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Maximum number of all connections together.
    pub connections: usize,
    /// Maximum number from one address, or from one /64 of IPv6. Trusted proxies have no such limit.
    pub of_one_address: usize,
}

impl Default for Admission {
    fn default() -> Self {
        let connections = places::CONNECTIONS_MAX;
        Self { connections, of_one_address: connections / 4 }
    }
}

/// Accepts and serves the connections of a listener until the server shuts down.
pub(crate) async fn accept(
    listener: TcpListener,
    state: AppState,
    tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
    (times, admission, proxies): (Times, Admission, Arc<Proxies>),
    mut stopped: watch::Receiver<bool>,
) {
    let shared = Arc::new(Shared {
        router: listen::application(state.clone()),
        tls,
        places: Places::new(admission, Arc::clone(&proxies)),
        proxies,
        times,
        held: Held::default(),
        full: Said::default(),
        refused: Said::default(),
        garbled: Said::default(),
        state,
    });
    let graceful = GracefulShutdown::new();
    loop {
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            _ = stopped.changed() => break,
        };
        let (stream, peer) = match connection {
            Ok(connection) => connection,
            Err(error) => {
                // Most likely out of file descriptors: close an idle connection first.
                tracing::warn!(%error, "a connection was not accepted");
                shared.places.let_one_go();
                pause(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = shared.enter(peer) else { continue };
        let watcher = graceful.watcher();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { shared.serve(stream, peer, place, watcher).await });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off");
    }
}

/// The state that all connections share.
struct Shared {
    router: Router,
    /// Changes when certificates are reloaded; open connections keep theirs.
    tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
    places: Arc<Places>,
    proxies: Arc<Proxies>,
    times: Times,
    held: Held,
    full: Said,
    refused: Said,
    garbled: Said,
    state: AppState,
}

impl Shared {
    /// Returns a place for a connection; `None` if the connection is refused.
    fn enter(&self, peer: SocketAddr) -> Option<Place> {
        let metrics = &self.state.metrics;
        let place = match self.places.enter(peer.ip()) {
            Entered::There(place) => place,
            Entered::InsteadOf(place, whose) => {
                metrics.connection_closed("displaced");
                if self.full.now() {
                    tracing::warn!(
                        limit = self.places.limit_of(whose),
                        whose,
                        client.ip = %peer.ip(),
                        "connection limit reached: closed the connection that was idle longest"
                    );
                }
                place
            }
            Entered::InReserve(place) => place,
            Entered::Refused(whose) => {
                metrics.connection_closed("refused");
                if self.refused.now() {
                    tracing::warn!(
                        limit = self.places.limit_of(whose),
                        whose,
                        client.ip = %peer.ip(),
                        "connection limit reached and no connection is idle: new connections are refused"
                    );
                }
                return None;
            }
        };
        metrics.connections(self.places.open());
        Some(place)
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
        watcher: Watcher,
    ) {
        // Responses are small and written at once; waiting to fill a packet only costs time.
        let _ = stream.set_nodelay(true);
        places::set_user_timeout(&stream, self.times.unread);
        let line = Arc::clone(place.line());
        let mut stream = Guarded::new(stream, Arc::clone(&line));
        let served = async {
            let client = match self.client(&mut stream, peer).await {
                Ok(client) => client,
                Err(reason) => return Some(reason),
            };
            match &self.tls {
                None => {
                    let peer = Peer::new(peer, client);
                    self.http(stream, peer, &place, watcher).await;
                    None
                }
                Some(tls) => {
                    let config = Arc::clone(&tls.borrow());
                    let acceptor = tokio_rustls::TlsAcceptor::from(config);
                    let handshake = acceptor.accept(stream);
                    match tokio::time::timeout(self.times.handshake, handshake).await {
                        Ok(Ok(stream)) => {
                            let shown = stream.get_ref().1.peer_certificates();
                            let shown = shown.and_then(<[_]>::first);
                            let certificate = shown.map(|one| sojourn_engine::sha256(one));
                            let peer =
                                Peer { secure: true, certificate, ..Peer::new(peer, client) };
                            self.http(stream, peer, &place, watcher).await;
                            None
                        }
                        Ok(Err(error)) => {
                            tracing::debug!(%error, client.ip = %peer.ip(), "no TLS");
                            None
                        }
                        Err(_) => Some("handshake"),
                    }
                }
            }
        };
        let closed = tokio::select! {
            closed = served => closed,
            reason = line.overdue(&self.times) => Some(reason),
        };
        if let Some(reason) = closed {
            tracing::debug!(reason, client.ip = %peer.ip(), "connection closed");
            // Displaced connections are counted where they are displaced.
            if reason != guard::DISPLACED {
                self.state.metrics.connection_closed(reason);
            }
        }
        drop(place);
        self.state.metrics.connections(self.places.open());
    }

    /// Returns the address of a connection's client: the peer's, or the one in the PROXY protocol header that a trusted
    /// load balancer sends before anything else. Fails with the close reason if that header is missing.
    async fn client(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        peer: SocketAddr,
    ) -> Result<IpAddr, &'static str> {
        if !(self.proxies.have_protocol() && self.proxies.is_trusted(peer.ip())) {
            return Ok(peer.ip());
        }
        let header = proxies::protocol::read(stream);
        match tokio::time::timeout(self.times.handshake, header).await {
            Ok(Ok(client)) => Ok(client.unwrap_or(peer.ip())),
            Ok(Err(error)) => {
                if error.kind() == std::io::ErrorKind::InvalidData && self.garbled.now() {
                    tracing::warn!(
                        %error, client.ip = %peer.ip(),
                        "a trusted proxy sends no PROXY protocol header: configure it there, or set [server] \
                         proxy_protocol = false"
                    );
                }
                Err("proxy_protocol")
            }
            Err(_) => Err("handshake"),
        }
    }

    async fn http(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        place: &Place,
        watcher: Watcher,
    ) {
        let line = Arc::clone(place.line());
        let probes_only = place.is_reserve();
        let shared = Arc::clone(self);
        let service =
            hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let (shared, line) = (Arc::clone(&shared), Arc::clone(&line));
                let busy = guard::Busy::new(Arc::clone(&line));
                async move {
                    let response = if probes_only && !request.uri().path().starts_with("/health/") {
                        let text = "Too many open connections. Try again in a moment.";
                        respond::plain(StatusCode::SERVICE_UNAVAILABLE, text)
                    } else {
                        shared.one(request, peer, &line).await
                    };
                    // The connection is busy until the response's last byte.
                    Ok::<_, std::convert::Infallible>(response.map(|body| busy.until_sent(body)))
                }
            });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // The limits in `Times` apply instead: this one would close a proxy's idle connection in the middle of its
            // next use.
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES_MAX as usize);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_OF_ONE_CONNECTION)
            .max_header_list_size(HEAD_BYTES_MAX)
            .keep_alive_interval(self.times.ping)
            .keep_alive_timeout(self.times.ping);
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, client.ip = %peer.address.ip(), "connection ended");
        }
    }

    /// Serves one request within its time limit.
    async fn one(
        &self,
        request: hyper::Request<hyper::body::Incoming>,
        peer: Peer,
        line: &Arc<guard::Line>,
    ) -> axum::response::Response {
        let (parts, body) = request.into_parts();
        if self.proxies.is_to_be_warned_of(peer.client, &parts.headers, monotonic()) {
            tracing::warn!(
                client.ip = %peer.client,
                "a request with X-Forwarded-For or Forwarded comes from an address that isn't trusted: if that is your \
                 proxy, add it to [server] trusted_proxies"
            );
        }
        let origin = self.proxies.origin(peer.client, peer.secure, &parts.headers);
        let peer = Peer { client: origin.ip, secure: origin.secure, own: origin.own, ..peer };
        let limit = match parts.uri.path().contains("/scim2/") {
            true => SCIM_BYTES_MAX,
            false => BODY_BYTES_MAX,
        };
        let (body, hold) = if hyper::body::Body::is_end_stream(&body) {
            (Body::empty(), None)
        } else {
            let receiving = guard::Receiving::new(line);
            let read = pace::read(body, limit, &self.times, &self.held).await;
            drop(receiving);
            match read {
                Ok((bytes, hold)) => (Body::from(bytes), Some(hold)),
                Err(broken) => {
                    let status = match broken {
                        Broken::Slow => StatusCode::REQUEST_TIMEOUT,
                        Broken::Failed => StatusCode::BAD_REQUEST,
                        Broken::Full => StatusCode::SERVICE_UNAVAILABLE,
                    };
                    return respond::plain(status, broken.to_string());
                }
            }
        };
        let request = hyper::Request::from_parts(parts, body);
        let state = self.state.clone();
        let router = self.router.clone();
        let answer = async {
            let response = listen::handle(state, router, request, peer).await;
            drop(hold);
            response
        };
        match tokio::time::timeout(self.times.request, answer).await {
            Ok(response) => response,
            Err(_) => {
                tracing::error!(client.ip = %peer.client, "a request took too long");
                let text = "The request took too long. What it began is finished all the same.";
                respond::plain(StatusCode::SERVICE_UNAVAILABLE, text)
            }
        }
    }
}

/// Current time of the machine's monotonic clock.
#[expect(clippy::disallowed_methods, reason = "how long a connection takes is measured here")]
fn monotonic() -> Instant {
    Instant::now()
}
