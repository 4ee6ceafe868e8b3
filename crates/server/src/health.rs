//! Health endpoints for probes: `/health/live` and `/health/ready`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use sojourn_engine::{Engine, EngineError, StoreError};
use tokio::sync::Mutex;

use crate::AppState;
use crate::respond;

/// How long the database can take to respond here: the caller of a probe has a time limit as well.
const ASKED_WITHIN: Duration = Duration::from_secs(1);

/// `GET /health/live`: returns 200 while the process responds.
pub(crate) async fn live() -> Response {
    respond::json(StatusCode::OK, &json!({ "status": "live" }))
}

/// How long the outcome of a check is reused: anyone can call the endpoint, and each check writes.
const REUSED_FOR: Duration = Duration::from_millis(500);

/// The outcome of the last check of the database. Only one check runs at a time, however many callers there are.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Checked)>>);

/// Milliseconds by which this node's clock is ahead of the database's; `None` if the database has no clock.
type Checked = Result<Option<i64>, StoreError>;

impl Readiness {
    async fn check(&self, engine: &Engine) -> Checked {
        let mut last = self.0.lock().await;
        if let Some((at, outcome)) = &*last
            && at.elapsed() < REUSED_FOR
        {
            return outcome.clone();
        }
        let check = async {
            engine.installation().check().await?;
            match engine.clock_ahead_ms().await {
                Ok(ahead) => Ok(ahead),
                Err(EngineError::Store(error)) => Err(error),
                Err(other) => Err(StoreError::Unavailable(other.to_string())),
            }
        };
        let check = tokio::time::timeout(ASKED_WITHIN, check).await;
        let outcome =
            check.unwrap_or_else(|_| Err(StoreError::Unavailable("the check timed out".into())));
        *last = Some((monotonic(), outcome.clone()));
        outcome
    }
}

#[expect(clippy::disallowed_methods, reason = "how old an outcome is decides nothing about data")]
fn monotonic() -> Instant {
    Instant::now()
}

/// `GET /health/ready`: returns 200 if requests can be served: the database responds, and the server isn't shutting
/// down.
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    if state.draining.load(Ordering::Acquire) {
        let body = json!({ "status": "ending" });
        return respond::json(StatusCode::SERVICE_UNAVAILABLE, &body);
    }
    match state.readiness.check(&state.engine).await {
        Ok(None) => respond::json(StatusCode::OK, &json!({ "status": "ready" })),
        Ok(Some(ahead)) => {
            let body = json!({ "status": "ready", "clock_ahead_of_database_ms": ahead });
            respond::json(StatusCode::OK, &body)
        }
        Err(error) => {
            tracing::error!(%error, "not ready");
            let body = json!({ "status": "the database does not answer" });
            respond::json(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}
