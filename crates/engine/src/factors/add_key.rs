//! Adding a passkey or a security key.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sojourn_crypto::webauthn::{CeremonyError, Creation, Expected, Made, UserTest};
use sojourn_crypto::{TokenKind, b64url};
use sojourn_model::limits::USER_AGENT_BYTES_MAX;
use sojourn_model::{AppId, ChangeSet, Factor, FactorKind, Method, Millis, Session, Tenant, User};

use super::key::{Key, challenge};
use super::{Added, FRESH_MS, FactorRefused, OFFER_MS, named, room};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::News;
use crate::sign_in::cut;

/// A challenge for a new passkey or security key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOffer {
    /// Sealed state that the form sends back, valid for this session for some minutes.
    pub sealed: String,
    /// Options for the browser: `PublicKeyCredentialCreationOptionsJSON` (Web Authentication §5.1.8).
    pub options: Value,
}

/// A key that a browser created, and the name that its user chose.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// The sealed state that the form sent back.
    pub sealed: &'a str,
    /// The browser's response, as JSON.
    pub credential: &'a str,
    /// Name of the key that the user chose.
    pub name: &'a str,
    /// `User-Agent` of the browser.
    pub user_agent: &'a str,
}

/// Content of the sealed state.
#[derive(Serialize, Deserialize)]
struct Offered {
    handle: String,
    kind: String,
    to: [u8; 32],
    key_made_at: i64,
    /// Whether a password manager may create it without a dialog.
    #[serde(default)]
    unattended: bool,
    /// Sealing the same content twice produces the same text, but no two challenges may be equal.
    nonce: [u8; 16],
}

/// Where the options of a creation say whether the user is verified.
const USER_VERIFICATION: &str = "/authenticatorSelection/userVerification";

/// Number of random bytes in a handle; the rest identifies the tenant.
const HANDLE_NUMBER: usize = 24;

impl Engine {
    /// Creates a challenge for a session's user to add a key.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`] unless the user authenticated a moment ago, [`FactorRefused::TooMany`] if the
    /// account has the maximum number of factors, [`FactorRefused::NoKeys`] if this server's address supports no
    /// keys.
    pub async fn offer_key(
        &self,
        tenant: &Tenant,
        session: &Session,
        kind: FactorKind,
    ) -> Result<KeyOffer, FactorRefused> {
        let (user, factors) = self.fresh_user(tenant, session).await?;
        self.new_key_offer(tenant, (&user, &factors), (kind, false), session.id.0)
    }

    /// Creates a challenge for a session's user to add a passkey after a sign-in by password, so that it isn't needed
    /// the next time. A password manager may create it without a dialog.
    ///
    /// # Errors
    /// The same as [`Engine::offer_key`].
    pub async fn offer_passkey_after_password(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<KeyOffer, FactorRefused> {
        let (user, factors) = self.fresh_user(tenant, session).await?;
        let kind = FactorKind::Passkey;
        self.new_key_offer(tenant, (&user, &factors), (kind, true), session.id.0)
    }

    /// Returns whether a user who just signed in is offered a passkey: they used a password, have no passkey, and may
    /// use one.
    ///
    /// # Errors
    /// [`EngineError`] if the database fails.
    pub async fn offers_passkey(
        &self,
        tenant: &Tenant,
        session: &Session,
        app: Option<AppId>,
    ) -> Result<bool, EngineError> {
        let first = session.proofs.0.first().map(|proof| proof.method);
        if !self.settings.passkeys.offer_after_password
            || !self.takes_keys()
            || first != Some(Method::Password)
        {
            return Ok(false);
        }
        let factors = self.store.factors_of(tenant.id, session.user).await?;
        // A user who added another factor a moment ago could have added a passkey.
        let settled = |factor: &Factor| {
            factor.kind == FactorKind::Passkey || self.is_recent(factor.added_at, FRESH_MS)
        };
        if factors.iter().any(settled) {
            return Ok(false);
        }
        Ok(self.methods_for(tenant, session.user, app).await?.allow(Method::Passkey))
    }

    /// A challenge for a session, or for a sign-in in progress.
    pub(crate) fn new_key_offer(
        &self,
        tenant: &Tenant,
        (user, factors): (&User, &[Factor]),
        (kind, unattended): (FactorKind, bool),
        to: [u8; 32],
    ) -> Result<KeyOffer, FactorRefused> {
        room(factors)?;
        let keys = self.keys_of(tenant, factors)?;
        // An authenticator replaces an existing key of the same account only if it has the same handle.
        let handle = match keys.first() {
            Some((_, key)) => key.handle.clone(),
            None => b64url(&self.new_handle(tenant)),
        };
        let made_at = self.now().0;
        let offered = Offered {
            handle,
            kind: kind.as_str().to_owned(),
            to,
            key_made_at: made_at,
            unattended,
            nonce: sojourn_model::time::random(&*self.rng),
        };
        let body = serde_json::to_vec(&offered).unwrap_or_default();
        let sealed = self.sealer.seal(TokenKind::Enrolment, tenant.id, &body);
        let sealed = sealed.map_err(EngineError::from)?;
        let of = (kind, &*offered.handle);
        let options = self.creation_request(tenant, user, of, &keys, &sealed);
        let mut options = options.ok_or(FactorRefused::NoKeys)?;
        if unattended && let Some(verification) = options.pointer_mut(USER_VERIFICATION) {
            // A client that can't verify the user refuses to create one without a dialog if that is required.
            *verification = "preferred".into();
        }
        Ok(KeyOffer { options, sealed })
    }

    /// Creates a handle by which authenticators distinguish accounts (Web Authentication §5.4.3). It reveals nothing
    /// about the account, and only its tenant can recognise it as its own.
    fn new_handle(&self, tenant: &Tenant) -> [u8; 32] {
        let mut handle = [0; 32];
        let (number, tag) = handle.split_at_mut(HANDLE_NUMBER);
        self.rng.fill(number);
        let made = self.handle_tag(tenant, number);
        tag.copy_from_slice(made.get(..tag.len()).unwrap_or_default());
        handle
    }

    fn handle_tag(&self, tenant: &Tenant, number: &[u8]) -> [u8; 32] {
        let tenant = tenant.id.0.to_be_bytes();
        self.keyed_hash("handle of a tenant", &[tenant.as_slice(), number])
    }

    /// Returns whether a handle was created for a tenant. Tenants share an address, so authenticators offer the keys
    /// of all of them.
    pub(crate) fn is_handle_of(&self, tenant: &Tenant, handle: &[u8]) -> bool {
        let Some((number, tag)) = handle.split_at_checked(HANDLE_NUMBER) else { return false };
        let made = self.handle_tag(tenant, number);
        handle.len() == 32 && made.get(..tag.len()) == Some(tag)
    }

    /// Adds a key to the account of a session. The first factor of an account comes with recovery codes.
    ///
    /// # Errors
    /// [`FactorRefused`] if the challenge or the key isn't valid, [`EngineError::Invalid`] if the name isn't valid.
    pub async fn add_key(
        &self,
        tenant: &Tenant,
        session: &Session,
        new: NewKey<'_>,
    ) -> Result<Added, FactorRefused> {
        let (user, factors) = self.fresh_user(tenant, session).await?;
        let factor = self.checked_key(tenant, (&user, &factors), session.id.0, new)?;
        let mut change = ChangeSet::new(tenant.id);
        let codes = factors.is_empty().then(|| self.push_recovery_codes(&user, &mut change));
        let news = News::FactorAdded { name: &factor.name };
        self.push_news(tenant, &user, news, session.id, &mut change).await?;
        let factor = self.put_factor((&user, Some(session.id)), factor, change).await?;
        Ok(Added { factor, codes })
    }

    /// Verifies a browser's response to a challenge and returns the new factor.
    pub(crate) fn checked_key(
        &self,
        tenant: &Tenant,
        (user, factors): (&User, &[Factor]),
        to: [u8; 32],
        new: NewKey<'_>,
    ) -> Result<Factor, FactorRefused> {
        room(factors)?;
        let name = named(new.name)?;
        let body = self.sealer.open(TokenKind::Enrolment, tenant.id, new.sealed);
        let offered: Option<Offered> = body.and_then(|body| serde_json::from_slice(&body).ok());
        let good = |offered: &Offered| {
            offered.to == to && self.is_recent(Millis(offered.key_made_at), OFFER_MS)
        };
        let offered = offered.filter(good).ok_or(FactorRefused::Gone)?;
        let kind = match offered.kind == FactorKind::SecurityKey.as_str() {
            true => FactorKind::SecurityKey,
            false => FactorKind::Passkey,
        };
        let made = self.ceremony((kind, offered.unattended), new).map_err(|why| {
            tracing::info!(%why, kind = kind.as_str(), "a key was not added");
            FactorRefused::Wrong
        })?;
        // A synced key isn't bound to a device that the user holds.
        if kind == FactorKind::SecurityKey && made.flags.backup_eligible {
            return Err(FactorRefused::Synced);
        }
        let id = self.credential_factor(tenant, &made.id)?;
        if factors.iter().any(|factor| factor.id == id) {
            return Err(FactorRefused::Gone);
        }
        let key = Key {
            credential: b64url(&made.id),
            public_key: b64url(&made.public_key),
            handle: offered.handle,
            transports: made.transports,
            backup_eligible: made.flags.backup_eligible,
            backed_up: made.flags.backed_up,
            user_agent: cut(new.user_agent, USER_AGENT_BYTES_MAX),
        };
        Ok(Factor {
            id,
            user: user.id,
            kind,
            name,
            secret: self.seal_key(tenant, id, &key)?,
            step: i64::from(made.counter),
            added_at: self.now(),
            used_at: None,
        })
    }

    fn ceremony(
        &self,
        (kind, unattended): (FactorKind, bool),
        new: NewKey<'_>,
    ) -> Result<Made, CeremonyError> {
        let challenge = challenge(new.sealed);
        let user = match (kind, unattended) {
            (FactorKind::Passkey, true) => UserTest::Unattended,
            (FactorKind::Passkey, false) => UserTest::Verified,
            _ => UserTest::Present,
        };
        let rp = self.settings.relying_party().ok_or(CeremonyError::RelyingParty)?;
        let (rp_id, origins) = (&*rp.id, &*rp.origins);
        let expected = Expected { rp_id, origins, challenge: &challenge, user };
        Creation::read(new.credential)?.check(&expected)
    }
}
