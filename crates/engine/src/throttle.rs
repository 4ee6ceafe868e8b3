//! Rate limits against guessing. Attempts are counted before a password is verified, per account and per address, in
//! the database, so that a restart doesn't reset them.

use sojourn_model::network::host_key;
use sojourn_model::{Application, ChangeSet, Op, Outcome, TenantId, UserId};
use sojourn_oidc::OAuthError;
use tokio::sync::OwnedSemaphorePermit;

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

/// The window in which registrations are counted, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

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

    #[test]
    fn a_network_of_one_host_is_one_address() {
        assert_eq!(address_of("2001:db8::1"), address_of("2001:db8::ffff:1"));
        assert_ne!(address_of("2001:db8::1"), address_of("2001:db8:0:1::1"));
        assert_eq!(address_of("::ffff:192.0.2.1"), address_of("192.0.2.1"));
        assert_ne!(address_of("192.0.2.1"), address_of("192.0.2.2"));
    }
}
