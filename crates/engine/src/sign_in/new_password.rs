//! Sign-in step: choosing a new password, if an administrator requires it.

use sojourn_model::{ChangeSet, EndTarget, Method, Proofs, Tenant, UserState};

use super::begin::By;
use super::steps::{self, Situation, Step};
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::directory::PasswordRefused;
use crate::engine::Engine;
use crate::error::EngineError;

/// Reasons why a sign-in with a new password fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NewPasswordError {
    /// The rules forbid the new password.
    #[error(transparent)]
    Refused(#[from] PasswordRefused),
    /// The sign-in isn't complete.
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl From<EngineError> for NewPasswordError {
    fn from(error: EngineError) -> Self {
        Self::SignIn(error.into())
    }
}

impl Engine {
    /// Continues a sign-in that requires a new password: sets it, ends the existing sessions, and signs in.
    ///
    /// # Errors
    /// [`PasswordRefused`](crate::directory::PasswordRefused) if the password isn't acceptable; otherwise the same as
    /// [`Engine::sign_in`].
    pub async fn sign_in_with_new_password(
        &self,
        tenant: &Tenant,
        proven: Proven,
        visit: &Visit,
        new: &str,
    ) -> Result<SignedIn, NewPasswordError> {
        let Checked { user, .. } = self.still(tenant, proven.clone()).await?;
        // Only after the previous steps: the second factor comes before this one.
        let policy = self.policy(tenant, user.id, visit.app).await?;
        let asked = self.asked(tenant, &user, &proven, &policy).await?;
        match steps::next(&Situation {
            proven: &proven,
            user: &user,
            asked,
            now: self.now(),
            room: None,
        }) {
            Err(SignInError::Needs(pending)) if pending.step == Step::NewPassword => {}
            _ => return Err(SignInError::Interrupted.into()),
        }
        if self.verify_password(new, user.password_hash.as_deref()).await? {
            return Err(PasswordRefused::Used.into());
        }
        match self
            .put_password(tenant, &user, new, EndTarget::User(user.id), ChangeSet::new(tenant.id))
            .await
        {
            Err(PasswordRefused::Failed(EngineError::Contended)) => {
                return Err(SignInError::Interrupted.into());
            }
            done => done?,
        }
        let user = self.store.user(tenant.id, proven.user).await.map_err(EngineError::from)?;
        let user = user.filter(|user| user.state == UserState::Active);
        let user = user.ok_or(SignInError::Interrupted)?;
        // The session's password proof is the password that was just chosen.
        let others = proven.proofs.0.into_iter().filter(|one| one.method != Method::Password);
        let proofs = others.fold(Proofs::of(Method::Password, self.now()), Proofs::with);
        let proven = Proven { user: user.id, epoch: user.epoch, proofs };
        let also = ChangeSet::of(tenant.id, self.forgive(tenant.id, &user.username));
        // The user's session in this browser, if there was one, has just ended.
        let present = visit.present.clone().filter(|one| one.user != user.id);
        let visit = Visit { present, ..visit.clone() };
        let checked = Checked { user, proven, also };
        Ok(self.begin(tenant, checked, &visit, By::NewPassword).await?)
    }
}
