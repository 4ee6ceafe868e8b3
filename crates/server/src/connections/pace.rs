//! A request's body is read completely before it is processed, at a minimum rate and within a limit for all bodies
//! together: no use case waits for a client, and a slow client affects only its own connection.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::Times;

/// Number of received bytes that extend the time limit by one second.
const BYTES_A_SECOND: u64 = 1024;
/// Maximum number of bytes of all longer bodies that are being read or processed.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// A body of at most this many bytes is always read: a form, a small document.
const SHORT: usize = 4 * 1024;

/// The reason why a body isn't read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The body arrived too slowly.
    #[error("The body of the request came too slowly.")]
    Slow,
    /// The connection failed before the body was complete.
    #[error("The body of the request did not come whole.")]
    Failed,
    /// All bodies together exceed the limit.
    #[error("Too many long requests at once: try again in a moment.")]
    Full,
}

/// Counts the bytes of longer bodies in memory.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<AtomicUsize>);

/// Bytes of one body that count until this is dropped.
pub(super) struct Hold {
    held: Held,
    bytes: usize,
}

impl Hold {
    fn grow(&mut self, to: usize) -> Result<(), Broken> {
        let more = to.saturating_sub(self.bytes);
        if to <= SHORT || more == 0 {
            return Ok(());
        }
        let before = self.held.0.fetch_add(more, Ordering::AcqRel);
        self.bytes += more;
        if before + more > BYTES_MAX { Err(Broken::Full) } else { Ok(()) }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// Reads a body up to one byte more than `limit`, so that the code that enforces the limit sees that it is too long.
pub(super) async fn read(
    mut body: Incoming,
    limit: usize,
    times: &Times,
    held: &Held,
) -> Result<(Bytes, Hold), Broken> {
    let mut hold = Hold { held: held.clone(), bytes: 0 };
    let mut whole = Bytes::new();
    let mut parts = BytesMut::new();
    let began = super::monotonic();
    let mut first = true;
    while whole.len().max(parts.len()) <= limit {
        let read = whole.len().max(parts.len());
        let bought = Duration::from_secs(read as u64 / BYTES_A_SECOND);
        // Bytes that arrived fast don't allow a longer pause.
        let whole_by = began + (times.body + bought).min(times.request);
        let deadline = whole_by.min(super::monotonic() + times.body);
        let deadline = tokio::time::Instant::from_std(deadline);
        let frame = pin!(body.frame());
        let frame = match tokio::time::timeout_at(deadline, frame).await {
            Err(_) => return Err(Broken::Slow),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Broken::Failed),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        hold.grow(read + data.len())?;
        // Most bodies arrive in one piece, which is kept without copying.
        if first {
            whole = data;
            first = false;
        } else {
            if parts.is_empty() {
                parts.extend_from_slice(&whole);
            }
            parts.extend_from_slice(&data);
        }
    }
    let whole = if parts.is_empty() { whole } else { parts.freeze() };
    Ok((whole, hold))
}
