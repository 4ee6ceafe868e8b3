//! Mail addresses: confirming one by a link or a code, changing it, and undoing a change.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sojourn_crypto::TokenKind;
use sojourn_model::operation::MailChange;
use sojourn_model::{
    Actor, AddressBefore, AddressChange, ChangeSet, EndReason, EndTarget, EventName, FactorChange,
    Millis, NewEvent, Op, Outcome, PasswordDue, Session, SessionId, Tenant, UNDO_MS, User, UserId,
    UserState,
};
use sojourn_scim::user as account;

use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::mail::{LinkPurpose, OpenedLink, recipient_of};
use crate::outside::{Letter, News};
use crate::throttle::{Attempt, Guess};

/// How long after the mail an address can be confirmed, in milliseconds.
const PROVE_MS: i64 = 3_600_000;
/// Number of digits in a confirmation code.
const CODE_DIGITS: u32 = 8;

/// Reasons why an address isn't confirmed or changed.
#[derive(Debug, thiserror::Error)]
pub enum AddressRefused {
    /// The code differs from the one in the mail.
    #[error("the code is wrong")]
    Wrong,
    /// The input isn't a mail address.
    #[error("this is not a valid mail address")]
    NoAddress,
    /// The user must sign in again first, because a mail to the address can reset the password.
    #[error("a fresh sign-in is needed")]
    NotFresh,
    /// The account has the address already.
    #[error("the account has this address already")]
    Already,
    /// The account can't have more addresses.
    #[error("the account already has {max} other addresses")]
    Full {
        /// Maximum number of addresses besides the main one.
        max: usize,
    },
    /// Too many mails were requested, or too many codes were tried.
    #[error("too many attempts")]
    TooMany,
    /// The address was confirmed already, the mail is too old, or the account has another address now.
    #[error("the mail has expired or has already been used")]
    Gone,
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// What a mail confirms. It is sealed twice, each time under its own key: in the link, and in the page that accepts
/// the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Offered {
    user: UserId,
    address: String,
    /// Hash of the account's address when the mail was written.
    from: Vec<u8>,
    /// The account's epoch. It changes when everything of the account ends, which invalidates the mail.
    epoch: i64,
    nonce: [u8; 16],
    written_at: i64,
    /// Whether the address is added to the account's main one instead of replacing it.
    #[serde(default)]
    add: bool,
    /// The session in which the mail was requested; `None` in mails from the previous version.
    #[serde(default)]
    session: Option<SessionId>,
}

impl Offered {
    /// Returns whether the account hasn't changed since the mail was written.
    fn fits(&self, user: &User) -> bool {
        from(user, self.add) == self.from
            && user.epoch == self.epoch
            && user.state == UserState::Active
    }

    /// The operation that uses up the mail: link and code share one use.
    fn once(&self) -> Op {
        let parts = [b"address".as_slice(), self.user.0.as_bytes(), &self.nonce].concat();
        let key = sojourn_crypto::sha256(&parts).to_vec();
        Op::UseOnce { key, until: Millis(self.written_at).plus(PROVE_MS) }
    }
}

/// A hash of the account's address. For a mail that adds an address it is another one, which a node of the version before,
/// that would replace the main address, doesn't accept.
fn from(user: &User, add: bool) -> Vec<u8> {
    let main = recipient_of(user);
    match add {
        true => sojourn_crypto::sha256(&[b"add".as_slice(), &main].concat()).to_vec(),
        false => main,
    }
}

/// Returns whether a text is a valid address (RFC 5321 §4.1.2, as far as this is possible without sending).
pub(crate) fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    text.len() <= 254
        // Only the bare address: no display name and no quoted part, because applications receive this text as `email`.
        && !text.contains(|c: char| c.is_whitespace() || "<>()[],;:\\\"".contains(c))
        && text.matches('@').count() == 1
        && parts.is_some_and(|(who, host)| !who.is_empty() && !host.is_empty())
}

/// An address that a link is about, and its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldAddress {
    /// The account that the address belongs to, or will.
    pub user: User,
    /// The address, as the account stores it.
    pub address: String,
}

impl Engine {
    /// Sends a mail by which the session's user confirms an address: the account's main address, or a new one, which
    /// then replaces it or, with `add`, is added to it. Returns the sealed state for the page that accepts the code.
    ///
    /// # Errors
    /// [`AddressRefused::NotFresh`] if the user must sign in again first, [`AddressRefused::NoAddress`] if the text
    /// isn't an address, [`AddressRefused::Already`] and [`AddressRefused::Full`] if it can't be added,
    /// [`AddressRefused::TooMany`] above the rate limit, [`EngineError::Invalid`] if mail can't be sent.
    pub async fn ask_to_prove(
        &self,
        tenant: &Tenant,
        session: &Session,
        (address, add): (&str, bool),
        ip: &str,
    ) -> Result<String, AddressRefused> {
        if !self.settings.resets_by_mail {
            return Err(EngineError::Invalid("this server doesn't send mail".into()).into());
        }
        if !self.is_fresh(tenant, session).await? {
            return Err(AddressRefused::NotFresh);
        }
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let mut wanted = User { email: Some(address.trim().to_owned()), ..user.clone() };
        super::check_shown(&mut wanted)?;
        let address = wanted.email.unwrap_or_default();
        if !is_address(&address) {
            return Err(AddressRefused::NoAddress);
        }
        // Without a main address, the first one becomes it.
        let add = add && user.email.is_some();
        self.may_have(tenant, &user, (&address, add)).await?;
        self.may_try_address(tenant, &user, "address mail", ip).await?;
        // The recipient may be a stranger, so the same limit applies to the mails of all accounts together.
        let to = Guess { name: &format!("mail to {address}"), user: None, ip, browser: None };
        if matches!(self.count_attempt(tenant.id, to).await?, Attempt::TooMany) {
            return Err(AddressRefused::TooMany);
        }
        let offered = Offered {
            user: user.id,
            address,
            from: from(&user, add),
            epoch: user.epoch,
            nonce: sojourn_model::time::random(&*self.rng),
            written_at: self.now().0,
            add,
            session: Some(session.id),
        };
        let body = serde_json::to_vec(&offered).unwrap_or_default();
        let seal = |kind| self.sealer.seal(kind, tenant.id, &body).map_err(EngineError::from);
        let (page, token) = (seal(TokenKind::AddressCode)?, seal(TokenKind::AddressLink)?);
        let link = format!("{}/address?token={token}", self.settings.address(tenant));
        let letter = Letter::Address { link: &link, code: &self.mail_code(&page) };
        let mail = self.mail_to((tenant, &user, &offered.address), &letter, None)?;
        self.must_apply(ChangeSet::of(tenant.id, Op::Mail(MailChange::Add(mail)))).await?;
        Ok(page)
    }

    /// The code that belongs to a page. Without the key, neither can be derived from the other.
    pub(crate) fn mail_code(&self, page: &str) -> String {
        let hash = self.keyed_hash("code for an address", &[page.as_bytes()]);
        let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let digits = CODE_DIGITS as usize;
        format!("{:0digits$}", number % 10_u64.pow(CODE_DIGITS))
    }

    async fn may_try_address(
        &self,
        tenant: &Tenant,
        user: &User,
        what: &str,
        ip: &str,
    ) -> Result<(), AddressRefused> {
        let name = format!("{what} {}", user.username);
        let guess = Guess { name: &name, user: Some(user.id), ip, browser: None };
        match self.count_attempt(tenant.id, guess).await? {
            Attempt::Allowed { .. } => Ok(()),
            Attempt::TooMany => Err(AddressRefused::TooMany),
        }
    }

    fn offered_address(&self, tenant: &Tenant, kind: TokenKind, sealed: &str) -> Option<Offered> {
        let body = self.sealer.open(kind, tenant.id, sealed)?;
        let offered: Offered = serde_json::from_slice(&body).ok()?;
        self.is_recent(Millis(offered.written_at), PROVE_MS).then_some(offered)
    }

    /// The address that a page with a sealed state is about; `None` if the state is malformed or too old.
    #[must_use]
    pub fn asked_address(&self, tenant: &Tenant, page: &str) -> Option<String> {
        self.offered_address(tenant, TokenKind::AddressCode, page).map(|offered| offered.address)
    }

    /// Confirms an address by the code from the mail, in the session that requested it or another one of the same
    /// user.
    ///
    /// # Errors
    /// [`AddressRefused`] if the code is wrong or outdated, there were too many attempts, or the database fails.
    pub async fn prove_address_by_code(
        &self,
        tenant: &Tenant,
        session: &Session,
        (page, typed): (&str, &str),
        ip: &str,
    ) -> Result<(), AddressRefused> {
        let offered = self.offered_address(tenant, TokenKind::AddressCode, page);
        let offered = offered.filter(|offered| offered.user == session.user);
        let offered = offered.ok_or(AddressRefused::Gone)?;
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        // The attempt is counted before the check: someone with access to the session could try all codes.
        self.may_try_address(tenant, &user, "address code", ip).await?;
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        if !sojourn_crypto::constant_time_eq(typed.as_bytes(), self.mail_code(page).as_bytes()) {
            return Err(AddressRefused::Wrong);
        }
        self.proved(tenant, user, offered).await
    }

    /// The address that a link confirms; `None` if the link is no longer valid.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn told_address(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<ToldAddress>, EngineError> {
        let Some(offered) = self.offered_address(tenant, TokenKind::AddressLink, token) else {
            return Ok(None);
        };
        let Op::UseOnce { key, .. } = offered.once() else { return Ok(None) };
        if self.store.is_revoked(tenant.id, key).await? {
            return Ok(None);
        }
        let user = self.store.user(tenant.id, offered.user).await?;
        let user = user.filter(|user| offered.fits(user));
        Ok(user.map(|user| ToldAddress { user, address: offered.address }))
    }

    /// Confirms an address by the link from the mail, on any device.
    ///
    /// # Errors
    /// [`AddressRefused`] if the link is no longer valid or the database fails.
    pub async fn prove_address_by_link(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<User, AddressRefused> {
        let offered = self.offered_address(tenant, TokenKind::AddressLink, token);
        let offered = offered.ok_or(AddressRefused::Gone)?;
        let user = self.store.user(tenant.id, offered.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(AddressRefused::Gone)?;
        self.proved(tenant, user.clone(), offered).await?;
        Ok(user)
    }

    async fn proved(
        &self,
        tenant: &Tenant,
        user: User,
        offered: Offered,
    ) -> Result<(), AddressRefused> {
        if !offered.fits(&user) {
            return Err(AddressRefused::Gone);
        }
        // Others may have been added since the mail was requested.
        self.may_have(tenant, &user, (&offered.address, offered.add)).await?;
        let mut change = ChangeSet::of(tenant.id, offered.once());
        let actor = Actor::User(user.id);
        let Offered { address, add, session, .. } = offered;
        let (id, at, epoch) = (user.id, self.now(), user.epoch);
        let (what, prove) = match add && user.email.as_ref() != Some(&address) {
            true => {
                let news = News::AddressAdded { address: &address };
                self.push_address_move(tenant, (&user, news), session, &mut change).await?;
                ("user.address_add", AddressChange::Add { user: id, address, at, epoch })
            }
            false => {
                self.push_main_address(tenant, &user, &address, &mut change).await?;
                if user.email.as_ref() != Some(&address) {
                    self.push_replaced(tenant, &user, &mut change).await?;
                    // Remembers since when the account has it.
                    let address = address.clone();
                    let since = AddressChange::Add { user: id, address, at, epoch };
                    change.ops.push(Op::Address(since));
                }
                ("user.address_prove", AddressChange::Prove { user: id, address, at, epoch })
            }
        };
        change.ops.push(Op::Address(prove));
        change.audit.push(self.audit_row(&actor, what, id, &json!({})));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            // The mail was used before, or the account changed at the same time.
            _ => Err(AddressRefused::Gone),
        }
    }

    /// Writes an account with another address, and notifies the previous address.
    pub(super) async fn push_address(
        &self,
        tenant: &Tenant,
        (before, after): (&User, User),
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let after = User { version: before.version + 1, updated_at: self.now(), ..after };
        let claims = account::changes(&account::to_resource(before), &account::to_resource(&after));
        let data = json!({ "user-name": before.username, "claims": claims });
        let event = self.user_event(before, EventName::PostSetUserClaims, actor);
        change.events.push(NewEvent { data: data.to_string(), ..event });
        self.push_address_news(tenant, before, &after, change).await?;
        change.ops.push(Op::UpdateUser { user: Box::new(after) });
        Ok(())
    }

    /// Adds to a change set what a new address of an account requires: the notice to the old address, and the undo
    /// link if the person changed it themselves.
    pub(crate) async fn push_address_told(
        &self,
        tenant: &Tenant,
        (before, after): (&User, &User),
        own: bool,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        match own {
            true => {
                self.push_others_told(tenant, (before, after), change).await?;
                self.push_address_news(tenant, before, after, change).await
            }
            false => self.push_address_settled(tenant, before, after, change).await,
        }
    }

    /// Notifies the previous address, if it was confirmed, that the person changed it. The mail has an undo link;
    /// after several changes within three days, only the first address has one.
    async fn push_address_news(
        &self,
        tenant: &Tenant,
        before: &User,
        after: &User,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let Some(old) = before.email.as_ref().filter(|_| before.email_verified) else {
            return Ok(());
        };
        if !self.settings.resets_by_mail || after.email.as_ref() == Some(old) {
            return Ok(());
        }
        let now = self.now();
        let undoes =
            match self.store.address_before(tenant.id, before.id, now.plus(-UNDO_MS)).await? {
                Some(first) => first.address == *old,
                None => true,
            };
        let link = match undoes {
            true => {
                let token =
                    self.mail_link(tenant, LinkPurpose::UndoAddress, (before, Some(old)))?;
                Some(format!("{}/address/undo?token={token}", self.settings.address(tenant)))
            }
            false => None,
        };
        let replace = AddressChange::Replace { user: before.id, before: old.clone(), at: now };
        change.ops.push(Op::Address(replace));
        self.push_address_notice(tenant, (before, old, after), link.as_deref(), change)
    }

    /// Handles a change by an administrator. It is final: somebody who now controls the old mailbox or another one of
    /// the account can't undo it.
    pub(crate) async fn push_address_settled(
        &self,
        tenant: &Tenant,
        before: &User,
        after: &User,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if before.email == after.email {
            return Ok(());
        }
        let (user, since) = (before.id, Millis(i64::MIN));
        self.push_others_told(tenant, (before, after), change).await?;
        change.ops.push(Op::Address(AddressChange::Settle { user }));
        change.ops.push(Op::Address(AddressChange::RemoveSince { user, since }));
        let old = before.email.as_ref().filter(|_| before.email_verified);
        match old.filter(|_| self.settings.resets_by_mail) {
            Some(old) => self.push_address_notice(tenant, (before, old, after), None, change),
            None => Ok(()),
        }
    }

    pub(super) fn push_address_notice(
        &self,
        tenant: &Tenant,
        (before, old, after): (&User, &str, &User),
        link: Option<&str>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let to = after.email.as_deref().unwrap_or("–");
        let letter = Letter::AddressChanged { to, link };
        change.ops.push(Op::Mail(MailChange::Add(self.mail_to(
            (tenant, before, old),
            &letter,
            None,
        )?)));
        Ok(())
    }

    /// The address that an undo link restores; `None` if the link is no longer valid.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn told_address_before(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<ToldAddress>, EngineError> {
        let found = self.address_before(tenant, token).await?;
        Ok(found.map(|(told, _)| told))
    }

    async fn address_before(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<(ToldAddress, Op)>, EngineError> {
        let found = self.open_mail_link(tenant, token).await?;
        let undo = found.filter(|link| link.purpose == LinkPurpose::UndoAddress);
        let Some(OpenedLink { user, once, address: Some(address), .. }) = undo else {
            return Ok(None);
        };
        // Restored already, or settled by an administrator.
        let since = self.now().plus(-UNDO_MS);
        let before = self.store.address_before(tenant.id, user.id, since).await?;
        if before.is_none_or(|before| before.address != address) {
            return Ok(None);
        }
        Ok(Some((ToldAddress { user, address }, once)))
    }

    /// Adds to a change set that the address is restored which someone else has replaced since a given time.
    pub(crate) async fn push_address_back(
        &self,
        tenant: &Tenant,
        user: &User,
        since: Millis,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let after = since.max(self.now().plus(-UNDO_MS));
        if let Some(AddressBefore { address, .. }) =
            self.store.address_before(tenant.id, user.id, after).await?
        {
            return self.push_address_restored(tenant, user, address, change).await;
        }
        match self.address_before_intruder(tenant, user, since).await? {
            Some(address) => self.push_address_as_before(tenant, user, address, change).await,
            None => Ok(()),
        }
    }

    async fn push_address_restored(
        &self,
        tenant: &Tenant,
        user: &User,
        address: String,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let undo = AddressChange::Undo { user: user.id, address: address.clone() };
        change.ops.push(Op::Address(undo));
        self.push_address_as_before(tenant, user, address, change).await
    }

    async fn push_address_as_before(
        &self,
        tenant: &Tenant,
        user: &User,
        address: String,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let restored = User { email: Some(address), email_verified: true, ..user.clone() };
        // No mail goes to the replaced address, because it belongs to the intruder.
        let unproved = User { email_verified: false, ..user.clone() };
        self.push_address(tenant, (&unproved, restored), &Actor::User(user.id), change).await
    }

    /// Restores the previous address of an account. Someone else changed it, so all sessions and tokens of the
    /// account end, every factor is removed, and a new password is required.
    ///
    /// # Errors
    /// [`AddressRefused::Gone`] if the link is no longer valid.
    pub async fn undo_address(&self, tenant: &Tenant, token: &str) -> Result<User, AddressRefused> {
        let found = self.address_before(tenant, token).await?;
        let (ToldAddress { user, address }, once) = found.ok_or(AddressRefused::Gone)?;
        let actor = Actor::User(user.id);
        let plan = EndPlan::new(EndTarget::User(user.id), EndReason::NotMe, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let since = Millis(i64::MIN);
        let factors = FactorChange::RemoveSince { user: user.id, since, named: Vec::new() };
        let mut change = ChangeSet::of(tenant.id, once);
        self.push_address_restored(tenant, &user, address, &mut change).await?;
        change.ops.extend([
            Op::DuePassword { user: user.id, due: PasswordDue::ByMail },
            // One of them may be the intruder's.
            Op::Address(AddressChange::RemoveSince { user: user.id, since }),
            Op::Factor(factors),
            Op::EndSessions(end),
        ]);
        let wait = self.wait_of_recovery(tenant, &user).await?;
        change.ops.extend(wait.map(|(wait, _)| Op::Factor(wait)));
        change.audit.push(self.audit_row(&actor, "user.address_undo", user.id, &json!({})));
        match self.apply_end(id, change).await {
            Err(EngineError::Contended) => Err(AddressRefused::Gone),
            done => done.map(|_| user).map_err(AddressRefused::from),
        }
    }
}
