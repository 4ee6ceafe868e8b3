//! Changing one's own password, and the rules for new passwords.

use serde_json::json;
use sojourn_model::limits::PASSWORD_BYTES_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, OnPasswordChange, Op, PasswordDue,
    SecondFactor, Session, Tenant, User, UserState,
};

use super::account_state::StateChange;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::sign_in::{Credentials, SignInError};

/// Minimum length in installations that are older than the rule about passwords as the only protection.
const LENGTH_OF_OLD: usize = 8;

/// Reasons why a password isn't changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// The current password that was entered is wrong.
    #[error("the current password is wrong")]
    Wrong,
    /// Too many failed attempts; the user may retry later.
    #[error("too many attempts")]
    TooMany,
    /// The new password is shorter than the given minimum, in characters.
    #[error("a password must have at least {0} characters")]
    TooShort(usize),
    /// The new password is longer than any that a person types.
    #[error("a password can have at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// The new password is the current one, or a previous one.
    #[error("the new password was used before")]
    Used,
    /// The new password is one of the most common ones.
    #[error("the new password is too easy to guess")]
    Guessable,
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl PasswordRefused {
    /// Converts the reason for callers who set another user's password.
    pub(crate) fn into_error(self) -> EngineError {
        match self {
            Self::Failed(error) => error,
            other => EngineError::Invalid(other.to_string()),
        }
    }
}

impl Engine {
    /// Changes the password of a session's user, who enters the current one, and ends the sessions that the policy
    /// names: all of them, or all except this one. Returns which.
    ///
    /// # Errors
    /// [`PasswordRefused`] if the current password is wrong, the new one isn't acceptable, or the database fails.
    pub async fn change_password(
        &self,
        tenant: &Tenant,
        session: &Session,
        current: &str,
        new: &str,
        ip: &str,
    ) -> Result<OnPasswordChange, PasswordRefused> {
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let typed = Credentials::new(&user.username, current);
        match self.check_password(tenant, &typed, (ip, None)).await {
            Ok(checked) if checked.user.password_due == PasswordDue::No => {}
            Ok(_) => return Err(PasswordRefused::Wrong),
            Err(SignInError::TooMany) => return Err(PasswordRefused::TooMany),
            Err(SignInError::Failed(error)) => return Err(error.into()),
            Err(_) => return Err(PasswordRefused::Wrong),
        }
        if new == current {
            return Err(PasswordRefused::Used);
        }
        let policy = self.policy(tenant, user.id, None).await?.on_password_change;
        let target = match policy {
            OnPasswordChange::KeepCurrent => EndTarget::UserExcept(user.id, session.id),
            OnPasswordChange::All => EndTarget::User(user.id),
        };
        self.put_password(tenant, &user, new, target, ChangeSet::new(tenant.id)).await?;
        Ok(policy)
    }

    /// The minimum number of characters in a user's new password. It is lower if a second factor protects the account
    /// too, because the user has one or must have one (NIST SP 800-63B-4 §3.1.1.2). A passkey doesn't count: it is an
    /// alternative way to sign in, which leaves the password as the only protection.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn password_length(
        &self,
        tenant: &Tenant,
        user: &User,
    ) -> Result<usize, EngineError> {
        let rules = self.settings.password_rules;
        let with_second_factor = rules.length_with_second_factor;
        if user.factors > 0 {
            return Ok(with_second_factor);
        }
        let policy = self.policy(tenant, user.id, None).await?;
        if policy.second_factor_without_one != SecondFactor::Optional {
            return Ok(with_second_factor);
        }
        if let Some(alone) = rules.length_alone {
            return Ok(alone);
        }
        let begun_with = self.store.meta("password_length_alone").await?;
        Ok(begun_with.and_then(|text| text.parse().ok()).unwrap_or(LENGTH_OF_OLD))
    }

    /// Fails if the rules forbid a password.
    pub(crate) async fn acceptable(
        &self,
        tenant: &Tenant,
        user: &User,
        new: &str,
    ) -> Result<(), PasswordRefused> {
        let rules = self.settings.password_rules;
        if new.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordRefused::TooLong);
        }
        let least = self.password_length(tenant, user).await?;
        if new.chars().count() < least {
            return Err(PasswordRefused::TooShort(least));
        }
        if rules.refuse_common {
            let mut about = vec![user.username.clone()];
            for more in [&user.email, &user.given_name, &user.family_name, &user.display_name] {
                about.extend(more.clone());
            }
            let password = new.to_owned();
            let guessable = self
                .off_thread(move || {
                    let about: Vec<&str> = about.iter().map(String::as_str).collect();
                    sojourn_crypto::password::is_guessable(&password, &about)
                })
                .await?;
            if guessable {
                return Err(PasswordRefused::Guessable);
            }
        }
        if rules.history > 0 {
            let before = self.store.passwords_before(tenant.id, user.id, rules.history).await;
            let before = before.map_err(EngineError::from)?;
            for hash in user.password_hash.iter().chain(&before) {
                if self.verify_password(new, Some(hash)).await? {
                    return Err(PasswordRefused::Used);
                }
            }
        }
        Ok(())
    }

    /// Writes a password that the user chose, together with the rest of a change set, and ends the sessions that have
    /// to end. Removes a lock caused by failed attempts. Fails with [`EngineError::Contended`] if the account has
    /// changed since it was read.
    pub(crate) async fn put_password(
        &self,
        tenant: &Tenant,
        user: &User,
        new: &str,
        target: EndTarget,
        also: ChangeSet,
    ) -> Result<(), PasswordRefused> {
        self.acceptable(tenant, user, new).await?;
        let hash = self.hash_password(new).await?;
        let actor = Actor::User(user.id);
        let plan = EndPlan::new(target, EndReason::CredentialChanged, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let set = Op::SetPassword { user: user.id, hash, epoch: Some(user.epoch) };
        let mut change =
            also.with(set).with(Op::EndSessions(end)).with(self.forgive(tenant.id, &user.username));
        if user.state == UserState::Locked && user.unlock_at.is_some() {
            let open = StateChange { state: UserState::Active, unlock_at: None, epoch: None };
            let opened = self.state_change(tenant, user, open, &actor).await?;
            change.ops.extend(opened.ops);
            change.events.extend(opened.events);
            change.audit.extend(opened.audit);
        }
        self.keep_password(user, &mut change);
        change.events.push(self.user_event(user, EventName::PostUpdateCredential, &actor));
        change.audit.push(self.audit_row(&actor, "user.password_change", user.id, &json!({})));
        self.apply_end(id, change).await?;
        Ok(())
    }

    /// Adds the current password to the history, if the rules compare with previous ones.
    pub(crate) fn keep_password(&self, user: &User, change: &mut ChangeSet) {
        let keep = self.settings.password_rules.history;
        if let Some(hash) = user.password_hash.clone().filter(|_| keep > 0) {
            change.ops.push(Op::KeepPassword { user: user.id, hash, at: self.now(), keep });
        }
    }
}
