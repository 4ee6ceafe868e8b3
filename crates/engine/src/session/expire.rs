//! Expiry is an end like any other: applications hear of it.

use std::collections::HashMap;

use sojourn_model::limits::SWEEP_BATCH;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, GrantId, Op, Outcome, Tenant, TenantId,
};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Ends sessions whose time is over, a batch at most, and answers how many were found. What was
    /// used a moment ago and isn't written yet doesn't end.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn sweep(&self) -> Result<usize, EngineError> {
        self.flush_touches().await?;
        let slack = self.settings.lifetimes.touch_flush_ms;
        let due = self.store.expired_sessions(self.now(), slack, SWEEP_BATCH).await?;
        let found = due.len();
        let mut tenants: HashMap<TenantId, Option<Tenant>> = HashMap::new();
        for expiry in due {
            if let std::collections::hash_map::Entry::Vacant(entry) = tenants.entry(expiry.tenant) {
                entry.insert(self.store.tenant(expiry.tenant).await?);
            }
            let Some(Some(tenant)) = tenants.get(&expiry.tenant) else { continue };
            let reason = if expiry.lifetime { EndReason::Lifetime } else { EndReason::IdleTimeout };
            let target = EndTarget::ExpiredSession(expiry.user, expiry.session);
            let plan = EndPlan::new(target, reason, Actor::System);
            let end = self.end_operation(tenant, plan);
            match self.apply(ChangeSet::of(tenant.id, Op::EndSessions(end))).await? {
                Outcome::Applied(applied) if applied.ended.deliveries > 0 => {
                    self.deliveries.notify_one();
                }
                // Conflict: it was used on another node or ended meanwhile.
                _ => {}
            }
        }
        Ok(found)
    }

    /// Removes what nobody can need any more, a bounded number of rows for each tenant, and answers how
    /// many went.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn purge(&self) -> Result<u64, EngineError> {
        const ROWS: i64 = 500;
        let now = self.now();
        let mut purged = 0;
        for tenant in self.store.tenants().await? {
            let op = Op::Purge {
                now,
                history_before: now.plus(-self.settings.history_ms),
                from_grant: GrantId::random(&*self.rng),
                limit: ROWS,
            };
            if let Outcome::Applied(applied) = self.apply(ChangeSet::of(tenant.id, op)).await? {
                purged += applied.purged;
            }
        }
        Ok(purged)
    }
}
