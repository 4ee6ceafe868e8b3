//! Hands deliveries from an end to the delivery worker of the same process without a second commit. An end writes
//! them with a lease and hands them over once they are durable. The worker claims all other deliveries from the
//! database, as another worker does if this process dies before it has sent them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use sojourn_model::Delivery;
use sojourn_model::limits::DELIVERIES_HANDED_MAX;

/// Deliveries on the way to this process's worker.
#[derive(Default)]
pub struct Outbox {
    /// Whether a worker runs in this process; without one, deliveries would wait until their lease expires.
    open: AtomicBool,
    handed: Mutex<Vec<Delivery>>,
    /// Whether there are deliveries to claim from the database.
    written: AtomicBool,
    wake: tokio::sync::Notify,
    /// Signals that results of attempts were stored.
    settled: tokio::sync::Notify,
}

impl Outbox {
    /// Opens or closes the outbox; called when a worker starts and stops.
    pub fn open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Returns whether an end may write its deliveries with a lease.
    pub(crate) fn takes_more(&self) -> bool {
        self.open.load(Ordering::Acquire) && self.handed().len() < DELIVERIES_HANDED_MAX
    }

    /// Signals deliveries that any worker may claim.
    pub(crate) fn written(&self) {
        self.written.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Signals deliveries that an end wrote, and queues those that it wrote with a lease.
    pub(crate) fn written_or_handed(&self, written: u64, handed: Vec<Delivery>) {
        if handed.is_empty() {
            if written > 0 {
                self.written();
            }
            return;
        }
        self.handed().extend(handed);
        self.wake.notify_one();
    }

    /// Takes the deliveries that were handed over. The flag says whether there are others to claim.
    pub fn take(&self) -> (Vec<Delivery>, bool) {
        let handed = std::mem::take(&mut *self.handed());
        (handed, self.written.swap(false, Ordering::AcqRel))
    }

    pub(crate) fn tell_settled(&self) {
        self.settled.notify_waiters();
    }

    /// Resolves when this process has stored the result of an attempt.
    pub(crate) fn settled(&self) -> tokio::sync::futures::Notified<'_> {
        self.settled.notified()
    }

    /// Resolves when there is something to take.
    pub async fn filled(&self) {
        self.wake.notified().await;
    }

    fn handed(&self) -> std::sync::MutexGuard<'_, Vec<Delivery>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
