//! `sojourn serve`: runs the server.

use std::path::Path;
use std::sync::Arc;

use sojourn_server::Running;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{self, Config};
use crate::log::start_log;
use crate::open::{self, Opened};
use crate::options::server_options;
use crate::reload::Reloader;
use crate::service;
use crate::{Done, Failure};

/// A running server with its installation.
pub(crate) struct Started {
    pub(crate) running: Running,
    pub(crate) opened: Opened,
}

/// Starts the server that a configuration describes.
pub(crate) async fn start(config_file: &Path, config: &Config) -> Result<Started, Failure> {
    // The port is opened first, so that a second server fails before it changes anything.
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: stop it, or set [server] listen"
            }
            std::io::ErrorKind::PermissionDenied => "ports below 1024 require a special permission",
            _ => "check [server] listen",
        };
        Failure(format!("can't listen on {listen}: {error}\n{hint}"))
    })?;
    let options = server_options(config_file, config)?;
    let opened = open::open(config_file, config).await?;
    open::declare(&opened, config_file, config).await?;
    if !opened.engine.master_key_is_backed_up().await? {
        tracing::warn!(
            "back up the master key: without it the database can't be used. Then run 'sojourn \
             master-key backed-up', and this warning ends"
        );
    }
    let running = Running::start(listener, Arc::clone(&opened.engine), options)?;
    Ok(Started { running, opened })
}

/// Receives the signals that end the process or reload its files. They are received from the start, because an
/// earlier signal would kill the process in the middle of its work.
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

    /// Waits for the next signal and returns what it requests.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    /// Resolves on a signal to end the process, including SIGHUP.
    pub(crate) async fn end(&mut self) {
        self.next().await;
    }
}

/// What a signal requests of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// To end the process (SIGTERM, SIGINT).
    End,
    /// To reload configuration and certificates (SIGHUP).
    Reload,
}

/// Runs the server until a signal ends it.
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
        database = opened.engine.installation().kind(),
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
