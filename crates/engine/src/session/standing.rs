//! Statistics of a tenant: current sessions, recent activity, pending work. For display, not for decisions.

use std::sync::Arc;

use sojourn_model::limits::FAILED_SIGN_INS;
use sojourn_model::{EndReason, Millis, Tenant, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;

/// Number of latest ended sessions for which reasons are counted.
pub const REASONS_OF_LATEST: i64 = 10_000;
/// Results that took less time to compute aren't cached, in milliseconds.
const QUICK_MS: i64 = 20;
/// Slower results are cached for this multiple of the time that they took.
const KEPT_FOR: i64 = 20;
/// Maximum time for which results are cached, in milliseconds.
const KEPT_MAX_MS: i64 = 600_000;

/// Statistics over a period, which is divided into equal steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Start of the period.
    pub since: Millis,
    /// Length of a step, in milliseconds.
    pub step: i64,
    /// Number of active sessions now.
    pub living: u64,
    /// Sign-ins: index of the step, and number.
    pub began: Vec<(i64, i64)>,
    /// Ended sessions: index of the step, and number.
    pub ended: Vec<(i64, i64)>,
    /// Failed sign-ins: index of the step, and number.
    pub failed: Vec<(i64, i64)>,
    /// End reasons of the latest [`REASONS_OF_LATEST`] ended sessions, most frequent first.
    pub reasons: Vec<(EndReason, i64)>,
    /// Number of pending deliveries.
    pub deliveries_waiting: i64,
    /// Number of deliveries that were given up.
    pub deliveries_dead: i64,
    /// Number of pending handler tasks.
    pub tasks_waiting: i64,
    /// Number of parked handler tasks.
    pub tasks_parked: i64,
}

/// Cached results by tenant and period, each with its expiry time.
pub(crate) type Kept = std::sync::Mutex<Vec<(TenantId, i64, Millis, Arc<Standing>)>>;

impl Engine {
    /// Returns the statistics of the last `length` milliseconds in `parts` steps. Counting millions of rows is slow,
    /// so slow results are cached for a while.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn standing(
        &self,
        tenant: &Tenant,
        length: i64,
        parts: i64,
    ) -> Result<Arc<Standing>, EngineError> {
        let began = self.now();
        if let Ok(mut kept) = self.standing.lock() {
            kept.retain(|(_, _, until, _)| (1..=KEPT_MAX_MS).contains(&until.since(began)));
            let same = |one: &&(TenantId, i64, Millis, Arc<Standing>)| {
                (one.0, one.1) == (tenant.id, length)
            };
            if let Some((.., standing)) = kept.iter().find(same) {
                return Ok(Arc::clone(standing));
            }
        }
        let standing = Arc::new(self.count_standing(tenant, length, parts).await?);
        let now = self.now();
        let took = now.since(began);
        if took > QUICK_MS
            && let Ok(mut kept) = self.standing.lock()
        {
            let until = now.plus((took * KEPT_FOR).min(KEPT_MAX_MS));
            kept.push((tenant.id, length, until, Arc::clone(&standing)));
        }
        Ok(standing)
    }

    async fn count_standing(
        &self,
        tenant: &Tenant,
        length: i64,
        parts: i64,
    ) -> Result<Standing, EngineError> {
        let (t, store) = (tenant.id, &self.store);
        let step = (length / parts).max(1);
        let since = self.now().plus(-length);
        let living = store.living_count(t, Millis(i64::MIN), Millis(i64::MAX)).await?;
        let began = store.sign_ins_by_time(t, since, step).await?;
        let ended = store.ends_by_time(t, since, step).await?;
        let failed = store.tally_by_time(t, FAILED_SIGN_INS, since, step).await?;
        let mut reasons = store.ends_by_reason(t, since, REASONS_OF_LATEST).await?;
        reasons.sort_by_key(|(_, count)| -count);
        let (deliveries_waiting, deliveries_dead) = store.deliveries_open(t).await?;
        let (mut tasks_waiting, mut tasks_parked) = (0, 0);
        for (_, one) in self.handler_backlogs(tenant).await? {
            tasks_waiting += one.pending;
            tasks_parked += one.parked;
        }
        Ok(Standing {
            since,
            step,
            living,
            began,
            ended,
            failed,
            reasons,
            deliveries_waiting,
            deliveries_dead,
            tasks_waiting,
            tasks_parked,
        })
    }
}
