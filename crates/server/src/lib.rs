//! HTTP: protocol endpoints, REST APIs, pages, workers. A handler reads the request, calls the engine and renders; it
//! contains no rules and no SQL.

mod api;
mod api_docs;
mod caller;
mod connections;
mod context;
mod cors;
mod fallback;
mod finishing;
mod health;
pub mod language;
pub mod letters;
mod listen;
pub mod mail;
pub mod metrics;
mod oidc;
pub mod outgoing;
mod own_path;
mod pause;
pub mod places;
mod pool;
mod proxies;
mod refusal;
mod request;
mod respond;
pub mod routes;
mod saml;
mod scim;
mod serve;
mod streams;
mod ticket;
pub mod tls;
mod trust;
mod web;
mod workers;

use std::sync::Arc;

use sojourn_engine::Engine;

pub use api::v1::openapi::openapi;
pub use api::v1::types::session_json;
pub use connections::{Admission, Times, file_limit};
pub use metrics::MetricsAccess;
pub use pool::HashPool;
pub use proxies::ProxyOptions;
pub use serve::{Running, ServerOptions, SystemClock};

/// The state that every handler can access.
#[derive(Clone)]
pub struct AppState {
    /// The engine, which implements the use cases.
    pub engine: Arc<Engine>,
    /// Metrics of this process.
    pub metrics: Arc<metrics::Metrics>,
    /// Who can read the metrics.
    pub metrics_access: Arc<arc_swap::ArcSwap<MetricsAccess>>,
    /// When rows were last counted for the metrics.
    pub(crate) counted: Arc<metrics::Counted>,
    /// `SameSite` of the session cookie.
    pub same_site: &'static str,
    /// Set when the server is shutting down: it is no longer ready.
    pub draining: Arc<std::sync::atomic::AtomicBool>,
    /// Geolocation of IP addresses, if a database is configured.
    pub places: Option<Arc<places::Places>>,
    /// Folder that mail is written to instead of being sent, if configured.
    pub mail_folder: Option<Arc<std::path::Path>>,
    /// The languages of the pages.
    pub languages: language::Languages,
    /// The open event streams, which are limited in number.
    pub streams: Arc<streams::Streams>,
    /// Becomes true when the server is shutting down: streams end.
    pub stopped: tokio::sync::watch::Receiver<bool>,
    /// Outcome of the last readiness check of the database.
    pub(crate) readiness: Arc<health::Readiness>,
    /// Cached documents that are the same for everyone.
    pub(crate) documents: Arc<oidc::discovery::Documents>,
    /// Whether each request is logged.
    pub access_log: Arc<std::sync::atomic::AtomicBool>,
    /// Limits and counts the requests in progress.
    pub(crate) under_way: finishing::UnderWay,
}
