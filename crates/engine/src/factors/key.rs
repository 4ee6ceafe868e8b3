//! Passkeys and security keys (Web Authentication): what is kept of one, and what a page asks a browser for.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sojourn_crypto::webauthn::{ALGORITHMS, Assertion, CeremonyError, Expected, Flags};
use sojourn_crypto::{b64url, sha256, unb64url};
use sojourn_model::{Factor, FactorId, FactorKind, Level, Method, Tenant, User};

use super::place;
use crate::engine::Engine;
use crate::error::EngineError;

/// For how long a browser lets its person look for the key, in milliseconds.
const TIMEOUT_MS: i64 = 5 * 60_000;

/// What is kept of a key, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    /// The credential's id, in base64url.
    pub(crate) credential: String,
    /// Its public key as a COSE key, in base64url.
    pub(crate) public_key: String,
    /// What names the account to authenticators, in base64url: the same for all keys of one, and drawn at random.
    pub(crate) handle: String,
    /// How browsers reach it.
    pub(crate) transports: Vec<String>,
    /// Whether it may leave its device.
    pub(crate) backup_eligible: bool,
    /// Whether it is synced at the moment.
    pub(crate) backed_up: bool,
    /// The browser in which it was added.
    pub(crate) user_agent: String,
}

/// What is known of a key beside its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// The credential's id, in base64url.
    pub credential: String,
    /// What names the account to authenticators, in base64url.
    pub handle: String,
    /// Whether it may leave its device: it is synced, or can be.
    pub may_sync: bool,
    /// Whether it is synced at the moment.
    pub synced: bool,
    /// The browser in which it was added.
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

    /// By which method a proof with it counts.
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

/// The challenge of a page: made from what it carries sealed, so that it needs no place of its own.
pub(crate) fn challenge(sealed: &str) -> [u8; 32] {
    sha256(format!("challenge {sealed}").as_bytes())
}

/// The descriptors of keys, for a browser to look for or to leave out.
pub(crate) fn descriptors(keys: &[(Factor, Key)]) -> Vec<Value> {
    keys.iter().map(|(_, key)| key.descriptor()).collect()
}

impl Engine {
    /// The id of a factor that is a credential.
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

    /// Opens what is kept of a key; nothing for a factor of another kind.
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

    /// The keys among factors.
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

    /// The highest level that factors reach, together with a password.
    pub(crate) fn reach_of(
        &self,
        tenant: &Tenant,
        factors: &[Factor],
    ) -> Result<Level, EngineError> {
        let keys = self.keys_of(tenant, factors)?;
        let bound = |(factor, key): &(Factor, Key)| key.method(factor.kind) != Method::Passkey;
        Ok(match (keys.iter().any(bound), keys.is_empty(), factors.is_empty()) {
            (true, ..) => Level::HardwareBound,
            (false, false, _) => Level::PhishingResistant,
            (false, true, false) => Level::Two,
            (false, true, true) => Level::One,
        })
    }

    /// Whether keys can be used at the address of this server: it needs a name.
    #[must_use]
    pub fn takes_keys(&self) -> bool {
        self.settings.relying_party().is_some()
    }

    /// What a browser is asked for on a page that carries `sealed`: a passkey of anybody.
    #[must_use]
    pub fn passkey_request(&self, sealed: &str) -> Option<Value> {
        let rp = self.settings.relying_party()?;
        Some(json!({
            "challenge": b64url(&challenge(sealed)), "rpId": rp.id, "timeout": TIMEOUT_MS,
            "userVerification": "required", "allowCredentials": [],
        }))
    }

    /// What a browser is asked for on a page that carries `sealed`: one of a user's keys; nothing where there is none.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn key_request(
        &self,
        tenant: &Tenant,
        user: sojourn_model::UserId,
        sealed: &str,
    ) -> Result<Option<Value>, EngineError> {
        let Some(rp) = self.settings.relying_party() else { return Ok(None) };
        let factors = self.store.factors_of(tenant.id, user).await?;
        let keys = self.keys_of(tenant, &factors)?;
        if keys.is_empty() {
            return Ok(None);
        }
        // An old security key has no way to verify anybody.
        let passkeys = keys.iter().all(|(factor, _)| factor.kind == FactorKind::Passkey);
        let verification = if passkeys { "required" } else { "preferred" };
        Ok(Some(json!({
            "challenge": b64url(&challenge(sealed)), "rpId": rp.id, "timeout": TIMEOUT_MS,
            "userVerification": verification, "allowCredentials": descriptors(&keys),
        })))
    }

    /// What a browser is asked to make.
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

    /// Checks a proof by a key of a user, who is known or says so.
    pub(crate) fn check_key(
        &self,
        (factor, key): (&Factor, &Key),
        assertion: &Assertion,
        challenge: &[u8; 32],
    ) -> Result<KeyUse, CeremonyError> {
        let malformed = CeremonyError::Malformed("the key");
        let verified = factor.kind == FactorKind::Passkey;
        let rp = self.settings.relying_party().ok_or(CeremonyError::RelyingParty)?;
        let expected = Expected { rp_id: &rp.id, origins: &rp.origins, challenge, verified };
        let public_key = unb64url(&key.public_key).ok_or(malformed)?;
        if let Some(handle) = assertion.user_handle()?
            && b64url(&handle) != key.handle
        {
            return Err(CeremonyError::RelyingParty);
        }
        let proved = assertion.check(&expected, &public_key)?;
        let Flags { backup_eligible, backed_up, .. } = proved.flags;
        // That never changes: it is another key that says so (§7.2).
        if backup_eligible != key.backup_eligible {
            return Err(malformed);
        }
        let counter = i64::from(proved.counter);
        // Two devices may have the same key. Those that are synced don't count.
        let went_back = (counter > 0 || factor.step > 0) && counter <= factor.step;
        let changed = (backed_up != key.backed_up).then(|| Key { backed_up, ..key.clone() });
        Ok(KeyUse { counter, went_back, changed, method: key.method(factor.kind) })
    }
}

/// What a proof by a key says.
pub(crate) struct KeyUse {
    pub(crate) counter: i64,
    /// Whether the signature counter is not ahead of where it was.
    pub(crate) went_back: bool,
    /// The key as it is now, where something changed.
    pub(crate) changed: Option<Key>,
    pub(crate) method: Method,
}
