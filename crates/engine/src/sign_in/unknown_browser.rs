//! A sign-in from a browser that its person never used: a mail says so, with a way to say that it was not them. A
//! browser is known by a cookie of its own, not by its address.

use serde_json::json;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, FactorChange, Mail, Op, PasswordDue, Session, Tenant,
    User,
};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::OFFER_MS;
use crate::mail::{Letter, LinkPurpose, OpenedLink};

/// How often it is written that a known browser was used, in milliseconds.
const SEEN_EVERY_MS: i64 = 24 * 3_600_000;

/// A sign-in that a mail told of.
#[derive(Debug, Clone)]
pub struct ToldSignIn {
    /// Whose account.
    pub user: User,
    /// The session; removed with the history.
    pub session: Option<Session>,
}

impl Engine {
    /// Notes the browser of a sign-in. Where it is new to a person who has used another, and whose address is
    /// known, a mail goes with it.
    pub(super) async fn note_browser(
        &self,
        tenant: &Tenant,
        user: &User,
        session: &Session,
        browser: Option<[u8; 32]>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let Some(browser) = browser.map(|secret| sojourn_crypto::sha256(&secret)) else {
            return Ok(());
        };
        let known = self.store.known_browser(tenant.id, user.id, browser).await?;
        let know = Op::KnowBrowser { user: user.id, browser, at: session.auth_time };
        if known.this {
            // Once a day is enough to say that it is in use.
            if session.auth_time.since(known.last_seen) > SEEN_EVERY_MS {
                change.ops.push(know);
            }
            return Ok(());
        }
        change.ops.push(know);
        // Only to an address that is known to be theirs: whoever reads the mail may choose a password.
        let recipient = user.email.as_ref().filter(|_| user.email_verified);
        let (true, true, Some(recipient)) =
            (known.another, self.settings.mails_new_browsers, recipient)
        else {
            return Ok(());
        };
        let mail = self.new_browser_mail(tenant, user, session, recipient)?;
        change.ops.push(Op::AddMail(mail));
        Ok(())
    }

    fn new_browser_mail(
        &self,
        tenant: &Tenant,
        user: &User,
        session: &Session,
        recipient: &str,
    ) -> Result<Mail, EngineError> {
        let token = self.mail_link(tenant, LinkPurpose::NotMe(session.id), user)?;
        let link = format!("{}/not-me?token={token}", self.settings.address(tenant));
        let letter = Letter::NewBrowser { session, link: &link };
        // Whoever signed in doesn't choose the language: perhaps it wasn't them.
        self.mail_to((tenant, user, recipient), &letter, None)
    }

    /// The sign-in that a mail's link is about; nothing when the link is malformed or too old.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn told_sign_in(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<ToldSignIn>, EngineError> {
        let Some(OpenedLink { purpose: LinkPurpose::NotMe(id), user, .. }) =
            self.open_mail_link(tenant, token).await?
        else {
            return Ok(None);
        };
        let session = self.store.session(tenant.id, id).await?;
        Ok(Some(ToldSignIn { user, session }))
    }

    /// "This was not me": ends everything of the account, offline tokens too, removes the factors by which the stranger came
    /// in and those added since, and lets the password open nothing until another is chosen by the usual proof. The link
    /// gives no way in: it can only shut the door.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] when the link is malformed, too old or used.
    pub async fn not_me(&self, tenant: &Tenant, token: &str) -> Result<User, EngineError> {
        let too_old = || EngineError::Invalid("the link is too old, or was used".into());
        let link = self.open_mail_link(tenant, token).await?.ok_or_else(too_old)?;
        let OpenedLink { purpose: LinkPurpose::NotMe(session), user, once, .. } = link else {
            return Err(too_old());
        };
        let actor = Actor::User(user.id);
        let plan = EndPlan::new(EndTarget::User(user.id), EndReason::NotMe, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let mut change = ChangeSet::of(tenant.id, once)
            .with(Op::DuePassword { user: user.id, due: PasswordDue::ByMail })
            .with(Op::EndSessions(end));
        if let Some(theirs) = self.store.session(tenant.id, session).await? {
            // Factors that the stranger may have added would shut the account's person out.
            // One may have been added while signing in, before the session began.
            let since = theirs.signed_in_at.plus(-OFFER_MS);
            // An address that they gave the account would get the mail by which a password is chosen.
            self.push_address_back(tenant, &user, since, &mut change).await?;
            // And what let them in lets nobody in any more.
            let named = theirs.proofs.0.iter().filter_map(|proof| proof.factor).collect();
            change.ops.push(Op::Factor(FactorChange::RemoveSince { user: user.id, since, named }));
        }
        let detail = json!({ "session": session.to_string() });
        change.audit.push(self.audit_row(&actor, "session.not_me", user.id, &detail));
        match self.apply_end(id, change).await {
            // Used in this moment.
            Err(EngineError::Contended) => Err(too_old()),
            done => done.map(|_| user),
        }
    }
}
