//! Second factors: an account's authenticator apps and recovery codes, added and removed by their person after a fresh proof,
//! and reset by an administrator.
//!
//! Who has a factor signs in with it as well; the step is in [`crate::sign_in`].

mod recovery;
mod remove;
mod totp;

use serde_json::{Value, json};
use sojourn_model::{Actor, EventName, Factor, Level, NewEvent, Session, Tenant, User, UserId};

use crate::engine::Engine;
use crate::error::EngineError;
pub(crate) use recovery::normalised;
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
    /// The code isn't the one that the app shows.
    #[error("the code is wrong")]
    Wrong,
    /// What was offered is too old, was added already, or was offered to another session.
    #[error("what was offered can't be used any more")]
    Gone,
    /// The account has as many as are allowed.
    #[error("an account has {max} second factors at most")]
    TooMany {
        /// How many are allowed.
        max: usize,
    },
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// The factors of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factors {
    /// Each of them without its secret, oldest first.
    pub factors: Vec<Factor>,
    /// How many recovery codes are left.
    pub codes_left: i64,
}

impl Engine {
    /// The second factors of a user.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn factors(&self, tenant: &Tenant, user: UserId) -> Result<Factors, EngineError> {
        let factors = self.store.factors_of(tenant.id, user).await?;
        let factors = factors.into_iter().map(|one| Factor { secret: Vec::new(), ..one }).collect();
        let codes_left = self.store.recovery_codes_left(tenant.id, user).await?;
        Ok(Factors { factors, codes_left })
    }

    /// The highest level that a user can reach, with the factors of the account.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn level_of(&self, tenant: &Tenant, user: UserId) -> Result<Level, EngineError> {
        let user = self.store.user(tenant.id, user).await?;
        Ok(if user.is_some_and(|user| user.factors > 0) { Level::Two } else { Level::One })
    }

    /// Whether a session's person proved who they are a moment ago, by the highest level that they can reach: only then they
    /// may change what proves it.
    #[must_use]
    pub fn is_fresh(&self, session: &Session, user: &User) -> bool {
        self.is_recent(session.auth_time, FRESH_MS)
            && (user.factors == 0 || session.proofs.has_second_factor())
    }

    /// The account of a session whose person may change its factors.
    async fn fresh_user(&self, tenant: &Tenant, session: &Session) -> Result<User, FactorRefused> {
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        if self.is_fresh(session, &user) { Ok(user) } else { Err(FactorRefused::NotFresh) }
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
