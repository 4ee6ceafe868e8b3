//! Notifies a user by mail of a sign-in from a browser that they haven't used before, with a link to report it. A
//! browser is recognised by its own cookie, not by its address.

use serde_json::json;
use sojourn_model::{
    Actor, AddressChange, ChangeSet, EndReason, EndTarget, FactorChange, Op, PasswordDue, Session,
    Tenant, User,
};

use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::OFFER_MS;
use crate::mail::{LinkPurpose, OpenedLink};
use crate::outside::Letter;

/// Minimum interval between two stored uses of a known browser, in milliseconds.
const SEEN_EVERY_MS: i64 = 24 * 3_600_000;

/// A sign-in about which a mail was sent.
#[derive(Debug, Clone)]
pub struct ToldSignIn {
    /// The account that was signed in to.
    pub user: User,
    /// The session; `None` after it was deleted with the history.
    pub session: Option<Session>,
}

impl Engine {
    /// Records the browser of a sign-in. If it is new to a user who has used another one and has a confirmed address,
    /// adds a mail.
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
            // Once a day is sufficient to record that it is in use.
            if session.auth_time.since(known.last_seen) > SEEN_EVERY_MS {
                change.ops.push(know);
            }
            return Ok(());
        }
        change.ops.push(know);
        if !(known.another && self.settings.mails_new_browsers) {
            return Ok(());
        }
        let token = self.mail_link(tenant, LinkPurpose::NotMe(session.id), (user, None))?;
        let link = format!("{}/not-me?token={token}", self.settings.address(tenant));
        // The person who signed in may be someone else, so their language isn't used. Only to confirmed addresses: the
        // reader of the mail can reset the password.
        self.push_letter(tenant, user, &Letter::NewBrowser { session, link: &link }, change).await
    }

    /// The sign-in that a mail's link is about; `None` if the link is malformed or expired.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
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

    /// Handles "This was not me": ends everything of the account including offline tokens, removes the factors that
    /// the intruder used or could have added since, and disables the password until the user chooses another one
    /// through a password reset. The link gives no access to the account: it can only end it.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if the link is malformed, expired or used.
    pub async fn not_me(&self, tenant: &Tenant, token: &str) -> Result<User, EngineError> {
        let too_old =
            || EngineError::Invalid("the link has expired or has already been used".into());
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
        let wait = self.wait_of_recovery(tenant, &user).await?;
        change.ops.extend(wait.map(|(wait, _)| Op::Factor(wait)));
        if let Some(theirs) = self.store.session(tenant.id, session).await? {
            // Factors that the intruder may have added would lock the user out. One may have been added during the
            // sign-in, before the session started.
            let since = theirs.signed_in_at.plus(-OFFER_MS);
            // If the intruder changed the mail address, they would receive the reset mail.
            self.push_address_back(tenant, &user, since, &mut change).await?;
            let added = AddressChange::RemoveSince { user: user.id, since };
            change.ops.push(Op::Address(added));
            // The factors with which the intruder signed in are removed too.
            let named = theirs.proofs.0.iter().filter_map(|proof| proof.factor).collect();
            change.ops.push(Op::Factor(FactorChange::RemoveSince { user: user.id, since, named }));
        }
        let detail = json!({ "session": session.to_string() });
        change.audit.push(self.audit_row(&actor, "session.not_me", user.id, &detail));
        match self.apply_end(id, change).await {
            // The link was used at the same time.
            Err(EngineError::Contended) => Err(too_old()),
            done => done.map(|_| user),
        }
    }
}
