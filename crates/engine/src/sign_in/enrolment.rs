//! Sign-in step: adds a factor if the required level can't be reached without it.

use sojourn_model::{Factor, FactorKind, Level, Method, Methods, Millis, Proof, Tenant, User};

use super::begin::By;
use super::steps::{self, Asked, Situation, Step};
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::{KeyOffer, NewKey, TotpOffer};
use crate::outside::News;

/// The factor that the user adds.
#[derive(Debug, Clone, Copy)]
pub enum Adding<'a> {
    /// An authenticator app (TOTP).
    App {
        /// Sealed offer that the form sent back.
        offer: &'a str,
        /// Code that the app shows.
        code: &'a str,
        /// Name of the app that the user chose.
        name: &'a str,
    },
    /// A passkey or security key.
    Key(NewKey<'a>),
}

/// The recipient of the offer: this user, as long as the account doesn't change.
fn holder(engine: &Engine, proven: &Proven) -> [u8; 32] {
    let parts = [proven.user.0.as_bytes().as_slice(), &proven.epoch.to_be_bytes()];
    engine.keyed_hash("enrolment at sign-in", &parts)
}

impl Engine {
    /// Offers an authenticator app to a user who must add a factor. With `sealed`, returns the same offer again while
    /// it is valid.
    ///
    /// # Errors
    /// [`SignInError::Interrupted`] if this isn't the user's next step.
    pub async fn offer_at_sign_in(
        &self,
        tenant: &Tenant,
        proven: &Proven,
        sealed: Option<&str>,
    ) -> Result<TotpOffer, SignInError> {
        let Checked { user, .. } = self.still(tenant, proven.clone()).await?;
        self.must_enrol(tenant, proven, &user).await?;
        let to = holder(self, proven);
        let same = sealed.and_then(|sealed| self.same_offer(tenant, &user, to, sealed));
        match same {
            Some(offer) => Ok(offer),
            None => Ok(self.new_offer(tenant, &user, to)?),
        }
    }

    /// Creates a challenge for a key, for a user who must add a factor.
    ///
    /// # Errors
    /// [`SignInError::Interrupted`] if this isn't the user's next step, [`SignInError::Factor`] if no key can be
    /// added.
    pub async fn offer_key_at_sign_in(
        &self,
        tenant: &Tenant,
        proven: &Proven,
        kind: FactorKind,
    ) -> Result<KeyOffer, SignInError> {
        let Checked { user, .. } = self.still(tenant, proven.clone()).await?;
        let factors = self.must_enrol(tenant, proven, &user).await?;
        let to = holder(self, proven);
        self.new_key_offer(tenant, (&user, &factors), (kind, false), to)
            .map_err(SignInError::Factor)
    }

    /// Fails unless enrolment may be the next step, and returns the existing factors. A user who has a factor must
    /// prove that one first. Whether the organisation's policy makes it the next step was decided when the page's
    /// state was sealed.
    async fn must_enrol(
        &self,
        tenant: &Tenant,
        proven: &Proven,
        user: &User,
    ) -> Result<Vec<Factor>, SignInError> {
        let factors = self.store.factors_of(tenant.id, user.id).await;
        let factors = factors.map_err(EngineError::from)?;
        let (least, methods) = (Level::HIGHEST, Methods::ALL);
        let short = Asked { least, reach: None, methods, since: Some(Millis(i64::MAX)) };
        match steps::next(&Situation { proven, user, asked: short, now: self.now(), room: None }) {
            Err(SignInError::Needs(pending)) if matches!(pending.step, Step::Enrolment { .. }) => {
                Ok(factors)
            }
            _ => Err(SignInError::Interrupted),
        }
    }

    /// Continues a sign-in by adding a factor. Recovery codes are created later, in the new session
    /// ([`Engine::recovery_codes_after_enrolment`]).
    ///
    /// # Errors
    /// [`SignInError::Factor`] if the offer, the code, the key or the name isn't valid; otherwise the same as
    /// [`Engine::sign_in`].
    pub async fn sign_in_by_enrolment(
        &self,
        tenant: &Tenant,
        proven: Proven,
        visit: &Visit,
        adding: Adding<'_>,
    ) -> Result<SignedIn, SignInError> {
        let Checked { user, proven, also } = self.still(tenant, proven).await?;
        // If the form was sent twice, the first one added the factor.
        let drawn = self.draw(&user, visit.form, None);
        if let Some(begun) = self.begun(tenant, &user, &drawn, visit.form).await? {
            return Ok(begun);
        }
        let factors = self.must_enrol(tenant, &proven, &user).await?;
        let to = holder(self, &proven);
        let factor = match adding {
            Adding::App { offer, code, name } => {
                self.checked_offer(tenant, &user, to, (offer, code, name))
            }
            Adding::Key(new) => self.checked_key(tenant, (&user, &factors), to, new),
        };
        let factor = factor.map_err(SignInError::Factor)?;
        let method = match self.open_key(tenant, &factor)? {
            Some(key) => key.method(factor.kind),
            None => Method::Totp,
        };
        let mut change = also.clone();
        self.push_notice(tenant, &user, News::FactorAdded { name: &factor.name }, &mut change)
            .await?;
        let factor =
            self.put_factor((&user, None), factor, change).await.map_err(SignInError::Factor)?;
        let proof = Proof { method, at: self.now(), factor: Some(factor.id) };
        let proven = Proven { proofs: proven.proofs.with(proof), ..proven };
        let user = User { factors: user.factors + 1, ..user };
        self.begin(tenant, Checked { user, proven, also }, visit, By::Enrolment).await
    }
}
