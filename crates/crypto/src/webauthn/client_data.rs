//! Client data: what the browser reports about a ceremony (§5.8.1).

use serde::Deserialize;

use super::{CeremonyError, Expected};
use crate::{constant_time_eq, unb64url};

/// The members that are checked. Unknown members are ignored, because later browser versions can add some.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default)]
    top_origin: Option<String>,
}

impl ClientData {
    pub(super) fn read(json: &[u8]) -> Result<Self, CeremonyError> {
        serde_json::from_slice(json).map_err(|_| CeremonyError::Malformed("the client data"))
    }

    pub(super) fn check(&self, kind: &str, expected: &Expected<'_>) -> Result<(), CeremonyError> {
        if self.r#type != kind {
            return Err(CeremonyError::Kind);
        }
        let challenge = unb64url(&self.challenge).unwrap_or_default();
        if expected.challenge.is_empty() || !constant_time_eq(&challenge, expected.challenge) {
            return Err(CeremonyError::Challenge);
        }
        // Ceremonies inside a frame of another site are rejected.
        let framed = self.cross_origin || self.top_origin.is_some();
        if framed || !expected.origins.contains(&self.origin) {
            return Err(CeremonyError::Origin);
        }
        Ok(())
    }
}
