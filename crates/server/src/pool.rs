//! Computes password hashes outside the async threads, at most one per core at a time, with a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sojourn_engine::{Boxed, Offload};
use sojourn_model::limits::HASH_QUEUE_MAX;
use tokio::sync::Semaphore;

/// A bounded pool for CPU-intensive work.
#[derive(Debug)]
pub struct HashPool {
    running: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Default for HashPool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { running: Arc::new(Semaphore::new(cores)), waiting: Arc::default() }
    }
}

/// A place in the pool. It belongs to the work, so that a caller that goes away before the work is done doesn't make
/// room for more.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Offload for HashPool {
    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Boxed<'_, bool> {
        Box::pin(async move {
            let before = self.waiting.fetch_add(1, Ordering::AcqRel);
            let place = Place(Arc::clone(&self.waiting));
            if before >= HASH_QUEUE_MAX {
                return false;
            }
            let running = Arc::clone(&self.running);
            let Ok(permit) = running.acquire_owned().await else { return false };
            let work = move || {
                job();
                drop((permit, place));
            };
            tokio::task::spawn_blocking(work).await.is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A caller that goes away leaves its work running; the work keeps its place until it is done.
    #[tokio::test]
    async fn abandoned_work_keeps_its_place() {
        let pool = HashPool { running: Arc::new(Semaphore::new(2)), waiting: Arc::default() };
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let job = || {
            let (gate, running, most) = (gate.clone(), running.clone(), most.clone());
            Box::new(move || {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                let _ = gate.lock().expect("a gate").recv();
                running.fetch_sub(1, Ordering::SeqCst);
            })
        };
        for _ in 0..20 {
            // Polled once, which starts the work if there is a place, then dropped.
            let mut run = pool.run(job());
            let polled = futures_util::future::poll_immediate(&mut run).await;
            assert_eq!(polled, None);
        }
        assert_eq!(pool.waiting.load(Ordering::SeqCst), 2, "two run, the others left the queue");
        assert_eq!(pool.running.available_permits(), 0, "and nobody else may");
        drop(go);
        assert!(pool.run(job()).await, "their places are free once they are done");
        assert!(most.load(Ordering::SeqCst) <= 2);
    }
}
