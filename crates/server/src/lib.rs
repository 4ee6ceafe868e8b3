//! HTTP: protocol endpoints, REST APIs, pages, workers. A handler reads the request, calls the
//! engine and renders; it holds no rule and no SQL.

mod api;
mod connections;
mod context;
mod cors;
mod finishing;
mod health;
pub mod language;
pub mod letters;
mod listen;
pub mod mail;
pub mod metrics;
mod oidc;
pub mod outgoing;
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

/// What every handler can reach.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// What is counted.
    pub metrics: Arc<metrics::Metrics>,
    /// Who may read that.
    pub metrics_access: Arc<arc_swap::ArcSwap<MetricsAccess>>,
    /// When rows were counted for it.
    pub(crate) counted: Arc<metrics::Counted>,
    /// `SameSite` of the session cookie.
    pub same_site: &'static str,
    /// Set when the server is ending: it is no longer ready.
    pub draining: Arc<std::sync::atomic::AtomicBool>,
    /// Where addresses are, if a database of that is configured.
    pub places: Option<Arc<places::Places>>,
    /// Where mail is written instead of sent, if it is.
    pub mail_folder: Option<Arc<std::path::Path>>,
    /// The languages of the pages.
    pub languages: language::Languages,
    /// Streams that are open.
    pub streams: Arc<api::v1::streams::Streams>,
    /// Turns true when the server is ending: streams end.
    pub stopped: tokio::sync::watch::Receiver<bool>,
    /// Whether the database could be written a moment ago.
    pub(crate) readiness: Arc<health::Readiness>,
    /// Documents that are the same for everyone.
    pub(crate) documents: Arc<oidc::discovery::Documents>,
    /// Whether each request is a line in the log.
    pub access_log: Arc<std::sync::atomic::AtomicBool>,
    /// Requests under way.
    pub(crate) under_way: finishing::UnderWay,
}
