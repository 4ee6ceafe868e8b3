//! Creates the account after its address is confirmed.

use serde_json::json;
use sojourn_crypto::TokenKind;
use sojourn_model::{
    AcceptedTerms, Actor, ChangeSet, EventName, FactorChange, FactorKind, Method, Op, OpenTo,
    Outcome, Proof, Proofs, SignUpChange, Tenant, User, UserId,
};

use super::{Asked, SignUpRefused};
use crate::directory::check_shown;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::{FactorRefused, KeyOffer, NewKey};
use crate::sign_in::Proven;

/// Details that users enter about themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewPerson<'a> {
    /// Given name; may be empty.
    pub given_name: &'a str,
    /// Family name; may be empty.
    pub family_name: &'a str,
    /// Version of the terms that the user accepts.
    pub terms: Option<&'a str>,
    /// IP address of the client.
    pub ip: &'a str,
}

/// Number of passwords that can be tried per mail: each costs a hash.
const PASSWORD_TRIES: i64 = 20;

/// The new account and the proofs that its user has given, with which the first session can start.
#[derive(Debug, Clone)]
pub struct SignedUp {
    /// The account that was created.
    pub user: User,
    /// The proofs, for [`Engine::sign_in_after_choice`].
    pub proven: Proven,
    /// Recovery codes that come with a passkey, shown only once.
    pub codes: Vec<String>,
}

/// Binds the challenge for a passkey to one request for an account.
fn holder(engine: &Engine, asked: &Asked) -> [u8; 32] {
    engine.keyed_hash("sign up", &[asked.user.0.as_bytes()])
}

impl Engine {
    /// The account that a link would create; `None` if the link is malformed, expired or used, if the account exists
    /// by now, or if the tenant's rules no longer allow it.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn signing_up(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<User>, EngineError> {
        Ok(self.newcomer(tenant, token).await?.map(|(_, user)| user))
    }

    /// The id that the account of a link has or will have.
    #[must_use]
    pub fn signing_up_as(&self, tenant: &Tenant, token: &str) -> Option<UserId> {
        self.asked_for(tenant, TokenKind::SignUpLink, token).map(|asked| asked.user)
    }

    async fn newcomer(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<(Asked, User)>, EngineError> {
        let Some(asked) = self.asked_for(tenant, TokenKind::SignUpLink, token) else {
            return Ok(None);
        };
        let rules = &tenant.sign_up;
        let invited = asked.invitation.is_some() || rules.open_to != OpenTo::Codes;
        if !self.is_sign_up_open(tenant) || !rules.open_to.admits(&asked.address) || !invited {
            return Ok(None);
        }
        if let (Some(hash), OpenTo::Codes) = (asked.invitation, &rules.open_to) {
            let code = self.store.sign_up_code(tenant.id, hash).await?;
            if !code.is_some_and(|code| code.uses_left > 0 && code.expires_at > self.now()) {
                return Ok(None);
            }
        }
        let Op::UseOnce { key, .. } = asked.once() else { return Ok(None) };
        if self.store.is_revoked(tenant.id, key).await?
            || self.has_account(tenant, &asked.address).await?.is_some()
        {
            return Ok(None);
        }
        let user = self.account_to_be(tenant, asked.user, &asked.address);
        let profile = json!({ "locale": asked.language }).to_string();
        Ok(Some((asked, User { profile, ..user })))
    }

    /// Creates a challenge for the passkey of a user who signs up.
    ///
    /// # Errors
    /// [`FactorRefused::Gone`] if the link is no longer valid, [`FactorRefused::NoKeys`] if this server's address
    /// supports no passkeys.
    pub async fn offer_key_at_sign_up(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<KeyOffer, FactorRefused> {
        let found = self.newcomer(tenant, token).await?;
        let (asked, user) = found.ok_or(FactorRefused::Gone)?;
        self.new_key_offer(tenant, (&user, &[]), (FactorKind::Passkey, false), holder(self, &asked))
    }

    /// Creates an account with a password.
    ///
    /// # Errors
    /// [`SignUpRefused::Password`] if the rules forbid the password, [`SignUpRefused::Terms`] if the current terms
    /// weren't accepted, [`SignUpRefused::TooMany`] after too many tries, [`SignUpRefused::Gone`] if the link is no
    /// longer valid, [`EngineError::Invalid`] if a name isn't valid.
    pub async fn sign_up_with_password(
        &self,
        tenant: &Tenant,
        token: &str,
        person: NewPerson<'_>,
        password: &str,
    ) -> Result<SignedUp, SignUpRefused> {
        let found = self.newcomer(tenant, token).await?;
        let (asked, user) = found.ok_or(SignUpRefused::Gone)?;
        let mut user = self.named_person(tenant, user, person).await?;
        let key = self.keyed_hash("sign-up password tries", &[asked.user.0.as_bytes()]).to_vec();
        if !self.count_tries(tenant.id, key, PASSWORD_TRIES, super::LINK_MS).await? {
            return Err(SignUpRefused::TooMany);
        }
        let _turn = self.turn_of(person.ip).await?;
        self.acceptable(tenant, &user, password).await.map_err(SignUpRefused::Password)?;
        user.password_hash = Some(self.hash_password(password).await?);
        let proofs = Proofs::of(Method::Password, self.now());
        self.make(tenant, &asked, user, proofs, ChangeSet::new(tenant.id)).await
    }

    /// Creates an account with a passkey and recovery codes.
    ///
    /// # Errors
    /// [`SignUpRefused::Key`] if the passkey isn't valid, [`SignUpRefused::Terms`] if the current terms weren't
    /// accepted, [`SignUpRefused::Gone`] if the link is no longer valid, [`EngineError::Invalid`] if a name isn't
    /// valid.
    pub async fn sign_up_with_passkey(
        &self,
        tenant: &Tenant,
        token: &str,
        person: NewPerson<'_>,
        new: NewKey<'_>,
    ) -> Result<SignedUp, SignUpRefused> {
        let found = self.newcomer(tenant, token).await?;
        let (asked, user) = found.ok_or(SignUpRefused::Gone)?;
        let user = self.named_person(tenant, user, person).await?;
        let to = holder(self, &asked);
        let factor = self.checked_key(tenant, (&user, &[]), to, new).map_err(SignUpRefused::Key)?;
        let method = match self.open_key(tenant, &factor)? {
            Some(key) => key.method(factor.kind),
            None => Method::Passkey,
        };
        let proof = Proof { method, at: self.now(), factor: Some(factor.id) };
        let about = json!({ "factor": factor.id.to_string(), "kind": factor.kind.as_str() });
        let add = FactorChange::Add { factor, epoch: user.epoch, session: None };
        let actor = Actor::User(user.id);
        let mut also = ChangeSet::of(tenant.id, Op::Factor(add));
        also.audit.push(self.audit_row(&actor, "user.factor_add", user.id, &about));
        also.events.push(self.factor_event(&user, EventName::PostAddFactor, &actor, about));
        let codes = self.push_recovery_codes(&user, &mut also);
        let done = self.make(tenant, &asked, user, Proofs::default().with(proof), also).await?;
        Ok(SignedUp { codes, ..done })
    }

    /// Adds the details that the user entered to the account.
    async fn named_person(
        &self,
        tenant: &Tenant,
        user: User,
        NewPerson { given_name, family_name, terms, .. }: NewPerson<'_>,
    ) -> Result<User, SignUpRefused> {
        let wanted = tenant.sign_up.terms.as_ref();
        if wanted.is_some_and(|wanted| terms != Some(&*wanted.version)) {
            return Err(SignUpRefused::Terms);
        }
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let username = self.free_name(tenant, user.id, &user.username).await?;
        let (given_name, family_name) = (some(given_name), some(family_name));
        let mut user = User { username, given_name, family_name, ..user };
        check_shown(&mut user)?;
        Ok(user)
    }

    /// Writes the account together with the rest of a change set. The link, the invitation code and the tenant's
    /// rules are conditions of the same change set.
    async fn make(
        &self,
        tenant: &Tenant,
        asked: &Asked,
        user: User,
        proofs: Proofs,
        also: ChangeSet,
    ) -> Result<SignedUp, SignUpRefused> {
        let actor = Actor::User(user.id);
        let mut change = ChangeSet::of(tenant.id, Op::SignUp(SignUpChange::Open));
        change.ops.push(asked.once());
        if let Some(hash) = asked.invitation.filter(|_| tenant.sign_up.open_to == OpenTo::Codes) {
            change.ops.push(Op::SignUp(SignUpChange::UseCode { hash, now: self.now() }));
        }
        change.ops.push(Op::CreateUser(user.clone()));
        let version = tenant.sign_up.terms.as_ref().map(|terms| terms.version.clone());
        if let Some(version) = version.clone() {
            let accepted = AcceptedTerms { version, at: self.now() };
            change.ops.push(Op::SignUp(SignUpChange::AcceptTerms { user: user.id, accepted }));
        }
        change.events.push(self.user_event(&user, EventName::PostAddUser, &actor));
        let code = asked.invitation.map(|hash| sojourn_model::ids::hex(&hash));
        let about = json!({ "terms": version, "code": code });
        change.audit.push(self.audit_row(&actor, "user.sign_up", user.id, &about));
        change.ops.extend(also.ops);
        change.events.extend(also.events);
        change.audit.extend(also.audit);
        let proven = Proven { user: user.id, epoch: user.epoch, proofs };
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(SignedUp { user, proven, codes: Vec::new() }),
            // The link was used at the same time, the code is used up, or sign-up is no longer allowed.
            _ => Err(SignUpRefused::Gone),
        }
    }
}
