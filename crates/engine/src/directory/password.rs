//! Changing one's own password.

use serde_json::json;
use sojourn_model::limits::PASSWORD_BYTES_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, OnPasswordChange, Op, Session, Tenant, User,
};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::session::SignInError;

/// Fewest characters of a new password (NIST SP 800-63B §5.1.1.1).
const CHARACTERS_MIN: usize = 8;

/// Why a password isn't changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// The present one is another.
    #[error("the current password is wrong")]
    Wrong,
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany,
    /// The new one is too short, or longer than any that a person types.
    #[error("a password has 8 characters or more")]
    TooShort,
    /// The new one is the old one.
    #[error("the new password is the old one")]
    Same,
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
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
        match self.check_password(tenant, &user.username, current, ip).await {
            Ok(_) => {}
            Err(SignInError::TooMany) => return Err(PasswordRefused::TooMany),
            Err(SignInError::Failed(error)) => return Err(error.into()),
            Err(_) => return Err(PasswordRefused::Wrong),
        }
        if new == current {
            return Err(PasswordRefused::Same);
        }
        let policy = self.policy(tenant, user.id, None).await?.on_password_change;
        let target = match policy {
            OnPasswordChange::KeepCurrent => EndTarget::UserExcept(user.id, session.id),
            OnPasswordChange::All => EndTarget::User(user.id),
        };
        self.put_password(tenant, &user, new, target).await?;
        Ok(policy)
    }

    /// Writes a password that its person chose, and ends what it has to.
    pub(crate) async fn put_password(
        &self,
        tenant: &Tenant,
        user: &User,
        new: &str,
        target: EndTarget,
    ) -> Result<(), PasswordRefused> {
        if new.chars().count() < CHARACTERS_MIN || new.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordRefused::TooShort);
        }
        let hash = self.hash_password(new).await?;
        let actor = Actor::User(user.id);
        let plan = EndPlan::new(target, EndReason::CredentialChanged, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let mut change = ChangeSet::of(tenant.id, Op::SetPassword { user: user.id, hash })
            .with(Op::EndSessions(end))
            .with(self.forgive(tenant.id, &user.username));
        change.events.push(self.user_event(user, EventName::PostUpdateCredential, &actor));
        change.audit.push(self.audit_row(&actor, "user.password_change", user.id, &json!({})));
        self.apply_end(id, change).await?;
        Ok(())
    }
}
