//! Factors: an account's passkeys, security keys, authenticator apps and recovery codes. Their user adds and removes
//! them after a fresh authentication, and an administrator can reset them.
//!
//! A passkey is sufficient to sign in. Users with another factor sign in with it in addition to the password; the
//! steps are in [`crate::sign_in`].

mod add_key;
mod end_wait;
pub(crate) mod key;
mod place;
mod recovery;
mod remove;
mod rename;
mod totp;

use serde_json::{Value, json};
use sojourn_model::limits::{FACTOR_NAME_CHARS_MAX, FACTORS_MAX};
use sojourn_model::{
    Actor, EventName, Factor, FactorChange, Level, Method, Methods, Millis, NewEvent, Proof,
    Proofs, Session, Tenant, User, UserId,
};

use crate::directory::visible;
use crate::engine::Engine;
use crate::error::EngineError;
pub use add_key::{KeyOffer, NewKey};
pub use key::KeyFacts;
pub(crate) use place::place;
pub(crate) use recovery::{normalised, spaced};
pub use remove::{EndsWithFactor, rests_on_second_factor};
pub use totp::{Added, TotpOffer};

/// Maximum age of an authentication for changing factors, in milliseconds.
pub const FRESH_MS: i64 = 5 * 60_000;

/// How long the challenge for a new factor is valid, in milliseconds.
pub(crate) const OFFER_MS: i64 = 2 * FRESH_MS;

/// Reasons why a factor isn't changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactorRefused {
    /// The user must authenticate again: it was too long ago, or without the second factor that they have.
    #[error("a fresh sign-in is needed")]
    NotFresh,
    /// The code isn't the one that the app shows, or the key's response isn't valid.
    #[error("the code or the key's response is wrong")]
    Wrong,
    /// The key is synced and therefore a passkey, not a security key.
    #[error("a synced key must be added as a passkey")]
    Synced,
    /// The server's address isn't a domain name, which keys need.
    #[error("keys require a server address with a host name")]
    NoKeys,
    /// The challenge is too old, was used already, or belongs to another session.
    #[error("the challenge is no longer valid")]
    Gone,
    /// The account has the maximum number of factors.
    #[error("an account can have at most {max} factors")]
    TooMany {
        /// The maximum number of factors.
        max: usize,
    },
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// A factor in a list of an account's factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The factor, without its secret.
    pub factor: Factor,
    /// Public data of the factor if it is a key.
    pub key: Option<KeyFacts>,
}

/// An account's factors and its number of recovery codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors {
    /// All factors, sorted oldest first.
    pub factors: Vec<Listed>,
    /// Number of unused recovery codes.
    pub codes_left: i64,
}

/// Validates the name of a factor.
pub(crate) fn named(name: &str) -> Result<String, FactorRefused> {
    let name = visible("the name of a factor", name)?;
    if name.is_empty() || name.chars().count() > FACTOR_NAME_CHARS_MAX {
        let why = format!("the name of a factor must have 1 to {FACTOR_NAME_CHARS_MAX} characters");
        return Err(EngineError::Invalid(why).into());
    }
    Ok(name)
}

/// Returns whether the waiting time of an account hasn't passed and the proofs don't end it. A passkey, a security key or
/// an authenticator app does; a recovery code doesn't, because it can be stolen together with the mailbox.
pub(crate) fn is_recovering(user: &User, proofs: &Proofs, now: Millis) -> bool {
    let own =
        |proof: &Proof| proof.method.is_second_factor() && proof.method != Method::RecoveryCode;
    user.recovers_at.is_some_and(|until| now < until) && !proofs.0.iter().any(own)
}

/// Fails if an account has the maximum number of factors.
pub(crate) fn room(factors: &[Factor]) -> Result<(), FactorRefused> {
    match factors.len() < FACTORS_MAX {
        true => Ok(()),
        false => Err(FactorRefused::TooMany { max: FACTORS_MAX }),
    }
}

impl Engine {
    /// The factors of a user, without their secrets.
    ///
    /// # Errors
    /// [`EngineError`] if a key can't be opened or the database fails.
    pub async fn factors(&self, tenant: &Tenant, user: UserId) -> Result<Factors, EngineError> {
        let mut factors = Vec::new();
        for factor in self.store.factors_of(tenant.id, user).await? {
            let key = self.open_key(tenant, &factor)?.map(|key| key.facts());
            factors.push(Listed { factor: Factor { secret: Vec::new(), ..factor }, key });
        }
        let codes_left = self.store.recovery_codes_left(tenant.id, user).await?;
        Ok(Factors { factors, codes_left })
    }

    /// The highest level that a user can reach with the factors of the account.
    ///
    /// # Errors
    /// [`EngineError`] if a key can't be opened or the database fails.
    pub async fn level_of(&self, tenant: &Tenant, user: UserId) -> Result<Level, EngineError> {
        let factors = self.store.factors_of(tenant.id, user).await?;
        self.reach_of(tenant, &factors)
    }

    /// The highest level that a user can reach by methods that are allowed; `None` if none of them is.
    pub(crate) async fn reach_in(
        &self,
        tenant: &Tenant,
        user: UserId,
        methods: Methods,
    ) -> Result<Option<Level>, EngineError> {
        let factors = self.store.factors_of(tenant.id, user).await?;
        self.reach_with(tenant, &factors, methods)
    }

    /// Returns whether a session's user authenticated a moment ago with the highest level that they can reach, which
    /// is required for changing factors. A recovery code replaces a lost factor.
    ///
    /// # Errors
    /// [`EngineError`] if a key can't be opened or the database fails.
    pub async fn is_fresh(&self, tenant: &Tenant, session: &Session) -> Result<bool, EngineError> {
        let factors = self.store.factors_of(tenant.id, session.user).await?;
        self.proven_for(tenant, session, &factors)
    }

    fn proven_for(
        &self,
        tenant: &Tenant,
        session: &Session,
        factors: &[Factor],
    ) -> Result<bool, EngineError> {
        let reach = self.reach_of(tenant, factors)?;
        let proofs = &session.proofs;
        let recovers = proofs.0.iter().any(|proof| proof.method == Method::RecoveryCode);
        let reached = session.level() >= reach || (recovers && session.level() >= Level::Two);
        Ok(self.is_recent(session.auth_time, FRESH_MS) && reached)
    }

    /// The user of a session and their factors, if the user may change them now.
    pub(crate) async fn fresh_user(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<(User, Vec<Factor>), FactorRefused> {
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let factors = self.store.factors_of(tenant.id, user.id).await;
        let factors = factors.map_err(EngineError::from)?;
        // A remaining session can't end the waiting time of a recovery by adding a factor.
        let waits = is_recovering(&user, &session.proofs, self.now());
        match !waits && self.proven_for(tenant, session, &factors)? {
            true => Ok((user, factors)),
            false => Err(FactorRefused::NotFresh),
        }
    }

    /// The operation that starts the waiting time of an account that loses factors, and the end of that time; `None` if
    /// no policy sets one or the account has no factors. A waiting time that has started isn't shortened.
    pub(crate) async fn wait_of_recovery(
        &self,
        tenant: &Tenant,
        user: &User,
    ) -> Result<Option<(FactorChange, Millis)>, EngineError> {
        let Some(ms) = self.policy(tenant, user.id, None).await?.recovery_wait_ms else {
            return Ok(None);
        };
        if self.store.factors_of(tenant.id, user.id).await?.is_empty() {
            return Ok(None);
        }
        let at = self.now().plus(ms).max(user.recovers_at.unwrap_or(Millis(0)));
        Ok(Some((FactorChange::Recover { user: user.id, at, was: None }, at)))
    }

    /// An event about an account's factors, with properties besides the login name.
    pub(crate) fn factor_event(
        &self,
        user: &User,
        name: EventName,
        actor: &Actor,
        more: Value,
    ) -> NewEvent {
        let mut data = json!({ "user-name": user.username });
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        NewEvent { data: data.to_string(), ..self.user_event(user, name, actor) }
    }
}
