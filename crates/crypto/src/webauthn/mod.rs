//! Web Authentication (Level 3): the relying party's checks of a new credential and of an assertion.
//!
//! Attestation is neither requested nor verified: whether a key is bound to its device is its own claim.

mod authenticator_data;
mod client_data;
mod key;

use serde::Deserialize;

pub use authenticator_data::Flags;
use authenticator_data::{AuthenticatorData, attestation};
use client_data::ClientData;
use key::PublicKey;

use crate::{sha256, unb64url};

/// Maximum length of a credential id in bytes (§4, "Credential ID").
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1023;
/// Accepted algorithms by their COSE numbers, the preferred one first: EdDSA, ES256, RS256.
pub const ALGORITHMS: [i64; 3] = [key::EDDSA, key::ES256, key::RS256];

/// The values that a ceremony has to match.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Id of the relying party: a domain.
    pub rp_id: &'a str,
    /// Origins of the pages that can start a ceremony.
    pub origins: &'a [String],
    /// The challenge that was issued for the ceremony.
    pub challenge: &'a [u8],
    /// What the authenticator must have established about the user.
    pub user: UserTest,
}

/// What an authenticator establishes about the user (§6.1). Later variants are stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UserTest {
    /// Nothing: a credential that a password manager creates after a sign-in, without a dialog (`mediation:
    /// conditional`, §5.1.3). It says nothing about later assertions.
    Unattended,
    /// Somebody was present.
    Present,
    /// The user was verified, by a PIN or biometrics.
    Verified,
}

/// The reason for which a ceremony failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// A part can't be parsed; the text names the part.
    #[error("{0} can't be read")]
    Malformed(&'static str),
    /// The response belongs to another kind of ceremony.
    #[error("it is of another kind")]
    Kind,
    /// The response is to another challenge.
    #[error("it answers another challenge")]
    Challenge,
    /// The response comes from a page of another origin, or from a frame of another site.
    #[error("it was made for another origin")]
    Origin,
    /// The response is for another relying party.
    #[error("it was made for another relying party")]
    RelyingParty,
    /// The user-presence flag isn't set.
    #[error("nobody was present")]
    NotPresent,
    /// User verification is required, but its flag isn't set.
    #[error("the person was not verified")]
    NotVerified,
    /// The algorithm of the key is not one of [`ALGORITHMS`].
    #[error("the algorithm is not supported")]
    Algorithm,
    /// The signature doesn't match the data and the public key.
    #[error("the signature is wrong")]
    Signature,
}

/// A new credential that passed the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Credential id, by which the authenticator finds it.
    pub id: Vec<u8>,
    /// Public key, as a COSE key.
    pub public_key: Vec<u8>,
    /// Flags that the authenticator reported.
    pub flags: Flags,
    /// Signature counter; zero if the authenticator has none.
    pub counter: u32,
    /// Transports by which browsers reach the authenticator (`internal`, `usb`, `hybrid` …), as the browser reported
    /// them.
    pub transports: Vec<String>,
}

/// An assertion that passed the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proved {
    /// Flags that the authenticator reported.
    pub flags: Flags,
    /// Signature counter; zero if the authenticator has none.
    pub counter: u32,
}

/// A new credential as a page sends it: `PublicKeyCredential.toJSON()` of `navigator.credentials.create()`.
#[derive(Debug, Deserialize)]
pub struct Creation {
    response: CreationResponse,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

/// An assertion as a page sends it: `PublicKeyCredential.toJSON()` of `navigator.credentials.get()`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assertion {
    raw_id: String,
    response: AssertionResponse,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    #[serde(default)]
    user_handle: Option<String>,
}

fn bytes(text: &str, what: &'static str) -> Result<Vec<u8>, CeremonyError> {
    // Browsers omit the padding; polyfills don't always.
    unb64url(text.trim_end_matches('=')).ok_or(CeremonyError::Malformed(what))
}

impl Creation {
    /// Parses the JSON that a page sent.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`] if the JSON can't be parsed.
    pub fn read(json: &str) -> Result<Self, CeremonyError> {
        serde_json::from_str(json).map_err(|_| CeremonyError::Malformed("the credential"))
    }

    /// Checks the new credential (§7.1) and returns it.
    ///
    /// # Errors
    /// [`CeremonyError`] names the first check that failed.
    pub fn check(self, expected: &Expected<'_>) -> Result<Made, CeremonyError> {
        let client_data = bytes(&self.response.client_data, "the client data")?;
        ClientData::read(&client_data)?.check("webauthn.create", expected)?;
        let object = bytes(&self.response.attestation_object, "the attestation object")?;
        let data = attestation(&object)?;
        let data = AuthenticatorData::read(&data)?;
        data.check(expected)?;
        let (id, public_key) =
            data.credential.ok_or(CeremonyError::Malformed("the authenticator data"))?;
        PublicKey::read(&public_key)?;
        let known = |name: &String| name.len() <= 32 && name.is_ascii();
        let transports = self.response.transports.into_iter().filter(known).take(8).collect();
        Ok(Made { id, public_key, flags: data.flags, counter: data.counter, transports })
    }
}

impl Assertion {
    /// Parses the JSON that a page sent.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`] if the JSON can't be parsed.
    pub fn read(json: &str) -> Result<Self, CeremonyError> {
        serde_json::from_str(json).map_err(|_| CeremonyError::Malformed("the credential"))
    }

    /// Returns the id of the credential that the assertion claims to use.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`] if the id can't be decoded, is empty or too long.
    pub fn credential(&self) -> Result<Vec<u8>, CeremonyError> {
        let id = bytes(&self.raw_id, "the id")?;
        if id.is_empty() || id.len() > CREDENTIAL_ID_BYTES_MAX {
            return Err(CeremonyError::Malformed("the id"));
        }
        Ok(id)
    }

    /// Returns the user handle, if the authenticator sent one.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`] if the handle can't be decoded.
    pub fn user_handle(&self) -> Result<Option<Vec<u8>>, CeremonyError> {
        let handle = self.response.user_handle.as_deref().filter(|handle| !handle.is_empty());
        handle.map(|handle| bytes(handle, "the user handle")).transpose()
    }

    /// Checks the assertion against the public key of the credential (§7.2).
    ///
    /// # Errors
    /// [`CeremonyError`] names the first check that failed.
    pub fn check(
        &self,
        expected: &Expected<'_>,
        public_key: &[u8],
    ) -> Result<Proved, CeremonyError> {
        let client_data = bytes(&self.response.client_data, "the client data")?;
        ClientData::read(&client_data)?.check("webauthn.get", expected)?;
        let signed = bytes(&self.response.authenticator_data, "the authenticator data")?;
        let data = AuthenticatorData::read(&signed)?;
        data.check(expected)?;
        let signature = bytes(&self.response.signature, "the signature")?;
        let message = [signed.as_slice(), &sha256(&client_data)].concat();
        PublicKey::read(public_key)?.verify(&message, &signature)?;
        Ok(Proved { flags: data.flags, counter: data.counter })
    }
}

#[cfg(test)]
mod tests;
