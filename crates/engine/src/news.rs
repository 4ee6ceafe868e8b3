//! Security notices by mail: changes of a user's ways to sign in. They go to addresses that are known to belong to
//! the user, with a link to report that it was someone else.

use sojourn_model::operation::MailChange;
use sojourn_model::{ChangeSet, Op, Session, Tenant, User};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::mail::LinkPurpose;
use crate::outside::{Letter, News};

impl Engine {
    /// Adds a notice about something that was done in a session. Its link ends that session and disables the
    /// password.
    pub(crate) fn push_news(
        &self,
        tenant: &Tenant,
        user: &User,
        news: News<'_>,
        session: &Session,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let token = self.mail_link(tenant, LinkPurpose::NotMe(session.id), user)?;
        let link = format!("{}/not-me?token={token}", self.settings.address(tenant));
        self.push_letter(tenant, user, &Letter::News { news, link: Some(&link) }, change)
    }

    /// Adds a notice about something that was done outside of a session.
    pub(crate) fn push_notice(
        &self,
        tenant: &Tenant,
        user: &User,
        news: News<'_>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        self.push_letter(tenant, user, &Letter::News { news, link: None }, change)
    }

    fn push_letter(
        &self,
        tenant: &Tenant,
        user: &User,
        letter: &Letter<'_>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let sends = self.settings.mails_new_browsers || self.settings.resets_by_mail;
        let recipient = user.email.as_ref().filter(|_| sends && user.email_verified);
        if let Some(recipient) = recipient {
            let mail = self.mail_to((tenant, user, recipient), letter, None)?;
            change.ops.push(Op::Mail(MailChange::Add(mail)));
        }
        Ok(())
    }
}
