//! A step: the second factor, where the account has one.

use serde_json::json;
use sojourn_crypto::totp;
use sojourn_model::{
    Actor, ChangeSet, EventName, FactorChange, FactorKind, Method, Op, Outcome, Proof, Session,
    Tenant, User,
};

use super::begin::By;
use super::password::log_failure;
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::{self, normalised};
use crate::mail::News;
use crate::throttle::{Attempt, Guess};

impl Engine {
    /// Goes on with a sign-in, or raises the level of the session that is there, by a code: of an authenticator app, or for
    /// recovery. Attempts are counted separately from password attempts: someone who knows
    /// the password could otherwise reset the count.
    ///
    /// # Errors
    /// [`SignInError::WrongCode`] for a code that is wrong or was used, [`SignInError::TooMany`], and the rest as
    /// [`Engine::sign_in`].
    pub async fn sign_in_with_second_factor(
        &self,
        tenant: &Tenant,
        proven: Proven,
        visit: &Visit,
        typed: &str,
    ) -> Result<SignedIn, SignInError> {
        let Checked { user, proven, forgive } = self.still(tenant, proven).await?;
        // Sent twice, the code was used by the first one.
        let drawn = self.draw(&user, visit.form, None);
        if let Some(begun) = self.begun(tenant, &user, &drawn, (visit.form, &forgive)).await? {
            return Ok(begun);
        }
        let proof = self.check_code(tenant, &user, visit, typed).await?;
        let proven = Proven { proofs: proven.proofs.with(proof), ..proven };
        let checked = Checked { user, proven, forgive };
        self.begin(tenant, checked, visit, By::SecondFactor).await
    }

    /// What the person of a session has proven in it: the beginning of a step-up.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn proven_in(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Proven, EngineError> {
        let user = self.store.user(tenant.id, session.user).await?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        Ok(Proven { user: user.id, epoch: user.epoch, proofs: session.proofs.clone() })
    }

    /// Checks a code and uses it up.
    async fn check_code(
        &self,
        tenant: &Tenant,
        user: &User,
        visit: &Visit,
        typed: &str,
    ) -> Result<Proof, SignInError> {
        let name = format!("second factor {}", user.username);
        let guess =
            Guess { name: &name, user: Some(user.id), ip: &visit.ip, browser: visit.browser };
        let Attempt::Allowed { made, forgive, .. } = self.count_attempt(tenant.id, guess).await?
        else {
            log_failure(tenant, &user.username, &visit.ip, "too_many_codes");
            return Err(SignInError::TooMany);
        };
        let plain: String = typed.chars().filter(|c| !c.is_whitespace()).take(64).collect();
        let used = if totp::is_code(&plain) {
            self.use_app(tenant, user, &plain, *forgive).await?
        } else {
            self.use_recovery_code(tenant, user, visit, typed, *forgive).await?
        };
        match used {
            Some(proof) => Ok(proof),
            None => {
                log_failure(tenant, &user.username, &visit.ip, "wrong_code");
                self.note_failure(tenant, Some(user), EventName::FactorFailure, made).await?;
                Err(SignInError::WrongCode)
            }
        }
    }

    async fn use_app(
        &self,
        tenant: &Tenant,
        user: &User,
        code: &str,
        forgive: Op,
    ) -> Result<Option<Proof>, EngineError> {
        let now = self.now();
        let factors = self.store.factors_of(tenant.id, user.id).await?;
        for factor in factors.iter().filter(|factor| factor.kind == FactorKind::Totp) {
            let seed = self.secrets.open(&factors::place(tenant, factor.id), &factor.secret)?;
            let Some(step) = totp::step_of(&seed, code, now.seconds(), factor.step) else {
                continue;
            };
            let uses = FactorChange::Use { user: user.id, factor: factor.id, step, at: now };
            let mut change = ChangeSet::of(tenant.id, Op::Factor(uses)).with(forgive);
            let about = json!({ "factor": factor.id.to_string(), "kind": factor.kind.as_str() });
            let (name, actor) = (EventName::PostUseFactor, Actor::User(user.id));
            change.events.push(self.factor_event(user, name, &actor, about));
            // A conflict: the same code was used in this moment, on another node perhaps.
            let applied = matches!(self.apply(change).await?, Outcome::Applied(_));
            let proof = Proof { method: Method::Totp, at: now, factor: Some(factor.id) };
            return Ok(applied.then_some(proof));
        }
        Ok(None)
    }

    async fn use_recovery_code(
        &self,
        tenant: &Tenant,
        user: &User,
        visit: &Visit,
        typed: &str,
        forgive: Op,
    ) -> Result<Option<Proof>, EngineError> {
        let Some(code) = normalised(typed) else { return Ok(None) };
        let left = self.store.recovery_codes_left(tenant.id, user.id).await? - 1;
        let hash = self.recovery_hash(user, &code);
        let uses = FactorChange::UseRecoveryCode { user: user.id, hash };
        let mut change = ChangeSet::of(tenant.id, Op::Factor(uses)).with(forgive);
        let (about, actor) = (json!({ "left": left }), Actor::User(user.id));
        change.audit.push(self.audit_row(&actor, "user.recovery_code_use", user.id, &about));
        let name = EventName::PostUseRecoveryCode;
        change.events.push(self.factor_event(user, name, &actor, about));
        let news = News::CodeUsed { left, ip: &visit.ip };
        self.push_notice(tenant, user, news, &mut change)?;
        let applied = matches!(self.apply(change).await?, Outcome::Applied(_));
        Ok(applied.then_some(Proof { method: Method::RecoveryCode, at: self.now(), factor: None }))
    }
}
