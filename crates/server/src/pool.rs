//! Where password hashes are computed: beside the async threads, as many at once as there are cores,
//! with a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sojourn_engine::{Boxed, Offload};
use sojourn_model::limits::HASH_QUEUE_MAX;
use tokio::sync::Semaphore;

/// A bounded pool for heavy work.
#[derive(Debug)]
pub struct HashPool {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for HashPool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { running: Arc::new(Semaphore::new(cores)), waiting: AtomicUsize::new(0) }
    }
}

struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Offload for HashPool {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Boxed<'_, bool> {
        Box::pin(async move {
            let before = self.waiting.fetch_add(1, Ordering::AcqRel);
            let _place = Place(&self.waiting);
            if before >= HASH_QUEUE_MAX {
                return false;
            }
            let Ok(_permit) = self.running.acquire().await else { return false };
            tokio::task::spawn_blocking(job).await.is_ok()
        })
    }
}
