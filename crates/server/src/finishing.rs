//! A request that has begun is finished, even if its client disconnects, so that nothing is left half done.
//! Applications are notified as soon as an end is written, and a new tenant gets its administrator.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of concurrent requests, including those of clients that disconnected: each holds memory.
const REQUESTS_MAX: usize = 4_096;

/// Limits and counts the requests in progress.
#[derive(Clone)]
pub(crate) struct UnderWay(Arc<Semaphore>);

impl Default for UnderWay {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(REQUESTS_MAX)))
    }
}

impl UnderWay {
    /// Returns a place for one more request; `None` if there are too many.
    pub(crate) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }

    /// Resolves when no request is in progress.
    pub(crate) async fn done(&self) {
        let all = u32::try_from(REQUESTS_MAX).unwrap_or(u32::MAX);
        let _ = self.0.acquire_many(all).await;
    }
}

/// A future that continues in the background if it is dropped after it began.
pub(crate) struct Finishing<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    began: bool,
}

impl<F: Future<Output: Send> + Send + 'static> Finishing<F> {
    pub(crate) fn new(work: F) -> Self {
        Self { work: Some(Box::pin(work)), began: false }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Finishing<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.began = true;
        let Some(work) = &mut self.work else { return Poll::Pending };
        let answer = work.as_mut().poll(cx);
        if answer.is_ready() {
            self.work = None;
        }
        answer
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Finishing<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take().filter(|_| self.began)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}
