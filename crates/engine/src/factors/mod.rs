//! Factors: an account's passkeys, security keys, authenticator apps and recovery codes, added and removed by their person
//! after a fresh proof, and reset by an administrator.
//!
//! A passkey signs in by itself. Who has another factor signs in with it as well as with the password; the steps are in
//! [`crate::sign_in`].

mod add_key;
pub(crate) mod key;
mod recovery;
mod remove;
mod rename;
mod totp;

use serde_json::{Value, json};
use sojourn_model::limits::{FACTOR_NAME_CHARS_MAX, FACTORS_MAX};
use sojourn_model::{
    Actor, EventName, Factor, Level, Method, NewEvent, Session, Tenant, User, UserId,
};

use crate::directory::visible;
use crate::engine::Engine;
use crate::error::EngineError;
pub use add_key::{KeyOffer, NewKey};
pub use key::KeyFacts;
pub(crate) use recovery::{normalised, spaced};
pub use remove::{EndsWithFactor, rests_on_second_factor};
pub(crate) use totp::place;
pub use totp::{Added, TotpOffer};

/// For how long a proof is fresh enough to change factors, in milliseconds.
pub const FRESH_MS: i64 = 5 * 60_000;

/// How long a factor that was offered can be added, in milliseconds.
pub(crate) const OFFER_MS: i64 = 2 * FRESH_MS;

/// Why a factor isn't changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactorRefused {
    /// The person has to prove once more who they are: it was too long ago, or without the second factor that they have.
    #[error("a fresh sign-in is needed")]
    NotFresh,
    /// The code isn't the one that the app shows, or the key didn't answer what it was asked.
    #[error("the code or the answer of the key is wrong")]
    Wrong,
    /// What was to be a security key is synced: it is a passkey.
    #[error("a key that is synced is a passkey")]
    Synced,
    /// The server's address has no name, which keys need.
    #[error("keys need an address with a name")]
    NoKeys,
    /// What was offered is too old, was added already, or was offered to another session.
    #[error("what was offered can't be used any more")]
    Gone,
    /// The account has as many as are allowed.
    #[error("an account has {max} factors at most")]
    TooMany {
        /// How many are allowed.
        max: usize,
    },
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// A factor as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The factor, without its secret.
    pub factor: Factor,
    /// What is known of it where it is a key.
    pub key: Option<KeyFacts>,
}

/// The factors of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors {
    /// Each of them, oldest first.
    pub factors: Vec<Listed>,
    /// How many recovery codes are left.
    pub codes_left: i64,
}

/// The name of a factor, if it can be one.
pub(crate) fn named(name: &str) -> Result<String, FactorRefused> {
    let name = visible("the name of a factor", name)?;
    if name.is_empty() || name.chars().count() > FACTOR_NAME_CHARS_MAX {
        let why = format!("the name of a factor has 1 to {FACTOR_NAME_CHARS_MAX} characters");
        return Err(EngineError::Invalid(why).into());
    }
    Ok(name)
}

/// Fails where an account has as many factors as are allowed.
pub(crate) fn room(factors: &[Factor]) -> Result<(), FactorRefused> {
    match factors.len() < FACTORS_MAX {
        true => Ok(()),
        false => Err(FactorRefused::TooMany { max: FACTORS_MAX }),
    }
}

impl Engine {
    /// The factors of a user.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn factors(&self, tenant: &Tenant, user: UserId) -> Result<Factors, EngineError> {
        let mut factors = Vec::new();
        for factor in self.store.factors_of(tenant.id, user).await? {
            let key = self.open_key(tenant, &factor)?.map(|key| key.facts());
            factors.push(Listed { factor: Factor { secret: Vec::new(), ..factor }, key });
        }
        let codes_left = self.store.recovery_codes_left(tenant.id, user).await?;
        Ok(Factors { factors, codes_left })
    }

    /// The highest level that a user can reach, with the factors of the account.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn level_of(&self, tenant: &Tenant, user: UserId) -> Result<Level, EngineError> {
        let factors = self.store.factors_of(tenant.id, user).await?;
        self.reach_of(tenant, &factors)
    }

    /// Whether a session's person proved who they are a moment ago, by the highest level that they can reach: only then they
    /// may change what proves it. A recovery code stands for a factor that is lost.
    ///
    /// # Errors
    /// [`EngineError`]
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

    /// The account of a session whose person may change its factors, and these.
    pub(crate) async fn fresh_user(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<(User, Vec<Factor>), FactorRefused> {
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let factors = self.store.factors_of(tenant.id, user.id).await;
        let factors = factors.map_err(EngineError::from)?;
        match self.proven_for(tenant, session, &factors)? {
            true => Ok((user, factors)),
            false => Err(FactorRefused::NotFresh),
        }
    }

    /// An event about an account's factors, with more properties than the login name.
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
