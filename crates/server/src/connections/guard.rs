//! The state of a connection, and whether it has exceeded one of its time limits.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::Times;

/// Close reason of a connection that was closed because another one needed its place.
pub(super) const DISPLACED: &str = "displaced";

/// The state of a connection. Times are milliseconds since it began, plus one.
pub(super) struct Line {
    began: Instant,
    /// Requests that haven't been answered to the last byte.
    busy: AtomicUsize,
    /// When the last request was finished; 0 before the first one.
    idle_since: AtomicU64,
    /// Since when the peer has not accepted the bytes that are to be sent; 0 while it accepts them.
    unread_since: AtomicU64,
    /// Requests with a body that hasn't arrived completely.
    receiving: AtomicUsize,
    /// Responses that have more to send but aren't polled, because the peer accepts nothing: since when. An HTTP/2 peer
    /// with a flow-control window of zero is only visible here.
    untaken: Mutex<HashMap<u64, u64>>,
    next: AtomicU64,
    displaced: AtomicBool,
    told: Notify,
}

/// How long a response isn't polled, in milliseconds, before it counts as waiting for its peer.
const UNTAKEN_MS: u64 = 1_000;

impl Line {
    pub(super) fn new() -> Self {
        Self {
            began: super::monotonic(),
            busy: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            unread_since: AtomicU64::new(0),
            receiving: AtomicUsize::new(0),
            untaken: Mutex::default(),
            next: AtomicU64::new(0),
            displaced: AtomicBool::new(false),
            told: Notify::new(),
        }
    }

    fn age(&self) -> u64 {
        let age = super::monotonic().duration_since(self.began);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn untaken(&self) -> std::sync::MutexGuard<'_, HashMap<u64, u64>> {
        self.untaken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the server has had nothing to do for the peer: no request, or only requests that wait for the peer
    /// itself. `None` while it is busy.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let busy = self.busy.load(Ordering::Acquire);
        if busy > 0 {
            let before = self.age().saturating_sub(UNTAKEN_MS);
            let untaken = self.untaken().values().filter(|since| **since <= before).count();
            if busy > untaken + self.receiving.load(Ordering::Acquire) {
                return None;
            }
        }
        Some(self.began + Duration::from_millis(self.idle_since.load(Ordering::Acquire)))
    }

    pub(super) fn displace(&self) {
        self.displaced.store(true, Ordering::Release);
        self.told.notify_one();
    }

    #[cfg(test)]
    pub(super) fn is_displaced(&self) -> bool {
        self.displaced.load(Ordering::Acquire)
    }

    /// Returns how long to wait before the next check; fails with the reason if a time limit is exceeded.
    fn look(&self, times: &Times) -> Result<Duration, &'static str> {
        let age = self.age();
        let mut again = times.idle;
        let mut over = |since: u64, limit: Duration, reason: &'static str| {
            let spent = Duration::from_millis(age.saturating_sub(since));
            match limit.checked_sub(spent) {
                Some(left) if !left.is_zero() => {
                    again = again.min(left);
                    Ok(())
                }
                _ => Err(reason),
            }
        };
        match self.unread_since.load(Ordering::Acquire) {
            0 => {}
            since => over(since, times.unread, "unread")?,
        }
        if let Some(since) = self.untaken().values().min() {
            over(*since, times.unread, "unread")?;
        }
        if self.busy.load(Ordering::Acquire) == 0 {
            match self.idle_since.load(Ordering::Acquire) {
                0 => over(0, times.first_request, "first_request")?,
                since => over(since, times.idle, "idle")?,
            }
        } else {
            // Whether a response is read can change at any time.
            again = again.min(times.unread);
        }
        Ok(again)
    }

    /// Resolves when the connection must be closed, with the reason.
    pub(super) async fn overdue(&self, times: &Times) -> &'static str {
        loop {
            if self.displaced.load(Ordering::Acquire) {
                return DISPLACED;
            }
            let again = match self.look(times) {
                Ok(again) => again,
                Err(reason) => return reason,
            };
            // Whichever comes first: the limits are checked again.
            let _ = tokio::time::timeout(again, self.told.notified()).await;
        }
    }
}

/// A request in progress: the connection is busy until this is dropped.
pub(super) struct Busy(Arc<Line>);

impl Busy {
    pub(super) fn new(line: Arc<Line>) -> Self {
        line.busy.fetch_add(1, Ordering::AcqRel);
        Self(line)
    }

    /// Keeps the request in progress until the response's body is sent or abandoned.
    pub(super) fn until_sent(self, body: Body) -> Sent {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let sent = Sent { body, id, busy: self };
        sent.more_to_take();
        sent
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.age(), Ordering::Release);
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A response's body that keeps its request in progress until it is sent or dropped.
pub(super) struct Sent {
    body: Body,
    id: u64,
    busy: Busy,
}

impl Sent {
    /// Records that the peer must accept data before the body is polled again.
    fn more_to_take(&self) {
        let line = &self.busy.0;
        line.untaken().insert(self.id, line.age());
    }

    fn asked_for_more(&self) {
        self.busy.0.untaken().remove(&self.id);
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.asked_for_more();
    }
}

/// A request with a body that is still being received.
pub(super) struct Receiving(Arc<Line>);

impl Receiving {
    pub(super) fn new(line: &Arc<Line>) -> Self {
        line.receiving.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(line))
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.receiving.fetch_sub(1, Ordering::AcqRel);
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.asked_for_more();
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // While the body itself is pending, as in an event stream, the peer isn't late.
        if matches!(frame, Poll::Ready(Some(_))) {
            self.more_to_take();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that records when its peer accepts no data.
pub(super) struct Guarded {
    stream: TcpStream,
    line: Arc<Line>,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        Self { stream, line }
    }

    fn note<T>(&self, written: &Poll<T>) {
        let unread = &self.line.unread_since;
        match written {
            Poll::Ready(_) if unread.load(Ordering::Relaxed) != 0 => {
                unread.store(0, Ordering::Release);
            }
            Poll::Pending if unread.load(Ordering::Relaxed) == 0 => {
                unread.store(self.line.age(), Ordering::Release);
            }
            _ => {}
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
