//! Rate limits against guessing. Attempts are counted before a password is verified, per account and per address, in
//! the database, so that a restart doesn't reset them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sojourn_model::limits::{LANE_WIDTH, LANES_WAITING_MAX, REFUSED_KEPT_MAX};
use sojourn_model::network::host_key;
use sojourn_model::{Application, ChangeSet, Millis, Op, Outcome, TenantId, UserId};
use sojourn_oidc::OAuthError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::tokens::TokenError;

/// The decision whether an attempt may continue.
pub(crate) enum Attempt {
    /// The attempt is within its budget.
    Allowed {
        /// Attempts within the same budget, including this one.
        made: i64,
        /// Operation to apply after a correct password: clears the account's failures and removes this attempt from the
        /// address's. The address's other failures stay, so that a guesser with one valid account gets no more tries at
        /// others.
        forgive: Box<Op>,
        /// Operation to apply if the password wasn't verified because the server was too busy.
        undo: Box<Op>,
    },
    TooMany,
}

/// An attempt to authenticate, with the keys by which it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess<'g> {
    /// Login name, or another identifier that is counted in its place.
    pub(crate) name: &'g str,
    /// The account with that name, if there is one.
    pub(crate) user: Option<UserId>,
    /// IP address of the client, as text.
    pub(crate) ip: &'g str,
    /// Secret of the browser's cookie, by which a known browser is recognised.
    pub(crate) browser: Option<[u8; 32]>,
}

/// Number of an account's sessions that are searched for a known address.
const SESSIONS_LOOKED_AT: i64 = 100;

/// How long a client that exceeded its budget is rejected from memory, in milliseconds, so that a flood writes
/// nothing.
const REFUSED_MS: i64 = 5_000;
/// The window in which registrations are counted, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Keys that exceeded their budget recently, with the time at which they did.
#[derive(Default)]
pub(crate) struct Refused(Mutex<HashMap<Vec<u8>, Millis>>);

impl Refused {
    fn has(&self, key: &[u8], now: Millis) -> bool {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A time in the future comes from before the clock went back.
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
    async fn turn(&self, address: &[u8]) -> Option<OwnedSemaphorePermit> {
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

/// The bytes by which an address is counted: the host's key, or the text itself if it isn't an IP address.
fn address_of(ip: &str) -> Vec<u8> {
    match ip.parse() {
        Ok(ip) => host_key(ip).to_be_bytes().to_vec(),
        Err(_) => ip.as_bytes().to_vec(),
    }
}

impl Engine {
    /// Waits until a password may be verified for this address; the turn ends when the permit is dropped.
    ///
    /// # Errors
    /// [`EngineError::Busy`] if too many requests wait already.
    pub(crate) async fn turn_of(&self, ip: &str) -> Result<OwnedSemaphorePermit, EngineError> {
        self.lanes.turn(&address_of(ip)).await.ok_or(EngineError::Busy)
    }

    fn account_key(&self, tenant: TenantId, username: &str) -> Vec<u8> {
        let name = username.to_lowercase();
        self.hasher.keyed("throttle account", &[&tenant.0.to_be_bytes(), name.as_bytes()]).to_vec()
    }

    /// `purpose` separates the budgets of people, applications and registrations.
    fn address_key(&self, purpose: &str, tenant: TenantId, ip: &str) -> Vec<u8> {
        self.hasher.keyed(purpose, &[&tenant.0.to_be_bytes(), &address_of(ip)]).to_vec()
    }

    /// Counts an attempt to authenticate, or to request a mail. Browsers and addresses that the account knows have
    /// their own budgets, so that spending the strangers' budget locks out strangers only.
    pub(crate) async fn count_attempt(
        &self,
        tenant: TenantId,
        guess: Guess<'_>,
    ) -> Result<Attempt, EngineError> {
        if let (Some(user), Some(browser)) = (guess.user, guess.browser) {
            let browser = sojourn_crypto::sha256(&browser);
            if self.store.known_browser(tenant, user, browser).await?.this {
                return self.count_known(tenant, guess, user, &browser).await;
            }
        }
        let account = self.account_key(tenant, guess.name);
        let address = self.address_key("throttle address", tenant, guess.ip);
        let counted = self.count(tenant, [account.clone(), address.clone()]).await?;
        let Some(made) = counted else {
            return match guess.user {
                Some(user) if self.is_known_address(tenant, user, guess.ip).await? => {
                    self.count_known(tenant, guess, user, &address_of(guess.ip)).await
                }
                _ => Ok(Attempt::TooMany),
            };
        };
        let undo = Op::ClearAttempts { key: None, one_of: vec![account.clone(), address.clone()] };
        let forgive = Op::ClearAttempts { key: Some(account), one_of: vec![address] };
        Ok(Attempt::Allowed { made, forgive: Box::new(forgive), undo: Box::new(undo) })
    }

    /// The operation that clears an account's failed attempts after a password change.
    pub(crate) fn forgive(&self, tenant: TenantId, username: &str) -> Op {
        Op::ClearAttempts { key: Some(self.account_key(tenant, username)), one_of: Vec::new() }
    }

    async fn count_known(
        &self,
        tenant: TenantId,
        guess: Guess<'_>,
        user: UserId,
        by: &[u8],
    ) -> Result<Attempt, EngineError> {
        let name = guess.name.to_lowercase();
        let parts = [&tenant.0.to_be_bytes(), user.0.as_bytes().as_slice(), by, name.as_bytes()];
        let key = self.hasher.keyed("throttle known", &parts).to_vec();
        let limits = self.settings.throttle;
        let (one, each) = (std::slice::from_ref(&key), [limits.per_account]);
        let within = self.count_within(tenant, one, &each, limits.window_ms).await?;
        Ok(match within {
            Some(made) => {
                let undo = Op::ClearAttempts { key: None, one_of: vec![key.clone()] };
                let forgive = Op::ClearAttempts { key: Some(key), one_of: Vec::new() };
                Attempt::Allowed { made, forgive: Box::new(forgive), undo: Box::new(undo) }
            }
            None => Attempt::TooMany,
        })
    }

    /// Returns whether one of the account's last sessions came from an address. Only called once a budget is spent; a
    /// negative result is cached for a few seconds, so that a flood causes no reads.
    async fn is_known_address(
        &self,
        tenant: TenantId,
        user: UserId,
        ip: &str,
    ) -> Result<bool, EngineError> {
        let address = address_of(ip);
        let parts = [&tenant.0.to_be_bytes(), user.0.as_bytes().as_slice(), &address];
        let key = self.hasher.keyed("throttle unknown address", &parts).to_vec();
        if self.refused.has(&key, self.now()) {
            return Ok(false);
        }
        for ended in [false, true] {
            let sessions =
                self.store.sessions_of_users(tenant, &[user], ended, SESSIONS_LOOKED_AT).await?;
            if sessions.iter().any(|session| address_of(&session.ip) == address) {
                return Ok(true);
            }
        }
        self.refused.note(key, self.now());
        Ok(false)
    }

    /// Counts a possible guess of an application's secret, per application and address (so that strangers can't lock
    /// out an application) and per address. Returns whether the attempt may continue.
    pub(crate) async fn count_client_attempt(
        &self,
        app: &Application,
        ip: &str,
    ) -> Result<bool, EngineError> {
        Ok(self.count(app.tenant, self.client_attempt_keys(app, ip)).await?.is_some())
    }

    /// Returns whether an application exceeded its budget from an address a moment ago.
    pub(crate) fn is_refused(&self, app: &Application, ip: &str) -> bool {
        if self.refused.is_empty() {
            return false;
        }
        self.client_attempt_keys(app, ip).iter().any(|key| self.refused.has(key, self.now()))
    }

    /// The operation that clears an application's failed attempts after a correct secret.
    pub(crate) fn forgive_client(&self, app: &Application, ip: &str) -> Op {
        let [key, address] = self.client_attempt_keys(app, ip);
        Op::ClearAttempts { key: Some(key), one_of: vec![address] }
    }

    /// The operation that removes an attempt with a secret that wasn't verified.
    pub(crate) fn undo_client_attempt(&self, app: &Application, ip: &str) -> Op {
        Op::ClearAttempts { key: None, one_of: self.client_attempt_keys(app, ip).to_vec() }
    }

    fn client_attempt_keys(&self, app: &Application, ip: &str) -> [Vec<u8>; 2] {
        let address = self.address_key("throttle client address", app.tenant, ip);
        [self.client_key(app, ip), address]
    }

    fn client_key(&self, app: &Application, ip: &str) -> Vec<u8> {
        let parts = [app.id.0.as_bytes().as_slice(), &address_of(ip)];
        self.hasher.keyed("throttle client", &parts).to_vec()
    }

    /// Counts an anonymous registration of an application.
    ///
    /// # Errors
    /// `temporarily_unavailable` if the limit per address or per tenant is exceeded.
    pub(crate) async fn count_registration(
        &self,
        tenant: TenantId,
        ip: &str,
    ) -> Result<(), TokenError> {
        let limits = self.settings.registrations;
        let one = self.address_key("throttle registration", tenant, ip);
        let all = self.hasher.keyed("throttle registrations", &[&tenant.0.to_be_bytes()]).to_vec();
        // In sequence: a client over the limit of its address must not use up the limit for all.
        if !self.count_tries(tenant, one, limits.per_address, HOUR_MS).await?
            || !self.count_tries(tenant, all, limits.in_all, HOUR_MS).await?
        {
            let why = "too many applications were registered: try again in an hour";
            return Err(OAuthError::new("temporarily_unavailable", why).into());
        }
        Ok(())
    }

    /// Counts a sign-up request from an address. Returns whether it is within the limits.
    pub(crate) async fn count_sign_up_from(
        &self,
        tenant: TenantId,
        ip: &str,
    ) -> Result<bool, EngineError> {
        let one = self.address_key("throttle sign-up", tenant, ip);
        self.count_tries(tenant, one, self.settings.sign_ups.per_address, HOUR_MS).await
    }

    /// Counts a sign-up mail. Returns whether it is within the limits.
    pub(crate) async fn count_sign_up(&self, tenant: TenantId) -> Result<bool, EngineError> {
        let all = self.hasher.keyed("throttle sign-ups", &[&tenant.0.to_be_bytes()]).to_vec();
        self.count_tries(tenant, all, self.settings.sign_ups.in_all, HOUR_MS).await
    }

    /// Counts an attempt under a key and returns whether the count is at most `most`.
    pub(crate) async fn count_tries(
        &self,
        tenant: TenantId,
        key: Vec<u8>,
        most: i64,
        window_ms: i64,
    ) -> Result<bool, EngineError> {
        Ok(self.count_within(tenant, &[key], &[most], window_ms).await?.is_some())
    }

    async fn count(
        &self,
        tenant: TenantId,
        keys: [Vec<u8>; 2],
    ) -> Result<Option<i64>, EngineError> {
        let limits = self.settings.throttle;
        let each = [limits.per_account, limits.per_address];
        self.count_within(tenant, &keys, &each, limits.window_ms).await
    }

    /// Counts one attempt under each key. Returns the count under the first key, or `None` if any key is over its
    /// limit.
    async fn count_within(
        &self,
        tenant: TenantId,
        keys: &[Vec<u8>],
        limits: &[i64],
        window_ms: i64,
    ) -> Result<Option<i64>, EngineError> {
        let now = self.now();
        if keys.iter().any(|key| self.refused.has(key, now)) {
            return Ok(None);
        }
        let mut change = ChangeSet::new(tenant);
        let count = |key: &Vec<u8>| Op::CountAttempt { key: key.clone(), now, window_ms };
        change.ops.extend(keys.iter().map(count));
        let Outcome::Applied(applied) = self.apply(change).await? else {
            return Err(EngineError::Contended);
        };
        let mut within = true;
        for ((attempts, limit), key) in applied.attempts.iter().zip(limits).zip(keys) {
            if attempts > limit {
                within = false;
                self.refused.note(key.clone(), now);
            }
        }
        Ok(within.then(|| applied.attempts.first().copied().unwrap_or(0)))
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

    #[test]
    fn a_network_of_one_host_is_one_address() {
        assert_eq!(address_of("2001:db8::1"), address_of("2001:db8::ffff:1"));
        assert_ne!(address_of("2001:db8::1"), address_of("2001:db8:0:1::1"));
        assert_eq!(address_of("::ffff:192.0.2.1"), address_of("192.0.2.1"));
        assert_ne!(address_of("192.0.2.1"), address_of("192.0.2.2"));
    }
}
