//! Clients that were rejected a moment ago, and the turns of an address.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sojourn_model::Millis;
use sojourn_model::limits::{LANE_WIDTH, LANES_WAITING_MAX, REFUSED_KEPT_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a client that exceeded its budget is rejected from memory, in milliseconds, so that a flood writes
/// nothing.
const REFUSED_MS: i64 = 5_000;

/// Keys that exceeded their budget recently, with the time at which they did.
#[derive(Default)]
pub(crate) struct Refused(Mutex<HashMap<Vec<u8>, Millis>>);

impl Refused {
    pub(crate) fn has(&self, key: &[u8], now: Millis) -> bool {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A time in the future comes from before the clock went back.
        map.get(key).is_some_and(|at| (0..REFUSED_MS).contains(&now.since(*at)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn note(&self, key: Vec<u8>, now: Millis) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= REFUSED_KEPT_MAX {
            map.clear();
        }
        map.insert(key, now);
    }
}

/// Limits how many passwords are verified at a time for each address.
///
/// An attempt counts as a failure until the password has been verified. Without this limit, an office in which more
/// people than the budget sign in at once would be rejected, and one address could fill the whole queue of hashes.
#[derive(Default)]
pub(crate) struct Lanes {
    of: Mutex<HashMap<Vec<u8>, Arc<Semaphore>>>,
    waiting: AtomicUsize,
}

/// Counts a waiting request until it gets its turn or is dropped.
struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Lanes {
    /// Waits for a turn, which ends when the permit is dropped. Returns `None` immediately if too many requests wait.
    /// An address with a free turn never waits, so a crowd at one address doesn't affect others.
    pub(crate) async fn turn(&self, address: &[u8]) -> Option<OwnedSemaphorePermit> {
        let lane = {
            let mut all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= LANES_WAITING_MAX {
                // A lane in use is also held by its users.
                all.retain(|_, lane| Arc::strong_count(lane) > 1);
            }
            let lane = || Arc::new(Semaphore::new(LANE_WIDTH));
            Arc::clone(all.entry(address.to_vec()).or_insert_with(lane))
        };
        if let Ok(free) = Arc::clone(&lane).try_acquire_owned() {
            return Some(free);
        }
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiter = Waiter(&self.waiting);
        if before >= LANES_WAITING_MAX {
            return None;
        }
        lane.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a future is still pending.
    fn poll(future: &mut std::pin::Pin<Box<impl Future>>) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.as_mut().poll(&mut context).is_pending()
    }

    #[tokio::test]
    async fn an_address_has_so_many_turns_and_others_have_theirs() {
        let lanes = Lanes::default();
        let mut turns = Vec::new();
        for _ in 0..LANE_WIDTH {
            turns.push(lanes.turn(b"office").await.expect("a turn"));
        }
        let mut next = Box::pin(lanes.turn(b"office"));
        assert!(poll(&mut next));
        assert!(lanes.turn(b"home").await.is_some());
        turns.pop();
        assert!(next.await.is_some());
        assert_eq!(lanes.waiting.load(Ordering::SeqCst), 0, "who had a turn doesn't wait");
        // At the limit of waiting requests another one is rejected; other addresses still have their turns.
        turns.push(lanes.turn(b"office").await.expect("a turn"));
        let mut waiters: Vec<_> =
            (0..LANES_WAITING_MAX).map(|_| Box::pin(lanes.turn(b"office"))).collect();
        for waiter in &mut waiters {
            assert!(poll(waiter));
        }
        assert!(lanes.turn(b"office").await.is_none());
        assert!(lanes.turn(b"home").await.is_some());
        drop(waiters);
        assert!(poll(&mut Box::pin(lanes.turn(b"office"))), "there is room to wait again");
    }
}
