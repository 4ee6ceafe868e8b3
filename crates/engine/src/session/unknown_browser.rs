//! A sign-in from a browser that its person never used: a mail says so, with a way to say that it was not them. A
//! browser is known by a cookie of its own, not by its address.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, Mail, Millis, Op, PasswordDue, Session, SessionId,
    Tenant, User, UserId,
};

use crate::directory::PasswordRefused;
use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::mail::Letter;

/// How long the link of a mail works, in milliseconds.
const LINK_MS: i64 = 7 * 24 * 3_600_000;
/// How often it is written that a known browser was used, in milliseconds.
const SEEN_EVERY_MS: i64 = 24 * 3_600_000;

/// What the link of a mail says; sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Link {
    not_mine: SessionId,
    of: UserId,
    written_at: i64,
}

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
        let link = Link { not_mine: session.id, of: user.id, written_at: self.now().0 };
        let body = serde_json::to_vec(&link).unwrap_or_default();
        let token = self.sealer.seal(sojourn_crypto::TokenKind::Interaction, tenant.id, &body)?;
        let link = format!("{}/not-me?token={token}", self.issuer(tenant));
        let letter = Letter::NewBrowser { session, link: &link };
        // Whoever signed in doesn't choose the language: perhaps it wasn't them.
        Ok(self.mail_to((tenant, user, recipient), &letter, None))
    }

    fn link(&self, tenant: &Tenant, token: &str) -> Option<Link> {
        let body = self.sealer.open(sojourn_crypto::TokenKind::Interaction, tenant.id, token)?;
        let link: Link = serde_json::from_slice(&body).ok()?;
        (0..LINK_MS).contains(&self.now().since(Millis(link.written_at))).then_some(link)
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
        let Some(link) = self.link(tenant, token) else { return Ok(None) };
        let Some(user) = self.store.user(tenant.id, link.of).await? else { return Ok(None) };
        let session = self.store.session(tenant.id, link.not_mine).await?;
        Ok(Some(ToldSignIn { user, session }))
    }

    /// "This was not me": ends the session with all its tokens, offline ones too, and lets the password open
    /// nothing until another is chosen.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] when the link is malformed or too old.
    pub async fn not_me(&self, tenant: &Tenant, token: &str) -> Result<(), EngineError> {
        let link = self.link(tenant, token);
        let link = link.ok_or_else(|| EngineError::Invalid("the link is too old".into()))?;
        let actor = Actor::User(link.of);
        let target = EndTarget::Session(link.of, link.not_mine);
        let plan = EndPlan::new(target, EndReason::NotMe, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let mut change =
            ChangeSet::of(tenant.id, Op::DuePassword { user: link.of, due: PasswordDue::ByMail })
                .with(Op::EndSessions(end));
        let detail = json!({ "session": link.not_mine.to_string() });
        change.audit.push(self.audit_row(&actor, "session.not_me", link.of, &detail));
        self.apply_end(id, change).await.map(|_| ())
    }

    /// Chooses a new password after "this was not me"; every session and grant of the user ends.
    ///
    /// # Errors
    /// [`PasswordRefused`]; [`EngineError::Invalid`] when the link is too old, or no new password is due.
    pub async fn choose_password(
        &self,
        tenant: &Tenant,
        token: &str,
        new: &str,
    ) -> Result<(), PasswordRefused> {
        let too_old = || EngineError::Invalid("the link is too old".into());
        let link = self.link(tenant, token).ok_or_else(too_old)?;
        let user = self.store.user(tenant.id, link.of).await.map_err(EngineError::from)?;
        let user =
            user.filter(|user| user.password_due == PasswordDue::ByMail).ok_or_else(too_old)?;
        self.put_password(tenant, &user, new, EndTarget::User(user.id)).await
    }
}
