//! How a tenant stands: sessions now, what happened of late, what waits. Figures for people, not for decisions.

use std::sync::Arc;

use sojourn_model::limits::FAILED_SIGN_INS;
use sojourn_model::{EndReason, Millis, Tenant, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;

/// Ended sessions whose reasons are counted.
pub const REASONS_OF_LATEST: i64 = 10_000;
/// What took less is counted each time, in milliseconds.
const QUICK_MS: i64 = 20;
/// What took longer is kept for so many times as long.
const KEPT_FOR: i64 = 20;
/// Figures are kept so long at most, in milliseconds.
const KEPT_MAX_MS: i64 = 600_000;

/// Numbers over a stretch of time, which is divided into equal parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// When it begins.
    pub since: Millis,
    /// Milliseconds of a part.
    pub step: i64,
    /// Sessions that live now.
    pub living: u64,
    /// Sign-ins: the number of a part, and how many.
    pub began: Vec<(i64, i64)>,
    /// Ends, in the same way.
    pub ended: Vec<(i64, i64)>,
    /// Failed sign-ins, in the same way.
    pub failed: Vec<(i64, i64)>,
    /// Why the latest [`REASONS_OF_LATEST`] of them ended, the commonest reason first.
    pub reasons: Vec<(EndReason, i64)>,
    /// Deliveries that wait.
    pub deliveries_waiting: i64,
    /// Deliveries that were given up.
    pub deliveries_dead: i64,
    /// Tasks of handlers that wait.
    pub tasks_waiting: i64,
    /// Tasks of handlers that are parked.
    pub tasks_parked: i64,
}

/// What was counted lately of which tenant and stretch, and until when that is good enough.
pub(crate) type Kept = std::sync::Mutex<Vec<(TenantId, i64, Millis, Arc<Standing>)>>;

impl Engine {
    /// How a tenant stands, over the last `length` milliseconds in `parts`. Counting millions takes its time; what took
    /// long is shown for a while before it is counted again.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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
        let (t, store) = (tenant.id, self.reads());
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
