//! What has begun is finished: a request whose client went away goes on by itself, so that nothing stays half done. An
//! end that was written is told to the applications at once, and a tenant that was made gets its administrator.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests under way at once, those included whose clients went away: each holds memory.
const REQUESTS_MAX: usize = 4_096;

/// Counts what is under way.
#[derive(Clone)]
pub(crate) struct UnderWay(Arc<Semaphore>);

impl Default for UnderWay {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(REQUESTS_MAX)))
    }
}

impl UnderWay {
    /// A place for one more request; none when there are too many.
    pub(crate) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }

    /// Resolves when nothing is under way any more.
    pub(crate) async fn done(&self) {
        let all = u32::try_from(REQUESTS_MAX).unwrap_or(u32::MAX);
        let _ = self.0.acquire_many(all).await;
    }
}

/// A future that goes on in the background when whoever waits for it goes away after it began.
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
