//! Web Authentication (Level 3): the checks of a relying party for a credential that is made, and for a proof by it.
//!
//! Attestation is neither asked for nor evaluated: a key says of itself whether it is bound to its device.

mod authenticator_data;
mod client_data;
mod key;

use serde::Deserialize;

pub use authenticator_data::Flags;
use authenticator_data::{AuthenticatorData, attestation};
use client_data::ClientData;
use key::PublicKey;

use crate::{sha256, unb64url};

/// Bytes of a credential's id at most (§4, "Credential ID").
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1023;
/// The algorithms that are accepted, by their COSE numbers, the preferred one first: EdDSA, ES256, RS256.
pub const ALGORITHMS: [i64; 3] = [key::EDDSA, key::ES256, key::RS256];

/// What a ceremony has to be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The relying party's id: a domain.
    pub rp_id: &'a str,
    /// The origins whose pages may ask.
    pub origins: &'a [String],
    /// The challenge that was given.
    pub challenge: &'a [u8],
    /// Whether the person has to be verified, by a PIN or a fingerprint, and not only present.
    pub verified: bool,
}

/// Why a ceremony failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// It can't be read.
    #[error("{0} can't be read")]
    Malformed(&'static str),
    /// It is the answer to another kind of ceremony.
    #[error("it is of another kind")]
    Kind,
    /// It answers another challenge.
    #[error("it answers another challenge")]
    Challenge,
    /// It was made on a page of another origin.
    #[error("it was made for another origin")]
    Origin,
    /// It was made for another relying party.
    #[error("it was made for another relying party")]
    RelyingParty,
    /// Nobody was there.
    #[error("nobody was present")]
    NotPresent,
    /// The person was not verified.
    #[error("the person was not verified")]
    NotVerified,
    /// The key's algorithm is not one of those that were asked for.
    #[error("the algorithm is not supported")]
    Algorithm,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
}

/// A credential that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id, by which the authenticator finds it.
    pub id: Vec<u8>,
    /// Its public key, as a COSE key.
    pub public_key: Vec<u8>,
    /// What the authenticator said.
    pub flags: Flags,
    /// The signature counter; zero where there is none.
    pub counter: u32,
    /// How browsers reach the authenticator (`internal`, `usb`, `hybrid` …), as they said.
    pub transports: Vec<String>,
}

/// A proof by a credential whose signature is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proved {
    /// What the authenticator said.
    pub flags: Flags,
    /// The signature counter; zero where there is none.
    pub counter: u32,
}

/// A new credential, as a page sends it: `PublicKeyCredential.toJSON()` of `navigator.credentials.create()`.
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

/// A proof, as a page sends it: `PublicKeyCredential.toJSON()` of `navigator.credentials.get()`.
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
    // Browsers leave the padding out; libraries that stand in for them don't always.
    unb64url(text.trim_end_matches('=')).ok_or(CeremonyError::Malformed(what))
}

impl Creation {
    /// Reads what a page sent.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`]
    pub fn read(json: &str) -> Result<Self, CeremonyError> {
        serde_json::from_str(json).map_err(|_| CeremonyError::Malformed("the credential"))
    }

    /// Checks it (§7.1).
    ///
    /// # Errors
    /// [`CeremonyError`]
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
    /// Reads what a page sent.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`]
    pub fn read(json: &str) -> Result<Self, CeremonyError> {
        serde_json::from_str(json).map_err(|_| CeremonyError::Malformed("the credential"))
    }

    /// The id of the credential that it says it is by.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`]
    pub fn credential(&self) -> Result<Vec<u8>, CeremonyError> {
        let id = bytes(&self.raw_id, "the id")?;
        if id.is_empty() || id.len() > CREDENTIAL_ID_BYTES_MAX {
            return Err(CeremonyError::Malformed("the id"));
        }
        Ok(id)
    }

    /// Whose credential it is, as the authenticator says it; it doesn't always.
    ///
    /// # Errors
    /// [`CeremonyError::Malformed`]
    pub fn user_handle(&self) -> Result<Option<Vec<u8>>, CeremonyError> {
        let handle = self.response.user_handle.as_deref().filter(|handle| !handle.is_empty());
        handle.map(|handle| bytes(handle, "the user handle")).transpose()
    }

    /// Checks it against the public key of the credential (§7.2).
    ///
    /// # Errors
    /// [`CeremonyError`]
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
