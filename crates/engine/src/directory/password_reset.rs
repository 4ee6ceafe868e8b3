//! Password reset: a link by mail lets a user who forgot the password choose another.

use sojourn_model::directory::text_key;
use sojourn_model::operation::MailChange;
use sojourn_model::{ChangeSet, EndTarget, Op, Tenant, User, UserState};

use super::PasswordRefused;
use crate::directory::plain_name;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::mail::LinkPurpose;
use crate::outside::Letter;
use crate::throttle::{Attempt, Guess};

/// Returns whether the account's password may be reset; not if an administrator locked or disabled the account.
fn may_reset(user: &User) -> bool {
    user.state == UserState::Active || user.unlock_at.is_some()
}

impl Engine {
    /// Counts a request for a reset mail and returns whether it is within the limits.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn may_ask_for_reset(
        &self,
        tenant: &Tenant,
        name: &str,
        ip: &str,
        browser: Option<[u8; 32]>,
    ) -> Result<bool, EngineError> {
        let name = plain_name(tenant, name);
        // Counted separately from attempts to sign in: requests for mails must not lock anyone out.
        let counted = format!("reset {name}");
        let user = self.user_called(tenant, name).await?.map(|user| user.id);
        let guess = Guess { name: &counted, user, ip, browser };
        Ok(!matches!(self.count_attempt(tenant.id, guess).await?, Attempt::TooMany))
    }

    /// Sends a reset link to the user with this login name or confirmed mail address, in the account's language or,
    /// if it has none, in the language of the request. Doesn't reveal whether there is such a user.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if mail can't be sent.
    pub async fn ask_for_reset(
        &self,
        tenant: &Tenant,
        name: &str,
        language: &str,
    ) -> Result<(), EngineError> {
        if !self.settings.resets_by_mail {
            return Err(EngineError::Invalid("this server doesn't send mail".into()));
        }
        let mut user = self.user_called(tenant, name).await?;
        let name = plain_name(tenant, name);
        if user.is_none() {
            let mut found = self.store.users_by_proved_email(tenant.id, name, 3).await?;
            found.dedup_by_key(|user| user.id);
            // One user can have it as the main address and as another one.
            // An address that two users share doesn't identify the requester.
            user = if found.len() == 1 { found.pop() } else { None };
        }
        let Some(user) = user.filter(may_reset) else { return Ok(()) };
        let proved = self.proved_addresses(tenant, &user).await?;
        // The address that was typed, or else the main one.
        let typed = proved.iter().find(|address| text_key(address) == text_key(name));
        let Some(recipient) = typed.or(proved.first()) else { return Ok(()) };
        let other = Some(&**recipient).filter(|_| user.email.as_ref() != Some(recipient));
        let token = self.mail_link(tenant, LinkPurpose::Reset, (&user, other))?;
        let link = format!("{}/reset?token={token}", self.settings.address(tenant));
        let letter = Letter::NewPassword { link: &link };
        let mail = self.mail_to((tenant, &user, recipient), &letter, Some(language))?;
        self.must_apply(ChangeSet::of(tenant.id, Op::Mail(MailChange::Add(mail)))).await.map(|_| ())
    }

    /// The user that a link belongs to; `None` if the link is malformed, expired or used.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn reset_link(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<User>, EngineError> {
        let found = self.open_mail_link(tenant, token).await?;
        let reset = found.filter(|link| link.purpose == LinkPurpose::Reset);
        Ok(reset.map(|link| link.user).filter(may_reset))
    }

    /// Sets the password that the user of a link chose. All of their sessions and grants end; a lock caused by failed
    /// attempts is removed.
    ///
    /// # Errors
    /// [`PasswordRefused`] if the rules forbid the password, [`EngineError::Invalid`] if the link is no longer valid.
    pub async fn reset_by_mail(
        &self,
        tenant: &Tenant,
        token: &str,
        new: &str,
    ) -> Result<(), PasswordRefused> {
        let user = self.reset_link(tenant, token).await?;
        let user = user.ok_or_else(|| EngineError::Invalid("the link has expired".into()))?;
        let mut also = ChangeSet::new(tenant.id);
        let wait = self.wait_of_recovery(tenant, &user).await?;
        also.ops.extend(wait.map(|(wait, _)| Op::Factor(wait)));
        match self.put_password(tenant, &user, new, EndTarget::User(user.id), also).await {
            // In the meantime, another request used the link or an administrator changed the account.
            Err(PasswordRefused::Failed(EngineError::Contended)) => {
                Err(EngineError::Invalid("the link has expired".into()).into())
            }
            done => done,
        }
    }
}
