//! Access control for the metrics.

use std::net::SocketAddr;

use http::{HeaderMap, header};

/// Where the metrics are served, and who can read them.
#[derive(Debug, Clone, Default)]
pub struct MetricsAccess {
    /// A separate address: the metrics are then served only there, over plain HTTP.
    pub listen: Option<SocketAddr>,
    /// The bearer token that a request must have (RFC 6750 §2.1). Without it and without a separate address, loopback
    /// and the trusted proxies themselves may read the metrics.
    pub bearer_token: Option<String>,
}

impl MetricsAccess {
    /// Whether a request has the token, if one is required.
    pub(super) fn has_token(&self, headers: &HeaderMap) -> bool {
        let Some(wanted) = &self.bearer_token else { return true };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        // Hashes are compared, so that timing doesn't reveal how much of the token was correct.
        given.is_some_and(|given| {
            sojourn_engine::sha256(given.as_bytes()) == sojourn_engine::sha256(wanted.as_bytes())
        })
    }
}
