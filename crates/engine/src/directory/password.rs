//! Changing one's own password.

use serde_json::json;
use sojourn_model::limits::PASSWORD_BYTES_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, OnPasswordChange, Op, PasswordDue,
    SecondFactor, Session, Tenant, User, UserState,
};

use super::account_state::StateChange;
use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::sign_in::{Credentials, SignInError};

/// Fewest characters in an installation that is older than the rule about passwords that stand alone.
const LENGTH_OF_OLD: usize = 8;

/// Why a password isn't changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// The present one is another.
    #[error("the current password is wrong")]
    Wrong,
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany,
    /// The new one is too short.
    #[error("a password has {0} characters or more")]
    TooShort(usize),
    /// The new one is longer than any that a person types.
    #[error("a password has {PASSWORD_BYTES_MAX} bytes at most")]
    TooLong,
    /// The new one is the old one, or one that the person had before.
    #[error("the new password was used before")]
    Used,
    /// The new one is among those that are guessed first.
    #[error("the new password is easily guessed")]
    Guessable,
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl PasswordRefused {
    /// The same for those who set another's password.
    pub(crate) fn into_error(self) -> EngineError {
        match self {
            Self::Failed(error) => error,
            other => EngineError::Invalid(other.to_string()),
        }
    }
}

impl Engine {
    /// Changes the password of a session's person, who proves the present one, and ends what the policy says:
    /// all their sessions, or all but this one. Answers which.
    ///
    /// # Errors
    /// [`PasswordRefused`]
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

    /// The fewest characters that a user's new password may have: fewer where a second factor protects the account as
    /// well, because they have one or have to have one (NIST SP 800-63B-4 §3.1.1.2). A passkey is another way to sign in
    /// and leaves the password standing alone.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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
        if policy.second_factor != SecondFactor::Optional {
            return Ok(with_second_factor);
        }
        if let Some(alone) = rules.length_alone {
            return Ok(alone);
        }
        let begun_with = self.store.meta("password_length_alone").await?;
        Ok(begun_with.and_then(|text| text.parse().ok()).unwrap_or(LENGTH_OF_OLD))
    }

    /// Refuses a password that the rules forbid.
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

    /// Writes a password that its person chose, together with what else a change set does, and ends what it has to. A lock by failed attempts opens. Contended when
    /// anything happened to the account since it was read.
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

    /// Remembers the password that a user has until now, where the rules look at earlier ones.
    pub(crate) fn keep_password(&self, user: &User, change: &mut ChangeSet) {
        let keep = self.settings.password_rules.history;
        if let Some(hash) = user.password_hash.clone().filter(|_| keep > 0) {
            change.ops.push(Op::KeepPassword { user: user.id, hash, at: self.now(), keep });
        }
    }
}
