//! Expiry of sessions, which is an end like any other: applications are notified. Also deletes data past its
//! retention.

use sojourn_model::operation::TaskChange;
use std::collections::HashMap;
use std::sync::PoisonError;

use sojourn_model::directory::text_key;
use sojourn_model::limits::SWEEP_BATCH;
use sojourn_model::network::address_key;
use sojourn_model::operation::{KeyAccount, Purge, REQUEST_KEPT_MS};
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, GrantId, Millis, Op, Outcome, SessionId, Tenant,
    TenantId, User,
};
use sojourn_store::{Place, SessionRange};

use super::search::Sort;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::settings::Retention;

/// Rows of each kind that are deleted in one transaction.
const PURGE_ROWS: i64 = 500;

/// The result of one step of the purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Number of deleted rows.
    pub rows: u64,
    /// Whether more rows may be due.
    pub more: bool,
}

/// The normalised forms by which an account's names are compared.
fn keys_of(user: &User) -> KeyAccount {
    KeyAccount {
        user: user.id,
        version: user.version,
        username: Some(User::username_key(&user.username)),
        email: user.email.as_deref().map(text_key),
        display: user.display_name.as_deref().map(text_key),
    }
}

impl Engine {
    /// Ends a batch of expired sessions, and returns how many were found. Sessions with a recent access that isn't
    /// stored yet don't end.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn sweep(&self) -> Result<usize, EngineError> {
        self.flush_touches().await?;
        self.notice_the_clock().await?;
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
            // Any other outcome is a conflict: the session was used on another node or ended in the meantime.
            self.apply(change).await?;
        }
        Ok(found)
    }

    /// Corrects what was written while the clock was ahead, if the clock went back since the last look, and at the
    /// first look.
    async fn notice_the_clock(&self) -> Result<(), EngineError> {
        let now = self.now();
        let before = {
            let mut seen = self.clock_seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.replace(now)
        };
        match before {
            Some(before) if now >= before => Ok(()),
            _ => self.set_right().await,
        }
    }

    async fn set_right(&self) -> Result<(), EngineError> {
        let now = self.now();
        for tenant in self.store.tenants().await? {
            self.apply(ChangeSet::of(tenant.id, Op::SetRight { now })).await?;
        }
        Ok(())
    }

    /// Deletes everything past its retention, without a pause, and returns the number of deleted rows.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn purge(&self) -> Result<u64, EngineError> {
        let mut purged = 0;
        for tenant in self.begin_purge().await? {
            loop {
                let portion = self.purge_portion(&tenant).await?;
                purged += portion.rows;
                if !portion.more {
                    break;
                }
            }
        }
        loop {
            let portion = self.purge_grants().await?;
            purged += portion.rows;
            if !portion.more {
                return Ok(purged);
            }
        }
    }

    /// Starts a purge: does the work that is done once per purge, and returns the tenants to process.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn begin_purge(&self) -> Result<Vec<Tenant>, EngineError> {
        // The clock that was ahead may have been another node's.
        self.set_right().await?;
        self.complete_rows(PURGE_ROWS).await?;
        let tenants = self.store.tenants().await?;
        for tenant in &tenants {
            self.purge_applications(tenant).await?;
            self.park_orphans(tenant).await?;
        }
        Ok(tenants)
    }

    /// Deletes a batch of a tenant's rows of each kind, and of addresses past their retention.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn purge_portion(&self, tenant: &Tenant) -> Result<Purged, EngineError> {
        let now = self.now();
        let before = |kept: i64| now.plus(-kept);
        let retention = self.settings.retention;
        let history_before = before(self.settings.history_ms);
        let mut ops = vec![Op::Purge(Purge {
            now,
            history_before,
            events_before: before(retention.events_ms),
            audit_before: before(retention.audit_ms),
            browsers_before: before(retention.browsers_ms),
            limit: PURGE_ROWS,
        })];
        ops.extend(self.settings.handlers.iter().map(|handler| {
            let handler = handler.id.clone();
            Op::Task(TaskChange::Purge { handler, before: history_before, limit: PURGE_ROWS })
        }));
        let mut rows = 0;
        for op in ops {
            if let Outcome::Applied(applied) = self.apply(ChangeSet::of(tenant.id, op)).await? {
                rows += applied.purged;
            }
        }
        let addresses = self.forget_addresses(tenant, now).await?;
        // If the number reaches the limit of one kind, there may be more rows of it.
        Ok(Purged { rows, more: addresses || rows >= PURGE_ROWS.unsigned_abs() })
    }

    /// How long ago the oldest row of each kind should have been deleted, in milliseconds; 0 if none is overdue.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn purge_overdue(&self) -> Result<Vec<(&'static str, i64)>, EngineError> {
        let now = self.now();
        let oldest = self.store.oldest().await?;
        let Retention { events_ms, audit_ms, browsers_ms } = self.settings.retention;
        let history = self.settings.history_ms;
        let kinds = [
            ("event", oldest.event, events_ms),
            ("revoked_token", oldest.revoked, 0),
            ("throttle", oldest.throttle, 0),
            ("request_key", oldest.request, REQUEST_KEPT_MS),
            ("known_browser", oldest.browser, browsers_ms),
            ("session", oldest.ended_session, history),
            ("delivery", oldest.delivery, history),
            ("audit", oldest.audit, audit_ms),
        ];
        let overdue = |oldest: Option<Millis>, kept: i64| {
            oldest.map_or(0, |at| (now.since(at) - kept).max(0))
        };
        Ok(kinds.into_iter().map(|(kind, oldest, kept)| (kind, overdue(oldest, kept))).collect())
    }

    /// Continues through the ledger from where the last call stopped, and removes addresses past their retention.
    /// Returns whether there may be more.
    async fn forget_addresses(&self, tenant: &Tenant, now: Millis) -> Result<bool, EngineError> {
        let Some(kept) = self.settings.addresses_ms else { return Ok(false) };
        let walked = || self.addresses_to.lock().unwrap_or_else(PoisonError::into_inner);
        let from = walked().get(&tenant.id).cloned().unwrap_or(Place::FIRST);
        let stop = now.plus(-kept);
        let old = self
            .store
            .sessions_from(tenant.id, &SessionRange::Ended, from, stop, PURGE_ROWS)
            .await?;
        let Some(last) = old.last() else { return Ok(false) };
        let place = Sort::Ended.place(last).after();
        let with = old.iter().filter(|session| !session.ip.is_empty());
        let ids: Vec<SessionId> = with.map(|session| session.id).collect();
        if !ids.is_empty() {
            self.must_apply(ChangeSet::of(tenant.id, Op::ForgetAddresses(ids))).await?;
        }
        walked().insert(tenant.id, place);
        Ok(i64::try_from(old.len()).is_ok_and(|rows| rows >= PURGE_ROWS))
    }

    /// Fills in columns that earlier versions didn't write.
    async fn complete_rows(&self, limit: i64) -> Result<(), EngineError> {
        let mut keys: HashMap<TenantId, Vec<(SessionId, Vec<u8>)>> = HashMap::new();
        for (tenant, session, ip) in self.store.unkeyed_sessions(limit).await? {
            keys.entry(tenant).or_default().push((session, address_key(&ip)));
        }
        for (tenant, keys) in keys {
            self.apply(ChangeSet::of(tenant, Op::KeyAddresses(keys))).await?;
        }
        self.apply(ChangeSet::of(TenantId::DEFAULT, Op::PlaceStays { limit })).await?;
        self.key_accounts(limit).await
    }

    /// Writes the lookup keys of accounts, several thousand per round. If two login names have the same key, the
    /// second one keeps its old key: it can still be found by its exact name, and `sojourn doctor` reports it.
    async fn key_accounts(&self, limit: i64) -> Result<(), EngineError> {
        const PORTIONS: usize = 40;
        for _ in 0..PORTIONS {
            let users = self.store.unkeyed_users(limit).await?;
            let mut changes: HashMap<TenantId, Vec<KeyAccount>> = HashMap::new();
            for user in &users {
                changes.entry(user.tenant).or_default().push(keys_of(user));
            }
            for (tenant, keys) in changes {
                let mut change = ChangeSet::new(tenant);
                change.ops.extend(keys.iter().cloned().map(Op::KeyAccount));
                if self.apply(change).await? == Outcome::Duplicate {
                    self.key_one_by_one(tenant, keys).await?;
                }
            }
            if i64::try_from(users.len()).is_ok_and(|count| count < limit) {
                break;
            }
        }
        Ok(())
    }

    async fn key_one_by_one(
        &self,
        tenant: TenantId,
        keys: Vec<KeyAccount>,
    ) -> Result<(), EngineError> {
        for keys in keys {
            let change = ChangeSet::of(tenant, Op::KeyAccount(keys.clone()));
            if self.apply(change).await? == Outcome::Duplicate {
                tracing::warn!(
                    tenant = tenant.0,
                    user = %keys.user,
                    "two login names look the same: rename one of them"
                );
                let keys = KeyAccount { username: None, ..keys };
                self.must_apply(ChangeSet::of(tenant, Op::KeyAccount(keys))).await?;
            }
        }
        Ok(())
    }

    /// Continues through a batch of grants from where the last call stopped. When it reaches recent grants, it starts
    /// again with the oldest, and nothing more is due for now.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn purge_grants(&self) -> Result<Purged, EngineError> {
        const PAGE: i64 = 500;
        const PAGES: usize = 4;
        let now = self.now();
        let mut rows = 0;
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
                    rows += applied.purged;
                }
            }
            let next = last.unwrap_or(GrantId([0; 16]));
            *self.purged_to.lock().unwrap_or_else(PoisonError::into_inner) = next;
            if last.is_none() {
                return Ok(Purged { rows, more: false });
            }
        }
        Ok(Purged { rows, more: true })
    }
}
