//! Several mail addresses: the ones besides the main one. Each is confirmed; notices go to all of them, and each can
//! receive the mail that resets a password.

use serde_json::json;
use sojourn_model::directory::text_key;
use sojourn_model::limits::OTHER_ADDRESSES_MAX;
use sojourn_model::{
    Actor, AddressChange, ChangeSet, Millis, Op, OtherAddress, Outcome, Session, SessionId, Tenant,
    UNDO_MS, User, UserId,
};

use super::AddressRefused;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::News;

impl Engine {
    /// The confirmed addresses of a user besides the main one, the oldest first.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn other_addresses(
        &self,
        tenant: &Tenant,
        user: UserId,
    ) -> Result<Vec<OtherAddress>, EngineError> {
        Ok(self.store.other_addresses(tenant.id, user).await?)
    }

    /// Makes another address of a session's user the main one. The previous one, if it is confirmed, stays as another
    /// address and can undo the change.
    ///
    /// # Errors
    /// [`AddressRefused::NotFresh`] if the user must sign in again first, [`AddressRefused::Gone`] if the account
    /// doesn't have the address or has changed meanwhile.
    pub async fn make_main_address(
        &self,
        tenant: &Tenant,
        session: &Session,
        address: &str,
    ) -> Result<(), AddressRefused> {
        let (user, address) = self.own_address(tenant, session, address).await?;
        let (actor, epoch) = (Actor::User(user.id), user.epoch);
        let mut change = ChangeSet::new(tenant.id);
        self.push_main_address(tenant, &user, &address, &mut change).await?;
        if let Some(old) = user.email.clone().filter(|_| user.email_verified) {
            // It stays as old as it is, so that reporting a later sign-in doesn't remove it. One that was confirmed
            // without a row is as old as the account.
            let known = self.store.address_proved_at(tenant.id, user.id, &old).await;
            let at = known.map_err(EngineError::from)?.unwrap_or(user.created_at);
            let keep = AddressChange::Add { user: user.id, address: old, at, epoch };
            change.ops.push(Op::Address(keep));
        }
        change.audit.push(self.audit_row(&actor, "user.address_main", user.id, &json!({})));
        self.apply_address(change).await
    }

    /// Removes an address of a session's user that isn't the main one.
    ///
    /// # Errors
    /// [`AddressRefused::NotFresh`] if the user must sign in again first, [`AddressRefused::Gone`] if the account
    /// doesn't have the address.
    pub async fn remove_address(
        &self,
        tenant: &Tenant,
        session: &Session,
        address: &str,
    ) -> Result<(), AddressRefused> {
        let (user, address) = self.own_address(tenant, session, address).await?;
        let mut change = ChangeSet::new(tenant.id);
        let news = News::AddressRemoved { address: &address };
        self.push_address_move(tenant, (&user, news), Some(session.id), &mut change).await?;
        let actor = Actor::User(user.id);
        change.audit.push(self.audit_row(&actor, "user.address_remove", user.id, &json!({})));
        change.ops.push(Op::Address(AddressChange::Remove { user: user.id, address }));
        self.apply_address(change).await
    }

    async fn apply_address(&self, change: ChangeSet) -> Result<(), AddressRefused> {
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(AddressRefused::Gone),
        }
    }

    async fn own_address(
        &self,
        tenant: &Tenant,
        session: &Session,
        address: &str,
    ) -> Result<(User, String), AddressRefused> {
        if !self.is_fresh(tenant, session).await? {
            return Err(AddressRefused::NotFresh);
        }
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let others = self.other_addresses(tenant, user.id).await?;
        let same = |other: &OtherAddress| text_key(&other.address) == text_key(address.trim());
        let found = others.into_iter().find(same).ok_or(AddressRefused::Gone)?;
        Ok((user, found.address))
    }

    /// Returns the address to restore as the main one if the current one was confirmed since an intruder signed in: the
    /// oldest one that was confirmed before.
    pub(super) async fn address_before_intruder(
        &self,
        tenant: &Tenant,
        user: &User,
        since: Millis,
    ) -> Result<Option<String>, EngineError> {
        let Some(main) = &user.email else { return Ok(None) };
        let set = self.store.address_proved_at(tenant.id, user.id, main).await?;
        if set.is_none_or(|at| at < since) {
            return Ok(None);
        }
        let others = self.store.other_addresses(tenant.id, user.id).await?;
        if let Some(own) = others.into_iter().find(|other| other.proved_at < since) {
            return Ok(Some(own.address));
        }
        // The first one of several that were replaced within the time in which that can be undone.
        let after = self.now().plus(-UNDO_MS);
        let first = self.store.address_before(tenant.id, user.id, after).await?;
        Ok(first.map(|before| before.address))
    }

    /// Adds to a change set the operation that forgets the main address, because another one replaces it.
    pub(super) async fn push_replaced(
        &self,
        tenant: &Tenant,
        user: &User,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let Some(old) = &user.email else { return Ok(()) };
        if self.store.address_proved_at(tenant.id, user.id, old).await?.is_some() {
            let remove = AddressChange::Remove { user: user.id, address: old.clone() };
            change.ops.push(Op::Address(remove));
        }
        Ok(())
    }

    /// Checks whether an account can have one more address, or this one as its main address.
    pub(super) async fn may_have(
        &self,
        tenant: &Tenant,
        user: &User,
        (address, add): (&str, bool),
    ) -> Result<(), AddressRefused> {
        if !add {
            return Ok(());
        }
        let others = self.other_addresses(tenant, user.id).await?;
        let key = text_key(address);
        let main = user.email.as_deref().is_some_and(|main| text_key(main) == key);
        if main || others.iter().any(|other| text_key(&other.address) == key) {
            return Err(AddressRefused::Already);
        }
        match others.len() < OTHER_ADDRESSES_MAX {
            true => Ok(()),
            false => Err(AddressRefused::Full { max: OTHER_ADDRESSES_MAX }),
        }
    }

    /// Adds to a change set that an account's main address is this confirmed one.
    pub(super) async fn push_main_address(
        &self,
        tenant: &Tenant,
        user: &User,
        address: &str,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if user.email.as_deref() == Some(address) {
            return Ok(());
        }
        let email = Some(address.to_owned());
        let changed = User { email, email_verified: true, ..user.clone() };
        self.push_others_told(tenant, (user, &changed), change).await?;
        self.push_address(tenant, (user, changed), &Actor::User(user.id), change).await
    }

    /// Notifies the confirmed addresses besides the main one of a new main address.
    pub(super) async fn push_others_told(
        &self,
        tenant: &Tenant,
        (before, after): (&User, &User),
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if !self.settings.resets_by_mail || before.email == after.email {
            return Ok(());
        }
        let main = [&before.email, &after.email].map(|main| main.as_deref().map(text_key));
        for other in self.other_addresses(tenant, before.id).await? {
            if !main.contains(&Some(text_key(&other.address))) {
                self.push_address_notice(tenant, (before, &other.address, after), None, change)?;
            }
        }
        Ok(())
    }

    /// Notifies all confirmed addresses that one was added or removed, with a link to report it.
    pub(super) async fn push_address_move(
        &self,
        tenant: &Tenant,
        (user, news): (&User, News<'_>),
        session: Option<SessionId>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        match session {
            Some(session) => self.push_news(tenant, user, news, session, change).await,
            None => self.push_notice(tenant, user, news, change).await,
        }
    }
}
