//! Who may read the metrics.

use std::net::SocketAddr;

use http::{HeaderMap, header};

/// Where the metrics are served, and to whom.
#[derive(Debug, Clone, Default)]
pub struct MetricsAccess {
    /// An address of their own: they are then served there alone, over plain HTTP.
    pub listen: Option<SocketAddr>,
    /// What has to come as a bearer token (RFC 6750 §2.1). Without it and without an address of their own, loopback
    /// and the trusted proxies themselves may read them.
    pub bearer_token: Option<String>,
}

impl MetricsAccess {
    /// Whether a request has the token, where one is needed.
    pub(super) fn has_token(&self, headers: &HeaderMap) -> bool {
        let Some(wanted) = &self.bearer_token else { return true };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        // Hashes are compared, so that no time tells how much of it was right.
        given.is_some_and(|given| {
            sojourn_engine::sha256(given.as_bytes()) == sojourn_engine::sha256(wanted.as_bytes())
        })
    }
}
