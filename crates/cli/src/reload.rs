//! Reloads files while the server runs: all of them on SIGHUP, certificates also when they change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sojourn_server::Running;

use crate::Failure;
use crate::config::{self, Config, Read};
use crate::log::{LogLevel, log_filter};
use crate::open::{self, Opened, beside};
use crate::options::server_options;

/// Interval between checks of the certificate files.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Settings that take effect only after a restart, by name prefix.
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

/// Reloads the configuration and certificates of a running server.
pub(crate) struct Reloader {
    config_file: PathBuf,
    present: Read,
    log: LogLevel,
    certificates: Watched,
    minute: tokio::time::Interval,
}

impl Reloader {
    /// Creates a reloader for a server that was started with the configuration `present`.
    pub(crate) fn new(config_file: &Path, present: Read, log: LogLevel) -> Self {
        let certificates = Watched::new(certificates(config_file, &present.config));
        let mut minute = tokio::time::interval(LOOK_EVERY);
        minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        minute.reset();
        Self { config_file: config_file.to_owned(), present, log, certificates, minute }
    }

    /// Resolves when the certificate files are due to be checked, once a minute.
    pub(crate) async fn a_minute(&mut self) {
        self.minute.tick().await;
    }

    /// Reloads certificates and their keys if a file has changed.
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

    /// Reloads the configuration and all files. If there is any mistake, nothing changes.
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
        // TLS stays on or off, and mail goes where it went, until the next restart.
        let mut config = read.config.clone();
        config.server.tls = self.present.config.server.tls;
        let filter = log_filter(&config)?;
        // Everything is created before anything is changed, so that a failure leaves the server as it was.
        let options = server_options(&self.config_file, &config)?;
        let outgoing = open::outgoing_options(&self.config_file, &config)?;
        open::declare(opened, &self.config_file, &config).await?;
        opened.engine.change_settings(config.settings());
        opened.fetcher.change(outgoing);
        running.change(options);
        (self.log)(filter).map_err(Failure)?;
        self.certificates = Watched::new(certificates(&self.config_file, &config));
        // The next reload compares settings that need a restart with those at the start again.
        let values = std::mem::replace(&mut self.present, read).values;
        self.present.values = kept(values, &self.present.values);
        Ok(waits)
    }
}

/// Returns the values in effect: those that need a restart from the start, all others as just read.
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

/// Returns the names of settings that differ and need a restart.
fn waiting(started: &toml::Value, read: &toml::Value) -> Vec<String> {
    let (before, now) = (flat(started), flat(read));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|name| needs_a_restart(name) && before.get(*name) != now.get(*name))
        .cloned()
        .collect()
}

/// Flattens values to names such as `server.listen`. Lists are not flattened.
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

/// Returns the files with certificates and keys that the configuration names.
fn certificates(config_file: &Path, config: &Config) -> Vec<PathBuf> {
    let server = &config.server;
    [&server.certificate, &server.key, &server.client_ca, &config.outgoing.ca_file]
        .into_iter()
        .flatten()
        .map(|path| beside(config_file, path))
        .collect()
}

/// Files with the time of their last modification.
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

    /// Whether a file was modified since the last call.
    fn have_changed(&mut self) -> bool {
        self.0.iter_mut().fold(false, |any, (file, at)| {
            let now = written(file);
            // A file that is missing for a moment is being replaced.
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
        // The setting is reported again until the server is restarted.
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
