//! Authenticator data (§6.1), and the attestation object of a new credential (§6.5).

use minicbor::Decoder;
use minicbor::data::Type;

use super::{CREDENTIAL_ID_BYTES_MAX, CeremonyError, Expected, UserTest};
use crate::{constant_time_eq, sha256};

const MALFORMED: CeremonyError = CeremonyError::Malformed("the authenticator data");
const OBJECT: CeremonyError = CeremonyError::Malformed("the attestation object");

const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const CREDENTIAL: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// Flags that an authenticator reports about a credential and its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// User present: a user-presence test was successful.
    pub present: bool,
    /// User verified, by a PIN or biometrics.
    pub verified: bool,
    /// Backup eligible: the credential is synced or can be. This never changes.
    pub backup_eligible: bool,
    /// Backup state: the credential is currently backed up.
    pub backed_up: bool,
}

pub(super) struct AuthenticatorData {
    rp_id_hash: [u8; 32],
    pub(super) flags: Flags,
    pub(super) counter: u32,
    /// Id and public key (COSE) of a new credential.
    pub(super) credential: Option<(Vec<u8>, Vec<u8>)>,
}

impl AuthenticatorData {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(MALFORMED)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or(MALFORMED)?;
        let (counter, mut rest) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
        let has = |flag: u8| flags & flag != 0;
        let credential = if has(CREDENTIAL) { Some(credential(&mut rest)?) } else { None };
        if has(EXTENSIONS) {
            let length = map_length(rest).ok_or(MALFORMED)?;
            rest = rest.get(length..).ok_or(MALFORMED)?;
        }
        let flags = Flags {
            present: has(PRESENT),
            verified: has(VERIFIED),
            backup_eligible: has(BACKUP_ELIGIBLE),
            backed_up: has(BACKED_UP),
        };
        if !rest.is_empty() || (flags.backed_up && !flags.backup_eligible) {
            return Err(MALFORMED);
        }
        let counter = u32::from_be_bytes(*counter);
        Ok(Self { rp_id_hash: *rp_id_hash, flags, counter, credential })
    }

    pub(super) fn check(&self, expected: &Expected<'_>) -> Result<(), CeremonyError> {
        if !constant_time_eq(&self.rp_id_hash, &sha256(expected.rp_id.as_bytes())) {
            return Err(CeremonyError::RelyingParty);
        }
        if expected.user >= UserTest::Present && !self.flags.present {
            return Err(CeremonyError::NotPresent);
        }
        if expected.user >= UserTest::Verified && !self.flags.verified {
            return Err(CeremonyError::NotVerified);
        }
        Ok(())
    }
}

/// Parses the attested credential data (§6.5.1) and skips the authenticator's model (AAGUID).
fn credential(rest: &mut &[u8]) -> Result<(Vec<u8>, Vec<u8>), CeremonyError> {
    let (_model, after) = rest.split_first_chunk::<16>().ok_or(MALFORMED)?;
    let (length, after) = after.split_first_chunk::<2>().ok_or(MALFORMED)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length == 0 || length > CREDENTIAL_ID_BYTES_MAX {
        return Err(MALFORMED);
    }
    let (id, after) = after.split_at_checked(length).ok_or(MALFORMED)?;
    let (key, after) =
        after.split_at_checked(map_length(after).ok_or(MALFORMED)?).ok_or(MALFORMED)?;
    *rest = after;
    Ok((id.to_vec(), key.to_vec()))
}

/// Returns the length in bytes of the CBOR map at the start; `None` if there is none.
fn map_length(bytes: &[u8]) -> Option<usize> {
    let mut decoder = Decoder::new(bytes);
    if !matches!(decoder.datatype(), Ok(Type::Map)) {
        return None;
    }
    decoder.skip().ok()?;
    Some(decoder.position())
}

/// Returns the authenticator data of an attestation object. The attestation statement isn't requested and is ignored.
pub(super) fn attestation(object: &[u8]) -> Result<Vec<u8>, CeremonyError> {
    let read = || -> Result<Option<Vec<u8>>, minicbor::decode::Error> {
        let mut decoder = Decoder::new(object);
        let (mut data, members) = (None, decoder.map()?);
        for _ in 0..members.unwrap_or_default() {
            match decoder.str()? {
                "authData" if data.is_none() => data = Some(decoder.bytes()?.to_vec()),
                "authData" => return Ok(None),
                _ => decoder.skip()?,
            }
        }
        Ok(data.filter(|_| decoder.position() == object.len()))
    };
    read().ok().flatten().ok_or(OBJECT)
}
