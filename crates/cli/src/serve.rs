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
use crate::reload::Reloader;
use crate::service;
use crate::{Done, Failure};

/// Starts the log. Only the first call in a process counts.
pub(crate) fn start_log(config: &Config) -> Result<LogLevel, Failure> {
    let filter = log_filter(config)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second log in one process changes nothing: the first stays.
    if config.log.json {
        let builder = builder.json().with_filter_reloading();
        let handle = builder.reload_handle();
        let _ = builder.try_init();
        Ok(Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())))
    } else {
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        let _ = builder.try_init();
        Ok(Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())))
    }
}

/// Sets another level of the log.
pub(crate) type LogLevel = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send>;

pub(crate) fn log_filter(config: &Config) -> Result<EnvFilter, Failure> {
    let level = config.log.level.as_deref().unwrap_or("info");
    EnvFilter::try_new(level).map_err(|error| Failure(format!("[log] level '{level}': {error}")))
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

pub(crate) fn server_options(
    config_file: &Path,
    config: &Config,
) -> Result<ServerOptions, Failure> {
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

    /// What the process is told next.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    /// Resolves when the process is told to end, by SIGHUP as well.
    pub(crate) async fn end(&mut self) {
        self.next().await;
    }
}

/// What a process can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// To end.
    End,
    /// To read its files again.
    Reload,
}

/// Runs the server until it is told to end.
pub(crate) async fn serve(config_file: &Path) -> Done {
    let read = config::read_to_serve(config_file)?;
    let log = start_log(&read.config)?;
    for name in &read.ignored {
        tracing::warn!(name, "a variable of the environment names no setting and is ignored");
    }
    let mut signals = EndSignals::listen()?;
    let Started { running, opened } = start(config_file, &read.config).await?;
    tracing::info!(
        address = %running.address,
        issuer = opened.engine.issuer(&opened.tenant),
        database = opened.engine.store().kind(),
        "ready"
    );
    let mut reloader = Reloader::new(config_file, read, log);
    service::ready();
    let mut watchdog = service::Watchdog::start();
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::End => break,
                Told::Reload => {
                    service::reloading();
                    reloader.reload(&opened, &running).await;
                    service::ready();
                }
            },
            () = reloader.a_minute() => reloader.look_at_certificates(&running),
            () = watchdog.due() => service::alive(),
        }
    }
    service::stopping();
    tracing::info!("ending: what is under way is finished first");
    running.stop().await;
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
