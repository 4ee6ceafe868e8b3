//! A step: adding a second factor, where one is demanded and the account has none.

use sojourn_model::{ChangeSet, Method, Proof, SecondFactor, Tenant, User};

use super::begin::By;
use super::steps::{self, Situation, Step};
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::engine::Engine;
use crate::factors::TotpOffer;
use crate::mail::News;

/// What an enrolment is offered to: this person, as long as nothing happens to the account.
fn holder(engine: &Engine, proven: &Proven) -> [u8; 32] {
    let parts = [proven.user.0.as_bytes().as_slice(), &proven.epoch.to_be_bytes()];
    engine.keyed_hash("enrolment at sign-in", &parts)
}

impl Engine {
    /// Offers an authenticator app to a user who must add one. With `sealed`, returns the same offer again while it is valid.
    ///
    /// # Errors
    /// [`SignInError::Interrupted`] where it isn't their next step.
    pub async fn offer_at_sign_in(
        &self,
        tenant: &Tenant,
        proven: &Proven,
        sealed: Option<&str>,
    ) -> Result<TotpOffer, SignInError> {
        let Checked { user, .. } = self.still(tenant, proven.clone()).await?;
        Self::must_enrol(proven, &user)?;
        let to = holder(self, proven);
        let same = sealed.and_then(|sealed| self.same_offer(tenant, &user, to, sealed));
        match same {
            Some(offer) => Ok(offer),
            None => Ok(self.new_offer(tenant, &user, to)?),
        }
    }

    /// Fails unless enrolment is the next step. A user who already has a factor has to prove that one.
    fn must_enrol(proven: &Proven, user: &User) -> Result<(), SignInError> {
        let demanded = SecondFactor::Required;
        match steps::next(&Situation { proven, user, demanded, room: None }) {
            Err(SignInError::Needs(pending)) if pending.step == Step::Enrolment => Ok(()),
            _ => Err(SignInError::Interrupted),
        }
    }

    /// Goes on with a sign-in for which a second factor is added, with a code that it shows. Recovery codes are for the session
    /// that begins to ask for ([`Engine::renew_recovery_codes`]).
    ///
    /// # Errors
    /// [`SignInError::Factor`] for the offer, the code or the name, the rest as [`Engine::sign_in`].
    pub async fn sign_in_by_enrolment(
        &self,
        tenant: &Tenant,
        proven: Proven,
        visit: &Visit,
        shown: (&str, &str, &str),
    ) -> Result<SignedIn, SignInError> {
        let Checked { user, proven, forgive } = self.still(tenant, proven).await?;
        // Sent twice, the factor was added by the first one.
        let drawn = self.draw(&user, visit.form, None);
        if let Some(begun) = self.begun(tenant, &user, &drawn, (visit.form, &forgive)).await? {
            return Ok(begun);
        }
        Self::must_enrol(&proven, &user)?;
        let factor = self.checked_offer(tenant, &user, holder(self, &proven), shown);
        let factor = factor.map_err(SignInError::Factor)?;
        let mut change = ChangeSet::of(tenant.id, forgive.clone());
        self.push_notice(tenant, &user, News::FactorAdded { name: &factor.name }, &mut change)?;
        let factor = self.put_factor(&user, factor, change).await.map_err(SignInError::Factor)?;
        let proof = Proof { method: Method::Totp, at: self.now(), factor: Some(factor.id) };
        let proven = Proven { proofs: proven.proofs.with(proof), ..proven };
        let user = User { factors: user.factors + 1, ..user };
        self.begin(tenant, Checked { user, proven, forgive }, visit, By::SecondFactor).await
    }
}
