//! The section `[metrics]`: where metrics are available and who can read them.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// `[metrics]`: where the metrics are, and for whom.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MetricsSection {
    /// An address of their own, over plain HTTP.
    pub(crate) listen: Option<SocketAddr>,
    /// A file with what has to come as a bearer token.
    pub(crate) bearer_token_file: Option<PathBuf>,
}
