//! Security notices by mail: changes of a user's ways to sign in. They go to every address that is known to belong to
//! the user, with a link to report that it was someone else.

use sojourn_model::operation::MailChange;
use sojourn_model::{ChangeSet, Op, SessionId, Tenant, User};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::mail::LinkPurpose;
use crate::outside::{Letter, News};

impl Engine {
    /// Adds a notice about something that was done in a session. Its link ends that session and disables the
    /// password.
    pub(crate) async fn push_news(
        &self,
        tenant: &Tenant,
        user: &User,
        news: News<'_>,
        session: SessionId,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let token = self.mail_link(tenant, LinkPurpose::NotMe(session), (user, None))?;
        let link = format!("{}/not-me?token={token}", self.settings.address(tenant));
        self.push_news_letter(tenant, user, &Letter::News { news, link: Some(&link) }, change).await
    }

    /// Adds a notice about something that was done outside of a session.
    pub(crate) async fn push_notice(
        &self,
        tenant: &Tenant,
        user: &User,
        news: News<'_>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        self.push_news_letter(tenant, user, &Letter::News { news, link: None }, change).await
    }

    async fn push_news_letter(
        &self,
        tenant: &Tenant,
        user: &User,
        letter: &Letter<'_>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        match self.settings.mails_new_browsers || self.settings.resets_by_mail {
            true => self.push_letter(tenant, user, letter, change).await,
            false => Ok(()),
        }
    }

    /// Adds a mail to every confirmed address of a user.
    pub(crate) async fn push_letter(
        &self,
        tenant: &Tenant,
        user: &User,
        letter: &Letter<'_>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        for recipient in self.proved_addresses(tenant, user).await? {
            let mail = self.mail_to((tenant, user, &recipient), letter, None)?;
            change.ops.push(Op::Mail(MailChange::Add(mail)));
        }
        Ok(())
    }
}
