//! Sign-in step: the second factor, if the account has one.

use serde_json::json;
use sojourn_crypto::totp;
use sojourn_model::{
    Actor, ChangeSet, EventName, FactorChange, FactorKind, Method, Op, Proof, Session, Tenant, User,
};

use super::begin::{By, Used};
use super::password::log_failure;
use super::{Checked, KeyProof, Proven, SignInError, SignedIn, Visit};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::{self, normalised};
use crate::outside::News;
use crate::throttle::{Attempt, Guess};

/// A second factor that the user presents.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// A code from an authenticator app, or a recovery code.
    Code(&'a str),
    /// The response of a key.
    Key(KeyProof<'a>),
}

impl Engine {
    /// Continues a sign-in, or raises the level of an existing session, by a second factor. Attempts are counted
    /// separately from password attempts: someone who knows the password could otherwise reset the count.
    ///
    /// # Errors
    /// [`SignInError::WrongCode`] or [`SignInError::WrongKey`] if the factor is wrong or was used before,
    /// [`SignInError::TooMany`] above the limit of attempts; otherwise the same as [`Engine::sign_in`].
    pub async fn sign_in_with_second_factor(
        &self,
        tenant: &Tenant,
        proven: Proven,
        visit: &Visit,
        shown: Shown<'_>,
    ) -> Result<SignedIn, SignInError> {
        let Checked { user, proven, .. } = self.still(tenant, proven).await?;
        // If the form was sent twice, the first one used the code.
        let drawn = self.draw(&user, visit.form, None);
        if let Some(begun) = self.begun(tenant, &user, &drawn, visit.form).await? {
            return Ok(begun);
        }
        let mut also = ChangeSet::of(tenant.id, self.forgive(tenant.id, &user.username));
        let (made, used) = match shown {
            Shown::Code(_) => (self.may_try(tenant, &user, visit, &mut also).await?, Used::Code),
            // Signatures can't be guessed, so failures don't lead to a lock.
            Shown::Key(_) => (0, Used::Key),
        };
        let proof = match shown {
            Shown::Code(typed) => self.check_code(tenant, &user, visit, typed, &mut also).await?,
            Shown::Key(key) => self.check_second_key(tenant, &user, key, &mut also).await?,
        };
        let outcome = match proof {
            Some(proof) => {
                self.push_trust(tenant, &user, visit, &mut also).await?;
                let proven = Proven { proofs: proven.proofs.with(proof), ..proven };
                let checked = Checked { user: user.clone(), proven, also };
                self.begin(tenant, checked, visit, By::SecondFactor(used)).await
            }
            None => Err(By::SecondFactor(used).used()),
        };
        let reason = match &outcome {
            Err(SignInError::WrongCode) => "wrong_code",
            Err(SignInError::WrongKey) => "wrong_key",
            Err(SignInError::Waiting { .. }) => {
                // Whoever shows it has the password and a recovery code. It isn't guessed, so it doesn't lead to a lock.
                log_failure(tenant, &user.username, &visit.ip, "waiting");
                self.note_failure(tenant, Some(&user), EventName::FactorFailure, 0).await?;
                return outcome;
            }
            _ => return outcome,
        };
        log_failure(tenant, &user.username, &visit.ip, reason);
        // A code was counted before it was verified.
        let noted = matches!(used, Used::Code) || self.may_note_key(tenant, &user, visit).await?;
        if noted {
            self.note_failure(tenant, Some(&user), EventName::FactorFailure, made).await?;
        }
        outcome
    }

    /// The proofs of a session's user, with which a step-up starts.
    ///
    /// # Errors
    /// [`EngineError`] if the user was deleted or the database fails.
    pub async fn proven_in(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Proven, EngineError> {
        let user = self.store.user(tenant.id, session.user).await?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        Ok(Proven { user: user.id, epoch: user.epoch, proofs: session.proofs.clone() })
    }

    /// Counts an attempt and returns the count; adds the operation that clears it to the result.
    async fn may_try(
        &self,
        tenant: &Tenant,
        user: &User,
        visit: &Visit,
        also: &mut ChangeSet,
    ) -> Result<i64, SignInError> {
        let name = format!("second factor {}", user.username);
        let guess =
            Guess { name: &name, user: Some(user.id), ip: &visit.ip, browser: visit.browser };
        let Attempt::Allowed { made, forgive, .. } = self.count_attempt(tenant.id, guess).await?
        else {
            log_failure(tenant, &user.username, &visit.ip, "too_many_codes");
            return Err(SignInError::TooMany);
        };
        also.ops.push(*forgive);
        Ok(made)
    }

    /// Verifies a code. Adds the operation that uses it up to the result.
    async fn check_code(
        &self,
        tenant: &Tenant,
        user: &User,
        visit: &Visit,
        typed: &str,
        also: &mut ChangeSet,
    ) -> Result<Option<Proof>, EngineError> {
        let plain: String = typed.chars().filter(|c| !c.is_whitespace()).take(64).collect();
        match totp::is_code(&plain) {
            true => self.use_app(tenant, user, &plain, also).await,
            false => self.use_recovery_code(tenant, user, visit, typed, also).await,
        }
    }

    async fn use_app(
        &self,
        tenant: &Tenant,
        user: &User,
        code: &str,
        also: &mut ChangeSet,
    ) -> Result<Option<Proof>, EngineError> {
        let now = self.now();
        let factors = self.store.factors_of(tenant.id, user.id).await?;
        for factor in factors.iter().filter(|factor| factor.kind == FactorKind::Totp) {
            let seed = self.secrets.open(&factors::place(tenant, factor.id), &factor.secret)?;
            let Some(step) = totp::step_of(&seed, code, now.seconds(), factor.step) else {
                continue;
            };
            // A conflict means that the same code was used at the same time, possibly on another node.
            let uses = FactorChange::Use { user: user.id, factor: factor.id, step, at: now };
            also.ops.push(Op::Factor(uses));
            let about = json!({ "factor": factor.id.to_string(), "kind": factor.kind.as_str() });
            let (name, actor) = (EventName::PostUseFactor, Actor::User(user.id));
            also.events.push(self.factor_event(user, name, &actor, about));
            let proof = Proof { method: Method::Totp, at: now, factor: Some(factor.id) };
            return Ok(Some(proof));
        }
        Ok(None)
    }

    async fn use_recovery_code(
        &self,
        tenant: &Tenant,
        user: &User,
        visit: &Visit,
        typed: &str,
        also: &mut ChangeSet,
    ) -> Result<Option<Proof>, EngineError> {
        let Some(code) = normalised(typed) else { return Ok(None) };
        // A code that doesn't count isn't used up.
        if !self.methods_for(tenant, user.id, visit.app).await?.allow(Method::RecoveryCode) {
            return Ok(None);
        }
        let hash = self.recovery_hash(user, &code);
        if !self.store.has_recovery_code(tenant.id, user.id, hash).await? {
            return Ok(None);
        }
        let left = self.store.recovery_codes_left(tenant.id, user.id).await? - 1;
        also.ops.push(Op::Factor(FactorChange::UseRecoveryCode { user: user.id, hash }));
        let (about, actor) = (json!({ "left": left }), Actor::User(user.id));
        also.audit.push(self.audit_row(&actor, "user.recovery_code_use", user.id, &about));
        let name = EventName::PostUseRecoveryCode;
        also.events.push(self.factor_event(user, name, &actor, about));
        let news = News::CodeUsed { left, ip: &visit.ip };
        self.push_notice(tenant, user, news, also).await?;
        Ok(Some(Proof { method: Method::RecoveryCode, at: self.now(), factor: None }))
    }
}
