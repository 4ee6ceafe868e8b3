//! `sojourn serve`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use sojourn_server::places::Places;
use sojourn_server::tls::{self, TlsFiles};
use sojourn_server::{Admission, MetricsAccess, ProxyOptions, Running, ServerOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{self, Config};
use crate::open::{self, Opened, beside};
use crate::{Done, Failure};

/// Starts the log. Only the first call in a process counts.
pub(crate) fn start_log(config: &Config) -> Done {
    let level = config.log.level.as_deref().unwrap_or("info");
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Failure(format!("[log] level '{level}': {error}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = if config.log.json { builder.json().try_init() } else { builder.try_init() };
    Ok(())
}

/// A server that has started.
pub(crate) struct Started {
    pub(crate) running: Running,
    pub(crate) opened: Opened,
}

/// Starts everything that a configuration describes.
pub(crate) async fn start(config_file: &Path, config: &Config) -> Result<Started, Failure> {
    // The port first: whoever runs a second server is told before anything is touched.
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it, or set [server] listen"
            }
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need a right of their own",
            _ => "check [server] listen",
        };
        Failure(format!("can't listen on {listen}: {error}\n{hint}"))
    })?;
    let options = server_options(config_file, config)?;
    let opened = open::open(config_file, config).await?;
    open::declare(&opened, config).await?;
    if !opened.engine.master_key_is_backed_up().await? {
        tracing::warn!(
            "back up the master key: without it the database can't be used. Then run 'sojourn \
             master-key backed-up', and this warning ends"
        );
    }
    let running = Running::start(listener, Arc::clone(&opened.engine), options)?;
    Ok(Started { running, opened })
}

fn server_options(config_file: &Path, config: &Config) -> Result<ServerOptions, Failure> {
    let server = &config.server;
    let tls = server_tls(config_file, config)?;
    Ok(ServerOptions {
        tls,
        same_site: server.cookie_same_site.as_str(),
        outgoing: open::outgoing_options(config_file, config)?,
        mailer: open::mailer(config_file, config)?,
        mail_folder: config
            .mail
            .as_ref()
            .and_then(|mail| mail.folder.as_ref())
            .map(|folder| beside(config_file, folder)),
        places: places(config_file, config)?,
        languages: open::languages(config_file, config)?,
        admission: admission(config),
        access_log: config.log.access,
        metrics: MetricsAccess {
            listen: config.metrics.listen,
            bearer_token: metrics_token(config_file, config)?,
        },
        proxies: ProxyOptions {
            trusted: server.trusted_proxies.iter().map(|network| network.0).collect(),
            proxy_protocol: server.proxy_protocol,
            prefer_forwarded: server.prefer_forwarded,
        },
        ..ServerOptions::default()
    })
}

/// Certificate, key and trusted authorities, read from their files; none without TLS.
fn server_tls(
    config_file: &Path,
    config: &Config,
) -> Result<Option<Arc<rustls::ServerConfig>>, Failure> {
    let server = &config.server;
    if !server.tls {
        return Ok(None);
    }
    let files = match (&server.certificate, &server.key) {
        (Some(certificate), Some(key)) => TlsFiles {
            certificate: beside(config_file, certificate),
            key: beside(config_file, key),
        },
        _ => {
            let folder = open::data_folder(config_file, config)?.join("tls");
            tls::local_certificate(&folder, "server")?
        }
    };
    let client_ca = server.client_ca.as_ref().map(|path| beside(config_file, path));
    Ok(Some(tls::server_config(&files, client_ca.as_deref())?))
}

/// How many connections there may be: as many as the limit of open files allows, if it isn't said.
fn admission(config: &Config) -> Admission {
    let server = &config.server;
    let room = sojourn_server::file_limit();
    let connections = server.connections.unwrap_or(room).max(1);
    if connections > room {
        tracing::warn!(
            connections,
            room,
            "the limit of open files leaves room for fewer connections: raise it (LimitNOFILE=, ulimit -n)"
        );
    } else if server.connections.is_none() && room < Admission::default().connections {
        tracing::warn!(
            connections,
            "the limit of open files bounds the connections: raise it (LimitNOFILE=, ulimit -n)"
        );
    }
    Admission {
        connections,
        of_one_address: server.connections_of_one_address.unwrap_or((connections / 4).max(1)),
    }
}

fn places(config_file: &Path, config: &Config) -> Result<Option<Arc<Places>>, Failure> {
    let Some(path) = &config.session.places else { return Ok(None) };
    let opened = Places::open(&beside(config_file, path));
    opened
        .map(|places| Some(Arc::new(places)))
        .map_err(|why| Failure(format!("[session] places {why}")))
}

/// What tells the process to end. Listened for from the start on: a signal that comes before anyone listens
/// would end the process with nothing finished.
pub(crate) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl EndSignals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Resolves on SIGTERM and SIGINT. Calls `reload` on SIGHUP; without it, resolves on SIGHUP too.
    pub(crate) async fn wait(mut self, reload: Option<impl Fn()>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => match &reload {
                    Some(reload) => reload(),
                    None => return,
                },
            }
        }
    }
}

/// Reloads certificate, key and trusted authorities. If one of them is unusable, logs why and keeps the current ones.
fn reload(config_file: &Path, running: &Running) {
    let read = || {
        let config = config::read(config_file)?;
        server_tls(config_file, &config)
    };
    match read() {
        Ok(Some(tls)) if running.set_tls(Arc::clone(&tls)) => {
            tracing::info!("certificates reloaded; other settings take effect after a restart");
        }
        Ok(_) => {
            tracing::info!("nothing to reload without TLS; settings take effect after a restart")
        }
        Err(Failure(why)) => {
            tracing::error!(why, "nothing reloaded, the server keeps its current certificates");
        }
    }
}

/// Runs the server until it is told to end.
pub(crate) async fn serve(config_file: &Path) -> Done {
    let config = config::read(config_file)?;
    start_log(&config)?;
    let signals = EndSignals::listen()?;
    let started = start(config_file, &config).await?;
    tracing::info!(
        address = %started.running.address,
        issuer = %config.server.base_url,
        database = started.opened.engine.store().kind(),
        "ready"
    );
    signals.wait(Some(|| reload(config_file, &started.running))).await;
    tracing::info!("ending: what is under way is finished first");
    started.running.stop().await;
    Ok(())
}

/// What has to come with a request for the metrics.
fn metrics_token(config_file: &Path, config: &Config) -> Result<Option<String>, Failure> {
    let Some(file) = &config.metrics.bearer_token_file else { return Ok(None) };
    let file = beside(config_file, file);
    let wrong = |why: String| format!("[metrics] bearer_token_file {}: {why}", file.display());
    let text = std::fs::read_to_string(&file).map_err(|error| Failure(wrong(error.to_string())))?;
    let token = text.trim();
    if token.len() < 32 {
        return Err(Failure(wrong(
            "a token has at least 32 characters; 'openssl rand -hex 32' makes one".into(),
        )));
    }
    Ok(Some(token.to_owned()))
}
