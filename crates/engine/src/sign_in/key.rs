//! Sign-in step: a passkey, which is sufficient by itself, or a key of any kind as a second factor.

use serde_json::json;
use sojourn_crypto::sha256;
use sojourn_crypto::webauthn::{Assertion, CeremonyError};
use sojourn_model::{
    Actor, ChangeSet, EventName, Factor, FactorChange, FactorKind, Millis, Op, Proof, Proofs,
    Tenant, User, UserState,
};

use super::begin::By;
use super::password::log_failure;
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::key::{Key, challenge};
use crate::throttle::{Attempt, Guess};

/// The browser's response to a request for a key.
#[derive(Debug, Clone, Copy)]
pub struct KeyProof<'a> {
    /// Sealed state of the page, from which the challenge is derived.
    pub sealed: &'a str,
    /// Time at which the page expires.
    pub until: Millis,
    /// The response, as JSON.
    pub credential: &'a str,
}

impl Engine {
    /// Signs a user in by passkey alone; the passkey identifies the user.
    ///
    /// # Errors
    /// The same as [`Engine::sign_in`]; [`SignInError::UnknownKey`] if the credential was created for this tenant but
    /// belongs to no account.
    pub async fn sign_in_with_passkey(
        &self,
        tenant: &Tenant,
        shown: KeyProof<'_>,
        visit: &Visit,
    ) -> Result<SignedIn, SignInError> {
        let refused = |name: &str, reason| log_failure(tenant, name, &visit.ip, reason);
        let Ok(assertion) = Assertion::read(shown.credential) else {
            refused("", "malformed_passkey");
            return Err(SignInError::WrongKey);
        };
        // An authenticator may delete a credential that is reported as unknown, so only keys that were created here
        // are reported.
        let unknown = match assertion.user_handle() {
            Ok(Some(handle)) if self.is_handle_of(tenant, &handle) => SignInError::UnknownKey,
            _ => SignInError::WrongKey,
        };
        let Some((factor, key)) = self.key_shown(tenant, &assertion).await? else {
            refused("", "unknown_passkey");
            return Err(unknown);
        };
        let user = self.store.user(tenant.id, factor.user).await.map_err(EngineError::from)?;
        let Some(user) = user else { return Err(unknown) };
        // If the form was sent twice, the first one used the challenge.
        let drawn = self.draw(&user, visit.form, None);
        if let Some(begun) = self.begun(tenant, &user, &drawn, visit.form).await? {
            return Ok(begun);
        }
        // A key that is only a second factor doesn't verify its user.
        if factor.kind != FactorKind::Passkey {
            refused(&user.username, "not_a_passkey");
            return Err(SignInError::WrongKey);
        }
        let mut also = ChangeSet::of(tenant.id, self.forgive(tenant.id, &user.username));
        let (by, with) = ((&factor, &key), (&assertion, shown));
        let outcome = match self.use_key(tenant, &user, by, with, &mut also)? {
            Some(proof) => self.begin_with(tenant, user.clone(), proof, visit, also).await,
            None => Err(SignInError::WrongKey),
        };
        if matches!(outcome, Err(SignInError::WrongKey)) {
            refused(&user.username, "wrong_passkey");
            if self.may_note_key(tenant, &user, visit).await? {
                self.note_failure(tenant, Some(&user), EventName::FactorFailure, 0).await?;
            }
        }
        outcome
    }

    /// Counts an invalid response of a key. Returns `false` above the limit: signatures can't be guessed, so a valid
    /// response is still accepted, but a flood of invalid ones causes no further writes.
    pub(super) async fn may_note_key(
        &self,
        tenant: &Tenant,
        user: &User,
        visit: &Visit,
    ) -> Result<bool, EngineError> {
        let name = format!("key {}", user.username);
        let guess =
            Guess { name: &name, user: Some(user.id), ip: &visit.ip, browser: visit.browser };
        let attempt = self.count_attempt(tenant.id, guess).await?;
        Ok(matches!(attempt, Attempt::Allowed { .. }))
    }

    async fn begin_with(
        &self,
        tenant: &Tenant,
        user: User,
        proof: Proof,
        visit: &Visit,
        also: ChangeSet,
    ) -> Result<SignedIn, SignInError> {
        let user = self.opened_by_time(tenant, user).await?;
        if user.state != UserState::Active {
            return Err(SignInError::WrongKey);
        }
        let proven = Proven { user: user.id, epoch: user.epoch, proofs: Proofs(vec![proof]) };
        self.begin(tenant, Checked { user, proven, also }, visit, By::Passkey).await
    }

    /// The factor that a response identifies, and its key.
    async fn key_shown(
        &self,
        tenant: &Tenant,
        assertion: &Assertion,
    ) -> Result<Option<(Factor, Key)>, EngineError> {
        let Ok(credential) = assertion.credential() else { return Ok(None) };
        let id = self.credential_factor(tenant, &credential)?;
        let Some(factor) = self.store.factor(tenant.id, id).await? else { return Ok(None) };
        Ok(self.open_key(tenant, &factor)?.map(|key| (factor, key)))
    }

    /// Verifies one of a user's keys as a second factor.
    pub(super) async fn check_second_key(
        &self,
        tenant: &Tenant,
        user: &User,
        shown: KeyProof<'_>,
        also: &mut ChangeSet,
    ) -> Result<Option<Proof>, EngineError> {
        let Ok(assertion) = Assertion::read(shown.credential) else { return Ok(None) };
        let theirs = self.key_shown(tenant, &assertion).await?;
        let Some((factor, key)) = theirs.filter(|(factor, _)| factor.user == user.id) else {
            return Ok(None);
        };
        self.use_key(tenant, user, (&factor, &key), (&assertion, shown), also)
    }

    /// Verifies a proof. The result includes the operations that store the use of the key and use up the challenge.
    fn use_key(
        &self,
        tenant: &Tenant,
        user: &User,
        (factor, key): (&Factor, &Key),
        (assertion, shown): (&Assertion, KeyProof<'_>),
        also: &mut ChangeSet,
    ) -> Result<Option<Proof>, EngineError> {
        let challenge = challenge(shown.sealed);
        let used = match self.check_key((factor, key), assertion, &challenge) {
            Ok(used) => used,
            Err(why) => {
                let why: CeremonyError = why;
                tracing::info!(%why, factor = %factor.id, "a key was refused");
                return Ok(None);
            }
        };
        let now = self.now();
        let secret = used.changed.map(|key| self.seal_key(tenant, factor.id, &key)).transpose()?;
        let uses = FactorChange::UseKey {
            user: user.id,
            factor: factor.id,
            counter: used.counter,
            at: now,
            secret,
        };
        let once = sha256(&[b"challenge".as_slice(), &challenge].concat()).to_vec();
        also.ops.extend([Op::UseOnce { key: once, until: shown.until }, Op::Factor(uses)]);
        let actor = Actor::User(user.id);
        let (id, kind) = (factor.id.to_string(), factor.kind.as_str());
        let mut about = json!({ "factor": id, "kind": kind });
        if used.went_back {
            // The key may have been copied; its user and the administrators decide what to do.
            about = json!({ "factor": id, "kind": kind, "counter_went_back": true });
            let audit = self.audit_row(&actor, "user.factor_counter", user.id, &about);
            also.audit.push(audit);
        }
        also.events.push(self.factor_event(user, EventName::PostUseFactor, &actor, about));
        Ok(Some(Proof { method: used.method, at: now, factor: Some(factor.id) }))
    }
}
