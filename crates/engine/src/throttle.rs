//! Against guessing: attempts are counted before a password is looked at, per account and per
//! address, in the database, so that a restart forgives nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_model::limits::REFUSED_KEPT_MAX;
use sojourn_model::{Application, ChangeSet, Millis, Op, Outcome, TenantId};
use sojourn_oidc::OAuthError;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::tokens::TokenError;

/// Whether an attempt may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It may; so many were made at the account, this one with them.
    Allowed(i64),
    TooMany,
}

/// How long who has made too many attempts is refused from memory, in milliseconds: a flood writes nothing.
const REFUSED_MS: i64 = 5_000;
/// The window in which registrations are counted, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Who has made too many attempts a moment ago.
#[derive(Default)]
pub(crate) struct Refused(Mutex<HashMap<Vec<u8>, Millis>>);

impl Refused {
    fn has(&self, key: &[u8], now: Millis) -> bool {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A moment that lies ahead was noted by a clock that has gone back since.
        map.get(key).is_some_and(|at| (0..REFUSED_MS).contains(&now.since(*at)))
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn note(&self, key: Vec<u8>, now: Millis) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= REFUSED_KEPT_MAX {
            map.clear();
        }
        map.insert(key, now);
    }
}

/// Returns what counts as one address: an IPv4 address, or the /64 of an IPv6 address, which one host can use whole.
fn address_of(ip: &str) -> Vec<u8> {
    match ip.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(std::net::IpAddr::V4(ip)) => ip.octets().to_vec(),
        Ok(std::net::IpAddr::V6(ip)) => ip.octets().iter().take(8).copied().collect(),
        Err(_) => ip.as_bytes().to_vec(),
    }
}

impl Engine {
    fn account_key(&self, tenant: TenantId, username: &str) -> Vec<u8> {
        let name = username.to_lowercase();
        self.hasher.keyed("throttle account", &[&tenant.0.to_be_bytes(), name.as_bytes()]).to_vec()
    }

    /// `purpose` keeps the budgets of people, applications and registrations apart.
    fn address_key(&self, purpose: &str, tenant: TenantId, ip: &str) -> Vec<u8> {
        self.hasher.keyed(purpose, &[&tenant.0.to_be_bytes(), &address_of(ip)]).to_vec()
    }

    /// Counts an attempt to authenticate.
    pub(crate) async fn count_attempt(
        &self,
        tenant: TenantId,
        username: &str,
        ip: &str,
    ) -> Result<Attempt, EngineError> {
        let address = self.address_key("throttle address", tenant, ip);
        let keys = [self.account_key(tenant, username), address];
        self.count(tenant, keys).await
    }

    /// Counts what may be a guess of an application's secret: per application and address, so that strangers shut out
    /// no application, and per address.
    pub(crate) async fn count_client_attempt(
        &self,
        app: &Application,
        ip: &str,
    ) -> Result<Attempt, EngineError> {
        self.count(app.tenant, self.client_attempt_keys(app, ip)).await
    }

    /// Whether an application made too many attempts from an address a moment ago.
    pub(crate) fn is_refused(&self, app: &Application, ip: &str) -> bool {
        if self.refused.is_empty() {
            return false;
        }
        self.client_attempt_keys(app, ip).iter().any(|key| self.refused.has(key, self.now()))
    }

    /// The operation by which an application's right secret forgives its wrong ones.
    pub(crate) fn forgive_client(&self, app: &Application, ip: &str) -> Op {
        Op::ClearAttempts { key: self.client_key(app, ip) }
    }

    fn client_attempt_keys(&self, app: &Application, ip: &str) -> [Vec<u8>; 2] {
        let address = self.address_key("throttle client address", app.tenant, ip);
        [self.client_key(app, ip), address]
    }

    fn client_key(&self, app: &Application, ip: &str) -> Vec<u8> {
        let parts = [app.id.0.as_bytes().as_slice(), &address_of(ip)];
        self.hasher.keyed("throttle client", &parts).to_vec()
    }

    /// Counts a registration by someone whom nobody knows.
    ///
    /// # Errors
    /// `temporarily_unavailable` when there were too many.
    pub(crate) async fn count_registration(
        &self,
        tenant: TenantId,
        ip: &str,
    ) -> Result<(), TokenError> {
        let limits = self.settings.registrations;
        let one = self.address_key("throttle registration", tenant, ip);
        let all = self.hasher.keyed("throttle registrations", &[&tenant.0.to_be_bytes()]).to_vec();
        let counted =
            self.count_within(tenant, [one, all], [limits.per_address, limits.in_all], HOUR_MS);
        if counted.await? == Attempt::TooMany {
            let why = "too many applications were registered: try again in an hour";
            return Err(OAuthError::new("temporarily_unavailable", why).into());
        }
        Ok(())
    }

    async fn count(&self, tenant: TenantId, keys: [Vec<u8>; 2]) -> Result<Attempt, EngineError> {
        let limits = self.settings.throttle;
        let each = [limits.per_account, limits.per_address];
        self.count_within(tenant, keys, each, limits.window_ms).await
    }

    async fn count_within(
        &self,
        tenant: TenantId,
        keys: [Vec<u8>; 2],
        limits: [i64; 2],
        window_ms: i64,
    ) -> Result<Attempt, EngineError> {
        let now = self.now();
        if keys.iter().any(|key| self.refused.has(key, now)) {
            return Ok(Attempt::TooMany);
        }
        let count = |key: &Vec<u8>| Op::CountAttempt { key: key.clone(), now, window_ms };
        let [one, all] = &keys;
        let change = ChangeSet::of(tenant, count(one)).with(count(all));
        let Outcome::Applied(applied) = self.apply(change).await? else {
            return Err(EngineError::Contended);
        };
        let made = applied.attempts.first().copied().unwrap_or(0);
        let mut within = true;
        let counted = applied.attempts.iter().zip(limits);
        for ((attempts, limit), key) in counted.zip(keys) {
            if *attempts > limit {
                within = false;
                self.refused.note(key, now);
            }
        }
        Ok(if within { Attempt::Allowed(made) } else { Attempt::TooMany })
    }

    /// The operation by which a success forgives the account's attempts. The address's stay: a guesser
    /// with one good account must not have unlimited tries at others.
    pub(crate) fn forgive(&self, tenant: TenantId, username: &str) -> Op {
        Op::ClearAttempts { key: self.account_key(tenant, username) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_one_host_is_one_address() {
        assert_eq!(address_of("2001:db8::1"), address_of("2001:db8::ffff:1"));
        assert_ne!(address_of("2001:db8::1"), address_of("2001:db8:0:1::1"));
        assert_eq!(address_of("::ffff:192.0.2.1"), address_of("192.0.2.1"));
        assert_ne!(address_of("192.0.2.1"), address_of("192.0.2.2"));
    }
}
