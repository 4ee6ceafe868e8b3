//! `GET /metrics`, next to the other endpoints or at a separate address.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get as at;
use http::{HeaderMap, StatusCode, header};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use crate::context::Context;
use crate::{AppState, respond};

/// How long the database can take for its part of a response: the client has a time limit as well.
const ASKED_WITHIN: Duration = Duration::from_secs(1);
/// How long figures that require counting rows are reused.
const COUNTED_EVERY: Duration = Duration::from_secs(15);

/// When rows were last counted. Only one request counts at a time.
#[derive(Default)]
pub(crate) struct Counted(Mutex<Option<Instant>>);

#[expect(clippy::disallowed_methods, reason = "how old a count is decides nothing about data")]
fn monotonic() -> Instant {
    Instant::now()
}

/// `GET /metrics`: returns OpenMetrics text, if the caller may read it here.
pub(crate) async fn get(context: Context) -> Response {
    let state = &context.state;
    let access = state.metrics_access.load();
    if access.listen.is_some() {
        return respond::plain(
            StatusCode::NOT_FOUND,
            "Metrics are served at an address of their own.",
        );
    }
    if access.bearer_token.is_some() {
        return told(state, &context.headers).await;
    }
    if !context.arrival.own {
        let text = "Metrics are told to this machine and to trusted proxies alone. Set [metrics] bearer_token_file, or \
                    [metrics] listen for an address of their own.";
        return respond::plain(StatusCode::FORBIDDEN, text);
    }
    told(state, &context.headers).await
}

async fn told(state: &AppState, headers: &HeaderMap) -> Response {
    if !state.metrics_access.load().has_token(headers) {
        let text = "Send the token of [metrics] bearer_token_file as a bearer token.";
        let response = respond::plain(StatusCode::UNAUTHORIZED, text);
        return respond::with(response, header::WWW_AUTHENTICATE, "Bearer realm=\"metrics\"");
    }
    if tokio::time::timeout(ASKED_WITHIN, ask_the_database(state)).await.is_err() {
        tracing::error!("what the database counts can't be read in time");
    }
    state.metrics.note_hashes(state.engine.hashes_waiting());
    state.metrics.note_pool(state.engine.installation().pool());
    let mut response = respond::plain(StatusCode::OK, state.metrics.encode());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    );
    response
}

async fn ask_the_database(state: &AppState) {
    match state.engine.installation().delivery_backlog().await {
        Ok(backlog) => {
            state.metrics.note_backlog(&backlog, state.engine.now());
            state.metrics.note_circuits(state.engine.open_circuits());
            state.metrics.note_certificates(state.engine.saml_certificates_ending());
        }
        Err(error) => tracing::error!(%error, "the delivery backlog can't be read"),
    }
    match state.engine.installation().task_lag().await {
        Ok((pending, oldest)) => {
            state.metrics.note_tasks(pending, oldest, state.engine.now());
        }
        Err(error) => tracing::error!(%error, "the tasks of handlers can't be read"),
    }
    match state.engine.purge_overdue().await {
        Ok(kinds) => {
            for (kind, ms) in kinds {
                state.metrics.note_overdue(kind, ms);
            }
        }
        Err(error) => tracing::error!(%error, "what is to be removed can't be read"),
    }
    let mut counted = state.counted.0.lock().await;
    if counted.is_none_or(|at| at.elapsed() >= COUNTED_EVERY) {
        match state.engine.installation().open_work().await {
            Ok(open) => {
                *counted = Some(monotonic());
                state.metrics.note_living(open.sessions, open.mails, open.jobs);
            }
            Err(error) => tracing::error!(%error, "sessions can't be counted"),
        }
    }
}

/// Serves the metrics at their separate address until the server shuts down.
pub(crate) async fn listen(
    listener: TcpListener,
    state: AppState,
    mut stopped: watch::Receiver<bool>,
) {
    let tell = |State(state): State<AppState>, headers: HeaderMap| async move {
        told(&state, &headers).await
    };
    let router = Router::new().route("/metrics", at(tell)).with_state(state);
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        // An error means that the sender is gone, which also ends the server.
        let _ = stopped.changed().await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "metrics are no longer served at their own address");
    }
}
