//! Expiry is an end like any other: applications hear of it.

use std::collections::HashMap;
use std::sync::PoisonError;

use sojourn_model::limits::SWEEP_BATCH;
use sojourn_model::network::address_key;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, GrantId, Millis, Op, Outcome, SessionId, Tenant,
    TenantId,
};
use sojourn_store::{Place, SessionRange};

use super::search::Sort;
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
            let change = ChangeSet::of(tenant.id, Op::EndSessions(end));
            // Else a conflict: it was used on another node or ended meanwhile.
            if let Outcome::Applied(applied) = self.apply(change).await? {
                self.outbox.written_or_handed(applied.ended.deliveries, applied.deliveries);
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
        self.complete_rows(ROWS).await?;
        let mut purged = 0;
        for tenant in self.store.tenants().await? {
            let op =
                Op::Purge { now, history_before: now.plus(-self.settings.history_ms), limit: ROWS };
            if let Outcome::Applied(applied) = self.apply(ChangeSet::of(tenant.id, op)).await? {
                purged += applied.purged;
            }
            self.forget_addresses(&tenant, now).await?;
            self.purge_applications(&tenant).await?;
            self.park_orphans(&tenant).await?;
            let before = now.plus(-self.settings.history_ms);
            for handler in &self.settings.handlers {
                let handler = handler.id.clone();
                let op = Op::PurgeTasks { handler, before, limit: ROWS };
                self.must_apply(ChangeSet::of(tenant.id, op)).await?;
            }
        }
        Ok(purged + self.purge_grants(now).await?)
    }

    /// Walks on through the ledger from where the last walk stopped, and removes addresses that are old enough.
    async fn forget_addresses(&self, tenant: &Tenant, now: Millis) -> Result<(), EngineError> {
        const ROWS: i64 = 500;
        let Some(kept) = self.settings.addresses_ms else { return Ok(()) };
        let walked = || self.addresses_to.lock().unwrap_or_else(PoisonError::into_inner);
        let from = walked().get(&tenant.id).cloned().unwrap_or(Place::FIRST);
        let stop = now.plus(-kept);
        let old =
            self.store.sessions_from(tenant.id, &SessionRange::Ended, from, stop, ROWS).await?;
        let Some(last) = old.last() else { return Ok(()) };
        let place = Sort::Ended.place(last).after();
        let with = old.iter().filter(|session| !session.ip.is_empty());
        let ids: Vec<SessionId> = with.map(|session| session.id).collect();
        if !ids.is_empty() {
            self.must_apply(ChangeSet::of(tenant.id, Op::ForgetAddresses(ids))).await?;
        }
        walked().insert(tenant.id, place);
        Ok(())
    }

    /// Fills in what programs before this one left out.
    async fn complete_rows(&self, limit: i64) -> Result<(), EngineError> {
        let mut keys: HashMap<TenantId, Vec<(SessionId, Vec<u8>)>> = HashMap::new();
        for (tenant, session, ip) in self.store.unkeyed_sessions(limit).await? {
            keys.entry(tenant).or_default().push((session, address_key(&ip)));
        }
        for (tenant, keys) in keys {
            self.apply(ChangeSet::of(tenant, Op::KeyAddresses(keys))).await?;
        }
        self.apply(ChangeSet::of(TenantId::DEFAULT, Op::PlaceStays { limit })).await?;
        Ok(())
    }

    /// Walks on through the grants from where the last walk stopped; at the young ones it turns back to
    /// the oldest.
    async fn purge_grants(&self, now: Millis) -> Result<u64, EngineError> {
        const PAGE: i64 = 500;
        const PAGES: usize = 40;
        let mut purged = 0;
        for _ in 0..PAGES {
            let from = *self.purged_to.lock().unwrap_or_else(PoisonError::into_inner);
            let page = self.store.grants_after(from, PAGE).await?;
            let young = now.plus(-self.settings.lifetimes.code_ms);
            let last = page.last().filter(|last| last.id.drawn_at() < young).map(|last| last.id);
            let mut dead: HashMap<TenantId, Vec<GrantId>> = HashMap::new();
            for grant in page.into_iter().filter(|grant| grant.expires_at < now) {
                dead.entry(grant.tenant).or_default().push(grant.id);
            }
            for (tenant, grants) in dead {
                let op = Op::PurgeGrants { grants, now };
                if let Outcome::Applied(applied) = self.apply(ChangeSet::of(tenant, op)).await? {
                    purged += applied.purged;
                }
            }
            let next = last.unwrap_or(GrantId([0; 16]));
            *self.purged_to.lock().unwrap_or_else(PoisonError::into_inner) = next;
            if last.is_none() {
                break;
            }
        }
        Ok(purged)
    }
}
