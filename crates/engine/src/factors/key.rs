//! Passkeys and security keys (Web Authentication): the stored data, and the requests that pages send to a browser.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sojourn_crypto::webauthn::{ALGORITHMS, Assertion, CeremonyError, Expected, Flags, UserTest};
use sojourn_crypto::{b64url, sha256, unb64url};
use sojourn_model::{Factor, FactorId, FactorKind, Level, Method, Methods, Tenant, User};

use super::place::place;
use crate::engine::Engine;
use crate::error::EngineError;

/// How long a browser waits for the user to provide the key, in milliseconds.
const TIMEOUT_MS: i64 = 5 * 60_000;

/// Stored data of a key, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Credential id, in base64url.
    pub(crate) credential: String,
    /// Public key in COSE format, in base64url.
    pub(crate) public_key: String,
    /// Random handle that identifies the account to authenticators, in base64url: the same for all keys of an
    /// account.
    pub(crate) handle: String,
    /// Transports by which browsers reach the key, such as `usb` or `internal`.
    pub(crate) transports: Vec<String>,
    /// Whether the key may leave its device (flag BE).
    pub(crate) backup_eligible: bool,
    /// Whether the key is synced at the moment (flag BS).
    pub(crate) backed_up: bool,
    /// `User-Agent` of the browser in which the key was added.
    pub(crate) user_agent: String,
}

/// Public data of a key besides its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Credential id, in base64url.
    pub credential: String,
    /// Handle that identifies the account to authenticators, in base64url.
    pub handle: String,
    /// Whether the key may leave its device: it is synced, or can be.
    pub may_sync: bool,
    /// Whether the key is synced at the moment.
    pub synced: bool,
    /// `User-Agent` of the browser in which the key was added.
    pub user_agent: String,
}

impl Key {
    pub(crate) fn facts(&self) -> KeyFacts {
        KeyFacts {
            credential: self.credential.clone(),
            handle: self.handle.clone(),
            may_sync: self.backup_eligible,
            synced: self.backed_up,
            user_agent: self.user_agent.clone(),
        }
    }

    /// The authentication method that a proof with this key counts as.
    pub(crate) const fn method(&self, kind: FactorKind) -> Method {
        match (kind, self.backup_eligible) {
            (FactorKind::SecurityKey, _) => Method::SecurityKey,
            (_, true) => Method::Passkey,
            (_, false) => Method::BoundPasskey,
        }
    }

    fn descriptor(&self) -> Value {
        json!({ "type": "public-key", "id": self.credential, "transports": self.transports })
    }
}

/// The challenge of a page. It is derived from the page's sealed state, so that it needs no storage.
pub(crate) fn challenge(sealed: &str) -> [u8; 32] {
    sha256(format!("challenge {sealed}").as_bytes())
}

/// The credential descriptors of keys, for a browser to select or to exclude.
pub(crate) fn descriptors(keys: &[(Factor, Key)]) -> Vec<Value> {
    keys.iter().map(|(_, key)| key.descriptor()).collect()
}

impl Engine {
    /// The id of a factor, derived from its credential id.
    pub(crate) fn credential_factor(
        &self,
        tenant: &Tenant,
        credential: &[u8],
    ) -> Result<FactorId, EngineError> {
        let parts = [&tenant.id.0.to_be_bytes(), credential];
        let id = self.hasher.keyed_for_good("credential", &parts);
        FactorId::from_slice(id.get(..16).unwrap_or_default())
            .map_err(|_| EngineError::NotFound("credential"))
    }

    pub(crate) fn seal_key(
        &self,
        tenant: &Tenant,
        id: FactorId,
        key: &Key,
    ) -> Result<Vec<u8>, EngineError> {
        let body = serde_json::to_vec(key).unwrap_or_default();
        Ok(self.secrets.seal(&place(tenant, id), &body, &*self.rng)?)
    }

    /// Opens the stored data of a key; `None` for a factor of another kind.
    pub(crate) fn open_key(
        &self,
        tenant: &Tenant,
        factor: &Factor,
    ) -> Result<Option<Key>, EngineError> {
        if !factor.kind.is_key() {
            return Ok(None);
        }
        let body = self.secrets.open(&place(tenant, factor.id), &factor.secret)?;
        let key = serde_json::from_slice(&body);
        key.map(Some).map_err(|_| EngineError::NotFound("credential"))
    }

    /// Selects the keys among an account's factors.
    pub(crate) fn keys_of(
        &self,
        tenant: &Tenant,
        factors: &[Factor],
    ) -> Result<Vec<(Factor, Key)>, EngineError> {
        let mut keys = Vec::new();
        for factor in factors {
            if let Some(key) = self.open_key(tenant, factor)? {
                keys.push((factor.clone(), key));
            }
        }
        Ok(keys)
    }

    /// The highest level that the factors reach, together with a password.
    pub(crate) fn reach_of(
        &self,
        tenant: &Tenant,
        factors: &[Factor],
    ) -> Result<Level, EngineError> {
        Ok(self.reach_with(tenant, factors, Methods::ALL)?.unwrap_or(Level::One))
    }

    /// The highest level that the factors reach, together with a password, by methods that are allowed; `None` if none
    /// of them is.
    pub(crate) fn reach_with(
        &self,
        tenant: &Tenant,
        factors: &[Factor],
        methods: Methods,
    ) -> Result<Option<Level>, EngineError> {
        let mut proven = vec![Method::Password];
        for factor in factors {
            let key = self.open_key(tenant, factor)?;
            proven.push(key.map_or(Method::Totp, |key| key.method(factor.kind)));
        }
        Ok(methods.reach(proven))
    }

    /// Returns whether this server's address supports keys: it must be a domain name.
    #[must_use]
    pub fn takes_keys(&self) -> bool {
        self.settings.relying_party().is_some()
    }

    /// Request options for a page with the sealed state `sealed`: any user's passkey.
    #[must_use]
    pub fn passkey_request(&self, sealed: &str) -> Option<Value> {
        let rp = self.settings.relying_party()?;
        Some(json!({
            "challenge": b64url(&challenge(sealed)), "rpId": rp.id, "timeout": TIMEOUT_MS,
            "userVerification": "required", "allowCredentials": [],
        }))
    }

    /// Request options for a page with the sealed state `sealed`: one of a user's keys that count; `None` if the user has none.
    ///
    /// # Errors
    /// [`EngineError`] if a key can't be opened or the database fails.
    pub async fn key_request(
        &self,
        tenant: &Tenant,
        user: sojourn_model::UserId,
        methods: Methods,
        sealed: &str,
    ) -> Result<Option<Value>, EngineError> {
        let Some(rp) = self.settings.relying_party() else { return Ok(None) };
        let counts = |factor: &Factor| match factor.kind {
            FactorKind::Passkey => methods.allow(Method::Passkey),
            _ => methods.allow(Method::SecurityKey),
        };
        let mut factors = self.store.factors_of(tenant.id, user).await?;
        factors.retain(counts);
        let keys = self.keys_of(tenant, &factors)?;
        if keys.is_empty() {
            return Ok(None);
        }
        // An old security key can't verify its user.
        let passkeys = keys.iter().all(|(factor, _)| factor.kind == FactorKind::Passkey);
        let verification = if passkeys { "required" } else { "preferred" };
        Ok(Some(json!({
            "challenge": b64url(&challenge(sealed)), "rpId": rp.id, "timeout": TIMEOUT_MS,
            "userVerification": verification, "allowCredentials": descriptors(&keys),
        })))
    }

    /// Creation options for a new key.
    pub(super) fn creation_request(
        &self,
        tenant: &Tenant,
        user: &User,
        (kind, handle): (FactorKind, &str),
        keys: &[(Factor, Key)],
        sealed: &str,
    ) -> Option<Value> {
        let rp = self.settings.relying_party()?;
        let name = tenant.look.name.clone().unwrap_or_else(|| rp.id.clone());
        let algorithms = ALGORITHMS.map(|alg| json!({ "type": "public-key", "alg": alg })).to_vec();
        let selection = match kind {
            FactorKind::SecurityKey => json!({
                "authenticatorAttachment": "cross-platform",
                "residentKey": "discouraged", "userVerification": "discouraged",
            }),
            _ => json!({
                "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
            }),
        };
        let hints: &[&str] = if kind == FactorKind::SecurityKey { &["security-key"] } else { &[] };
        Some(json!({
            "challenge": b64url(&challenge(sealed)),
            "rp": { "id": rp.id, "name": name },
            "user": { "id": handle, "name": user.username, "displayName": user.shown_name() },
            "pubKeyCredParams": algorithms,
            "timeout": TIMEOUT_MS,
            "excludeCredentials": descriptors(keys),
            "authenticatorSelection": selection,
            "hints": hints,
            "attestation": "none",
        }))
    }

    /// Verifies a proof by a key of a user, who is known or identified by the proof's user handle.
    pub(crate) fn check_key(
        &self,
        (factor, key): (&Factor, &Key),
        assertion: &Assertion,
        challenge: &[u8; 32],
    ) -> Result<KeyUse, CeremonyError> {
        let malformed = CeremonyError::Malformed("the key");
        let user = match factor.kind {
            FactorKind::Passkey => UserTest::Verified,
            _ => UserTest::Present,
        };
        let rp = self.settings.relying_party().ok_or(CeremonyError::RelyingParty)?;
        let expected = Expected { rp_id: &rp.id, origins: &rp.origins, challenge, user };
        let public_key = unb64url(&key.public_key).ok_or(malformed)?;
        if let Some(handle) = assertion.user_handle()?
            && b64url(&handle) != key.handle
        {
            return Err(CeremonyError::RelyingParty);
        }
        let proved = assertion.check(&expected, &public_key)?;
        let Flags { backup_eligible, backed_up, .. } = proved.flags;
        // The flag never changes, so another key sent it (§7.2).
        if backup_eligible != key.backup_eligible {
            return Err(malformed);
        }
        let counter = i64::from(proved.counter);
        // Two devices may have a copy of the same key. Synced keys don't count up.
        let went_back = (counter > 0 || factor.step > 0) && counter <= factor.step;
        let changed = (backed_up != key.backed_up).then(|| Key { backed_up, ..key.clone() });
        Ok(KeyUse { counter, went_back, changed, method: key.method(factor.kind) })
    }
}

/// The result of a proof by a key.
pub(crate) struct KeyUse {
    pub(crate) counter: i64,
    /// Whether the signature counter didn't increase.
    pub(crate) went_back: bool,
    /// The updated key, if its data changed.
    pub(crate) changed: Option<Key>,
    pub(crate) method: Method,
}
