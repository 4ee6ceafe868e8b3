//! A forgotten password: a link by mail lets its person choose another.

use sojourn_model::{ChangeSet, EndTarget, Op, Tenant, User, UserState};

use super::PasswordRefused;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::mail::{Letter, LinkPurpose};
use crate::sign_in::plain_name;
use crate::throttle::{Attempt, Guess};

/// Whether the account may be given another password so: one that an administrator locked or switched off may not.
fn may_reset(user: &User) -> bool {
    user.state == UserState::Active || user.unlock_at.is_some()
}

impl Engine {
    /// Whether somebody may ask for such a mail once more; counts that they do.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn may_ask_for_reset(
        &self,
        tenant: &Tenant,
        name: &str,
        ip: &str,
        browser: Option<[u8; 32]>,
    ) -> Result<bool, EngineError> {
        let name = plain_name(tenant, name);
        // Counted apart from attempts to sign in: asking for a mail must not lock anyone out.
        let counted = format!("reset {name}");
        let user = self.user_called(tenant, name).await?.map(|user| user.id);
        let guess = Guess { name: &counted, user, ip, browser };
        Ok(!matches!(self.count_attempt(tenant.id, guess).await?, Attempt::TooMany))
    }

    /// Writes a mail with a link to whoever has this login name or this proved mail address, in the language in which it
    /// was asked for where the account says none. Whether there is such a person isn't told.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] where mail can't be sent.
    pub async fn ask_for_reset(
        &self,
        tenant: &Tenant,
        name: &str,
        language: &str,
    ) -> Result<(), EngineError> {
        if !self.settings.resets_by_mail {
            return Err(EngineError::Invalid("no mail is sent from here".into()));
        }
        let mut user = self.user_called(tenant, name).await?;
        let name = plain_name(tenant, name);
        if user.is_none() {
            let mut found = self.store.users_by_proved_email(tenant.id, name, 2).await?;
            // An address of two people says nothing of who asks.
            user = if found.len() == 1 { found.pop() } else { None };
        }
        let Some(user) = user.filter(|user| user.email_verified && may_reset(user)) else {
            return Ok(());
        };
        let Some(recipient) = user.email.clone() else { return Ok(()) };
        let token = self.mail_link(tenant, LinkPurpose::Reset, &user)?;
        let link = format!("{}/reset?token={token}", self.settings.address(tenant));
        let letter = Letter::NewPassword { link: &link };
        let mail = self.mail_to((tenant, &user, &recipient), &letter, Some(language))?;
        self.must_apply(ChangeSet::of(tenant.id, Op::AddMail(mail))).await.map(|_| ())
    }

    /// Whose password a link is for; nothing when it is malformed, too old or used.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn reset_link(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<User>, EngineError> {
        let found = self.open_mail_link(tenant, token).await?;
        let reset = found.filter(|link| link.purpose == LinkPurpose::Reset);
        Ok(reset.map(|link| link.user).filter(may_reset))
    }

    /// Sets the password that the person of a link chose. Every session and grant of theirs ends; a lock by failed
    /// attempts opens.
    ///
    /// # Errors
    /// [`PasswordRefused`]; [`EngineError::Invalid`] when the link is of no use.
    pub async fn reset_by_mail(
        &self,
        tenant: &Tenant,
        token: &str,
        new: &str,
    ) -> Result<(), PasswordRefused> {
        let user = self.reset_link(tenant, token).await?;
        let user = user.ok_or_else(|| EngineError::Invalid("the link is too old".into()))?;
        match self
            .put_password(tenant, &user, new, EndTarget::User(user.id), ChangeSet::new(tenant.id))
            .await
        {
            // Another has used the link, or an administrator did something to the account, meanwhile.
            Err(PasswordRefused::Failed(EngineError::Contended)) => {
                Err(EngineError::Invalid("the link is too old".into()).into())
            }
            done => done,
        }
    }
}
