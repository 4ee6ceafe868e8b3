//! The log: its destination, format and level.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::Failure;
use crate::config::Config;

/// Starts the log, and returns the function that changes its level. Only the first call in a process has an effect.
pub(crate) fn start_log(config: &Config) -> Result<LogLevel, Failure> {
    let filter = log_filter(config)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // `try_init` fails if a log has been started already; that log stays in use.
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

/// Changes the level of the running log.
pub(crate) type LogLevel = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send>;

pub(crate) fn log_filter(config: &Config) -> Result<EnvFilter, Failure> {
    let level = config.log.level.as_deref().unwrap_or("info");
    EnvFilter::try_new(level).map_err(|error| Failure(format!("[log] level '{level}': {error}")))
}
