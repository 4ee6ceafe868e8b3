//! Invitations to new accounts: a link by mail lets the user set up how they sign in, and confirms their address.

use serde_json::json;
use sojourn_model::operation::MailChange;
use sojourn_model::{
    Actor, AddressChange, ChangeSet, EndTarget, FactorKind, Millis, Op, Proofs, Tenant, User,
    UserState,
};

use super::PasswordRefused;
use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::is_recovering;
use crate::factors::{Added, FactorRefused, KeyOffer, NewKey};
use crate::mail::LinkPurpose;
use crate::outside::Letter;
use crate::rights::Right;

/// Returns the reason why a user can't be invited, if there is one.
fn uninvitable(user: &User, now: Millis) -> Option<&'static str> {
    if is_recovering(user, &Proofs::default(), now) {
        return Some(
            "the account is being recovered; invite the user when its waiting time is over",
        );
    }
    if user.state != UserState::Active {
        return Some("the account is switched off or locked");
    }
    if user.password_hash.is_some() || user.factors > 0 {
        return Some("the account has a way to sign in already");
    }
    if user.email.is_none() {
        return Some("the account has no mail address");
    }
    None
}

/// Binds the challenge for a passkey to one invitation link.
fn holder(engine: &Engine, token: &str) -> [u8; 32] {
    engine.keyed_hash("invitation", &[token.as_bytes()])
}

impl Engine {
    /// Sends a mail with a link by which the user sets a passkey or a password for an account that has neither. The
    /// link works once, for a week; a further invitation doesn't invalidate earlier ones.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if mail can't be sent, or if the account has no address or has a way to sign in
    /// already.
    pub async fn invite(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let mut change = ChangeSet::new(tenant.id);
        self.push_invitation(tenant, user, by, &mut change).await?;
        self.must_apply(change).await.map(|_| ())
    }

    /// Adds the invitation to an account to a change set, to be written with its cause.
    pub(crate) async fn push_invitation(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if !self.settings.resets_by_mail {
            return Err(EngineError::Invalid(
                "this server doesn't send mail: configure [mail]".into(),
            ));
        }
        if let Some(why) = uninvitable(user, self.now()) {
            return Err(EngineError::Invalid(why.into()));
        }
        if !self.store.factors_of(tenant.id, user.id).await?.is_empty() {
            return Err(EngineError::Invalid("the account has a way to sign in already".into()));
        }
        let recipient = user.email.clone().unwrap_or_default();
        let token = self.mail_link(tenant, LinkPurpose::Invitation, (user, None))?;
        let link = format!("{}/invitation?token={token}", self.settings.address(tenant));
        let mail =
            self.mail_to((tenant, user, &recipient), &Letter::Invitation { link: &link }, None)?;
        change.ops.push(Op::Mail(MailChange::Add(mail)));
        change.audit.push(self.audit_row(&by.actor(), "user.invite", user.id, &json!({})));
        Ok(())
    }

    /// The user that a link invites; `None` if the link is malformed, expired or used, or if the account has a way to
    /// sign in by now.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn invited(&self, tenant: &Tenant, token: &str) -> Result<Option<User>, EngineError> {
        Ok(self.invitation(tenant, token).await?.map(|(user, _)| user))
    }

    async fn invitation(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<(User, Op)>, EngineError> {
        let found = self.open_mail_link(tenant, token).await?;
        let Some(link) = found.filter(|link| link.purpose == LinkPurpose::Invitation) else {
            return Ok(None);
        };
        let user = link.user;
        if uninvitable(&user, self.now()).is_some()
            || !self.store.factors_of(tenant.id, user.id).await?.is_empty()
        {
            return Ok(None);
        }
        Ok(Some((user, link.once)))
    }

    /// What accepting an invitation does besides setting a credential: the link is used up, and the address is
    /// confirmed.
    fn accepted(&self, user: &User, once: Op) -> ChangeSet {
        let address = user.email.clone().unwrap_or_default();
        let (at, epoch) = (self.now(), user.epoch);
        let prove = AddressChange::Prove { user: user.id, address, at, epoch };
        let mut change = ChangeSet::of(user.tenant, once).with(Op::Address(prove));
        let actor = Actor::User(user.id);
        change.audit.push(self.audit_row(&actor, "user.invitation_accept", user.id, &json!({})));
        change
    }

    /// Sets the password that an invited user chose.
    ///
    /// # Errors
    /// [`PasswordRefused`] if the rules forbid the password, [`EngineError::Invalid`] if the link is no longer valid.
    pub async fn accept_with_password(
        &self,
        tenant: &Tenant,
        token: &str,
        new: &str,
    ) -> Result<(), PasswordRefused> {
        let too_old =
            || EngineError::Invalid("the link has expired or has already been used".into());
        let (user, once) = self.invitation(tenant, token).await?.ok_or_else(too_old)?;
        let also = self.accepted(&user, once);
        match self.put_password(tenant, &user, new, EndTarget::User(user.id), also).await {
            // The link was used, or the account changed, at the same time.
            Err(PasswordRefused::Failed(EngineError::Contended)) => Err(too_old().into()),
            done => done,
        }
    }

    /// Creates a challenge for the passkey of an invited user.
    ///
    /// # Errors
    /// [`FactorRefused::Gone`] if the link is no longer valid, [`FactorRefused::NoKeys`] if this server's address
    /// supports no passkeys.
    pub async fn offer_key_to_invited(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<KeyOffer, FactorRefused> {
        let found = self.invitation(tenant, token).await?;
        let (user, _) = found.ok_or(FactorRefused::Gone)?;
        self.new_key_offer(tenant, (&user, &[]), (FactorKind::Passkey, false), holder(self, token))
    }

    /// Adds the passkey that an invited user created, with recovery codes.
    ///
    /// # Errors
    /// [`FactorRefused`] if the passkey isn't valid; [`FactorRefused::Gone`] if the link is no longer valid or was
    /// used at the same time.
    pub async fn accept_with_passkey(
        &self,
        tenant: &Tenant,
        token: &str,
        new: NewKey<'_>,
    ) -> Result<Added, FactorRefused> {
        let found = self.invitation(tenant, token).await?;
        let (user, once) = found.ok_or(FactorRefused::Gone)?;
        let factor = self.checked_key(tenant, (&user, &[]), holder(self, token), new)?;
        let mut change = self.accepted(&user, once);
        let codes = Some(self.push_recovery_codes(&user, &mut change));
        let factor = self.put_factor((&user, None), factor, change).await?;
        Ok(Added { factor, codes })
    }
}
