//! The section `[metrics]`: where metrics are available and who can read them.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// `[metrics]`: where the metrics are available, and who can read them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MetricsSection {
    /// Separate IP address and port for `/metrics`, over plain HTTP; the main address then no longer serves it. If left
    /// out, `/metrics` is served at the main address.
    pub(crate) listen: Option<SocketAddr>,
    /// File with the bearer token, of at least 32 characters, that a request for the metrics must send; relative to the
    /// configuration file. If both settings are left out, only this machine and the trusted proxies themselves can read
    /// the metrics.
    pub(crate) bearer_token_file: Option<PathBuf>,
}
