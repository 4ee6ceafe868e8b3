//! From an end to the delivery worker of the same process, without a second commit: what an end wrote with
//! a lease is handed over when it is durable. Everything else the worker claims from the database, and so
//! does another one when this process dies with what it was handed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use sojourn_model::Delivery;
use sojourn_model::limits::DELIVERIES_HANDED_MAX;

/// Deliveries on their way to the worker.
#[derive(Default)]
pub struct Outbox {
    /// Whether a worker runs here: what is handed to nobody would wait for its lease to run out.
    open: AtomicBool,
    handed: Mutex<Vec<Delivery>>,
    /// Whether there is something to claim.
    written: AtomicBool,
    wake: tokio::sync::Notify,
    /// What came of attempts was written.
    settled: tokio::sync::Notify,
}

impl Outbox {
    /// A worker begins, or ends, to take what is handed over.
    pub fn open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Whether an end may write its deliveries with a lease.
    pub(crate) fn takes_more(&self) -> bool {
        self.open.load(Ordering::Acquire) && self.handed().len() < DELIVERIES_HANDED_MAX
    }

    /// Deliveries were written that any worker may claim.
    pub(crate) fn written(&self) {
        self.written.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// An end wrote deliveries, some of them perhaps with a lease.
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

    /// Takes what was handed over, and says whether there is something to claim besides.
    pub fn take(&self) -> (Vec<Delivery>, bool) {
        let handed = std::mem::take(&mut *self.handed());
        (handed, self.written.swap(false, Ordering::AcqRel))
    }

    pub(crate) fn tell_settled(&self) {
        self.settled.notify_waiters();
    }

    /// Resolves when this process has written what came of an attempt.
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
