//! Against guessing: attempts are counted before a password is looked at, per account and per
//! address, in the database, so that a restart forgives nothing.

use sojourn_model::{ChangeSet, Op, Outcome, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;

/// Whether an attempt may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It may; so many were made at the account, this one with them.
    Allowed(i64),
    TooMany,
}

impl Engine {
    fn account_key(&self, tenant: TenantId, username: &str) -> Vec<u8> {
        let name = username.to_lowercase();
        self.hasher.keyed("throttle account", &[&tenant.0.to_be_bytes(), name.as_bytes()]).to_vec()
    }

    fn address_key(&self, ip: &str) -> Vec<u8> {
        self.hasher.keyed("throttle address", &[ip.as_bytes()]).to_vec()
    }

    /// Counts an attempt to authenticate.
    pub(crate) async fn count_attempt(
        &self,
        tenant: TenantId,
        username: &str,
        ip: &str,
    ) -> Result<Attempt, EngineError> {
        let limits = self.settings.throttle;
        let now = self.now();
        let count = |key| Op::CountAttempt { key, now, window_ms: limits.window_ms };
        let change = ChangeSet::of(tenant, count(self.account_key(tenant, username)))
            .with(count(self.address_key(ip)));
        let Outcome::Applied(applied) = self.apply(change).await? else {
            return Err(EngineError::Contended);
        };
        let within = applied
            .attempts
            .iter()
            .zip([limits.per_account, limits.per_address])
            .all(|(attempts, limit)| *attempts <= limit);
        let made = applied.attempts.first().copied().unwrap_or(0);
        Ok(if within { Attempt::Allowed(made) } else { Attempt::TooMany })
    }

    /// The operation by which a success forgives the account's attempts. The address's stay: a guesser
    /// with one good account must not have unlimited tries at others.
    pub(crate) fn forgive(&self, tenant: TenantId, username: &str) -> Op {
        Op::ClearAttempts { key: self.account_key(tenant, username) }
    }
}
