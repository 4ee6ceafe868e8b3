//! A circuit breaker per application: deliveries to one that keeps failing, or is slow, wait and don't delay those to
//! others. Each node keeps it in memory; the deliveries themselves are durable.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_model::limits::DELIVERIES_OF_ONE_APPLICATION_MAX;
use sojourn_model::{AppId, Millis, TenantId};

/// Consecutive failures after which nothing is sent to an application for a while.
const FAILURES_MAX: u32 = 5;
/// First pause, in milliseconds; each further failure doubles it.
const PAUSE_MS: i64 = 30_000;
/// Upper limit of the pause, in milliseconds.
const PAUSE_MAX_MS: i64 = 600_000;
/// How long a delivery is postponed if its application is at its concurrency limit, in milliseconds.
const CROWDED_MS: i64 = 1_000;

#[derive(Debug, Clone, Copy, Default)]
struct Circuit {
    failures: u32,
    /// Time before which nothing is attempted.
    open_until: Option<Millis>,
    under_way: usize,
}

/// Health of an application's deliveries, as this node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationHealth {
    /// The application that the deliveries go to.
    pub app: AppId,
    /// Number of consecutive failures.
    pub failures: u32,
    /// Time until which nothing is sent, if too many attempts failed.
    pub open_until: Option<Millis>,
    /// Number of deliveries in progress.
    pub under_way: usize,
}

#[derive(Default)]
pub(crate) struct Breakers(Mutex<HashMap<(TenantId, AppId), Circuit>>);

impl Breakers {
    fn with<T>(&self, tenant: TenantId, app: AppId, work: impl FnOnce(&mut Circuit) -> T) -> T {
        let mut circuits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(circuits.entry((tenant, app)).or_default());
        // A healthy, idle application needs no entry.
        circuits.retain(|_, circuit| circuit.failures > 0 || circuit.under_way > 0);
        result
    }

    /// Reserves a slot for an attempt; the error is the time to which the delivery is postponed.
    pub(crate) fn enter(&self, tenant: TenantId, app: AppId, now: Millis) -> Result<(), Millis> {
        self.with(tenant, app, |circuit| {
            if let Some(until) = circuit.open_until {
                if (1..=PAUSE_MAX_MS).contains(&until.since(now)) {
                    return Err(until);
                }
                // One attempt tests the application; the others wait for its result.
                circuit.open_until = Some(now.plus(PAUSE_MS));
            }
            if circuit.under_way >= DELIVERIES_OF_ONE_APPLICATION_MAX {
                return Err(now.plus(CROWDED_MS));
            }
            circuit.under_way += 1;
            Ok(())
        })
    }

    /// Releases the slot. `answered` states whether the application responded at all.
    pub(crate) fn leave(&self, tenant: TenantId, app: AppId, answered: bool, now: Millis) {
        self.with(tenant, app, |circuit| {
            circuit.under_way = circuit.under_way.saturating_sub(1);
            if answered {
                (circuit.failures, circuit.open_until) = (0, None);
                return;
            }
            circuit.failures = circuit.failures.saturating_add(1);
            if circuit.failures >= FAILURES_MAX {
                let doublings = (circuit.failures - FAILURES_MAX).min(10);
                let pause = (PAUSE_MS << doublings).min(PAUSE_MAX_MS);
                circuit.open_until = Some(now.plus(pause));
            }
        });
    }

    /// Health of the tenant's applications that fail or have deliveries in progress.
    pub(crate) fn health(&self, tenant: TenantId) -> Vec<ApplicationHealth> {
        let circuits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<ApplicationHealth> = circuits
            .iter()
            .filter(|((of, _), _)| *of == tenant)
            .map(|((_, app), circuit)| ApplicationHealth {
                app: *app,
                failures: circuit.failures,
                open_until: circuit.open_until,
                under_way: circuit.under_way,
            })
            .collect();
        all.sort_by_key(|one| one.app);
        all
    }

    /// Number of open circuits in all tenants.
    pub(crate) fn open(&self, now: Millis) -> usize {
        let circuits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        circuits.values().filter(|one| one.open_until.is_some_and(|until| until > now)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_opens_after_failures_in_a_row_and_lets_one_attempt_find_out() {
        let breakers = Breakers::default();
        let (t, app) = (TenantId(1), app(0));
        let mut now = Millis(0);
        for _ in 0..FAILURES_MAX {
            assert_eq!(breakers.enter(t, app, now), Ok(()));
            breakers.leave(t, app, false, now);
        }
        assert_eq!(breakers.enter(t, app, now), Err(Millis(PAUSE_MS)));
        assert_eq!((breakers.open(now), breakers.health(t).len()), (1, 1));
        now = Millis(PAUSE_MS);
        assert_eq!(breakers.enter(t, app, now), Ok(()), "one finds out");
        assert!(breakers.enter(t, app, now).is_err(), "the others wait");
        breakers.leave(t, app, false, now);
        assert_eq!(breakers.enter(t, app, now), Err(now.plus(2 * PAUSE_MS)));
        now = now.plus(2 * PAUSE_MS);
        assert_eq!(breakers.enter(t, app, now), Ok(()));
        breakers.leave(t, app, true, now);
        assert_eq!((breakers.enter(t, app, now), breakers.open(now)), (Ok(()), 0));
        breakers.leave(t, app, true, now);
        assert!(breakers.health(t).is_empty(), "what is well needs no memory");
    }

    #[test]
    fn one_application_takes_only_its_share_of_places() {
        let breakers = Breakers::default();
        let (t, slow, other) = (TenantId(1), app(0), app(7));
        for _ in 0..DELIVERIES_OF_ONE_APPLICATION_MAX {
            assert_eq!(breakers.enter(t, slow, Millis(0)), Ok(()));
        }
        assert_eq!(breakers.enter(t, slow, Millis(0)), Err(Millis(CROWDED_MS)));
        assert_eq!(breakers.enter(t, other, Millis(0)), Ok(()));
        breakers.leave(t, slow, true, Millis(0));
        assert_eq!(breakers.enter(t, slow, Millis(0)), Ok(()));
    }

    fn app(byte: u8) -> AppId {
        AppId::from_slice(&[byte; 16]).expect("an id")
    }
}
