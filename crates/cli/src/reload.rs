//! Files that are read again while the server runs: on SIGHUP all of them, certificates also by themselves when they
//! change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sojourn_server::Running;

use crate::Failure;
use crate::config::{self, Config, Read};
use crate::log::{LogLevel, log_filter};
use crate::open::{self, Opened, beside};
use crate::options::server_options;

/// How often certificate files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Settings that are built in at the start, by the beginning of their names.
const NEED_A_RESTART: [&str; 17] = [
    "server.base_url",
    "server.listen",
    "server.data",
    "server.tls",
    "server.cookie_same_site",
    "server.connections",
    "database",
    "session.places",
    "pages",
    "oauth.issuer",
    "oauth.tenant_issuers",
    "event_handler",
    "custom_attribute",
    "metrics.listen",
    "log.json",
    "mail.folder",
    "outgoing.allow_private_addresses",
];

/// Reads the files again.
pub(crate) struct Reloader {
    config_file: PathBuf,
    present: Read,
    log: LogLevel,
    certificates: Watched,
    minute: tokio::time::Interval,
}

impl Reloader {
    /// For a server that was started with what was read.
    pub(crate) fn new(config_file: &Path, present: Read, log: LogLevel) -> Self {
        let certificates = Watched::new(certificates(config_file, &present.config));
        let mut minute = tokio::time::interval(LOOK_EVERY);
        minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        minute.reset();
        Self { config_file: config_file.to_owned(), present, log, certificates, minute }
    }

    /// Resolves once a minute.
    pub(crate) async fn a_minute(&mut self) {
        self.minute.tick().await;
    }

    /// Reads certificates and their keys again if a file has changed.
    pub(crate) fn look_at_certificates(&mut self, running: &Running) {
        if !self.certificates.have_changed() {
            return;
        }
        match server_options(&self.config_file, &self.present.config) {
            Ok(options) => {
                running.change(options);
                tracing::info!("certificate files have changed and were reloaded");
            }
            Err(Failure(why)) => {
                tracing::error!(
                    why,
                    "certificate files have changed, and the server keeps what it has"
                );
            }
        }
    }

    /// Reads everything again. A mistake anywhere leaves everything as it was.
    pub(crate) async fn reload(&mut self, opened: &Opened, running: &Running) {
        match self.try_reload(opened, running).await {
            Ok(waits) if waits.is_empty() => {
                tracing::info!("configuration and certificates reloaded")
            }
            Ok(waits) => tracing::warn!(
                settings = waits.join(", "),
                "configuration and certificates reloaded; these settings take effect after a restart"
            ),
            Err(Failure(why)) => {
                tracing::error!(why, "nothing reloaded, the server goes on as it was")
            }
        }
    }

    async fn try_reload(
        &mut self,
        opened: &Opened,
        running: &Running,
    ) -> Result<Vec<String>, Failure> {
        let read = config::read_to_serve(&self.config_file)?;
        let waits = waiting(&self.present.values, &read.values);
        // The server still runs by what it was started with: TLS stays on or off, mail goes where it went.
        let mut config = read.config.clone();
        config.server.tls = self.present.config.server.tls;
        let filter = log_filter(&config)?;
        // Everything is made before anything is changed.
        let options = server_options(&self.config_file, &config)?;
        let outgoing = open::outgoing_options(&self.config_file, &config)?;
        open::declare(opened, &self.config_file, &config).await?;
        opened.engine.change_settings(config.settings());
        opened.fetcher.change(outgoing);
        running.change(options);
        (self.log)(filter).map_err(Failure)?;
        self.certificates = Watched::new(certificates(&self.config_file, &config));
        // What waits for a restart is compared with the start again the next time.
        let values = std::mem::replace(&mut self.present, read).values;
        self.present.values = kept(values, &self.present.values);
        Ok(waits)
    }
}

/// The values by which the server runs: those that need a restart as they were, all others as they are.
fn kept(started: toml::Value, read: &toml::Value) -> toml::Value {
    let (before, mut now) = (flat(&started), flat(read));
    now.retain(|name, _| !needs_a_restart(name));
    now.extend(before.into_iter().filter(|(name, _)| needs_a_restart(name)));
    toml::Value::Table(now.into_iter().collect())
}

fn needs_a_restart(name: &str) -> bool {
    NEED_A_RESTART.iter().any(|begin| {
        name.strip_prefix(begin).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('.') || *begin == "server.connections"
        })
    })
}

/// The settings that differ and need a restart, by name.
fn waiting(started: &toml::Value, read: &toml::Value) -> Vec<String> {
    let (before, now) = (flat(started), flat(read));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|name| needs_a_restart(name) && before.get(*name) != now.get(*name))
        .cloned()
        .collect()
}

/// Values by their names, such as `server.listen`. Lists are values.
fn flat(value: &toml::Value) -> BTreeMap<String, toml::Value> {
    fn walk(name: &str, value: &toml::Value, all: &mut BTreeMap<String, toml::Value>) {
        match value {
            toml::Value::Table(table) => {
                for (key, inner) in table {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    walk(&name, inner, all);
                }
            }
            other => {
                all.insert(name.to_owned(), other.clone());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk("", value, &mut all);
    all
}

/// Files with certificates and keys.
fn certificates(config_file: &Path, config: &Config) -> Vec<PathBuf> {
    let server = &config.server;
    [&server.certificate, &server.key, &server.client_ca, &config.outgoing.ca_file]
        .into_iter()
        .flatten()
        .map(|path| beside(config_file, path))
        .collect()
}

/// Files, and when each was written.
#[derive(Debug)]
struct Watched(Vec<(PathBuf, Option<SystemTime>)>);

impl Watched {
    fn new(files: Vec<PathBuf>) -> Self {
        Self(
            files
                .into_iter()
                .map(|file| (written(&file), file))
                .map(|(at, file)| (file, at))
                .collect(),
        )
    }

    /// Whether one was written since this was asked last.
    fn have_changed(&mut self) -> bool {
        self.0.iter_mut().fold(false, |any, (file, at)| {
            let now = written(file);
            // A file that is gone for a moment is being replaced.
            let changed = now.is_some() && now != *at;
            if changed {
                *at = now;
            }
            any || changed
        })
    }
}

fn written(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|about| about.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_restart_is_named() {
        let value = |text: &str| toml::from_str::<toml::Value>(text).expect("TOML");
        let started = value("[server]\nlisten = \"127.0.0.1:1\"\n[throttle]\nper_account = 3\n");
        let changed = value(
            "[server]\nlisten = \"127.0.0.1:2\"\nconnections = 5\n[throttle]\nper_account = 4\n",
        );
        assert_eq!(waiting(&started, &started), Vec::<String>::new());
        assert_eq!(waiting(&started, &changed), ["server.connections", "server.listen"]);
        // It is still named the next time, until there was a restart.
        let kept = kept(started, &changed);
        assert_eq!(waiting(&kept, &changed), ["server.connections", "server.listen"]);
    }

    #[test]
    fn files_that_were_written_are_noticed_once() {
        let folder = std::env::temp_dir().join(format!("sojourn-watched-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("cert.pem");
        std::fs::write(&file, "a").expect("written");
        let mut watched = Watched::new(vec![file.clone()]);
        assert!(!watched.have_changed());
        std::fs::remove_file(&file).expect("removed");
        assert!(!watched.have_changed(), "it is being replaced");
        std::fs::write(&file, "b").expect("written");
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        std::fs::File::options()
            .append(true)
            .open(&file)
            .and_then(|f| f.set_modified(later))
            .expect("set");
        assert!(watched.have_changed() && !watched.have_changed());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
