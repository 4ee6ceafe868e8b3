//! A service provider as administrators and the configuration file describe it.

use serde::{Deserialize, Serialize};
use sojourn_model::{
    AssertionConsumer, AttributeMapping, LogoutService, Millis, NameIdFormat, SamlSettings,
    SignedPart, SigningAlg,
};

use super::registration::{self, FromMetadata};
use crate::error::EngineError;

/// Settings of a service provider. Missing members are taken from its metadata, if that is given, or get their
/// default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Form {
    /// Metadata as XML, read once when it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// URL of the metadata, which is fetched now and every six hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_url: Option<String>,
    /// Certificate, in PEM or base64, with which fetched metadata must be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_certificate: Option<String>,
    /// When the metadata was last fetched, in milliseconds since 1970. Read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_fetched_at: Option<Millis>,
    /// URLs to which assertions may be posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion_consumers: Option<Vec<AssertionConsumer>>,
    /// URLs for logout requests in the browser, and for responses to the provider's own requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logout_services: Option<Vec<LogoutService>>,
    /// URL for logout requests by SOAP, from server to server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soap_logout_url: Option<String>,
    /// The provider's signature certificates, in PEM or base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Vec<String>>,
    /// Whether authentication requests must be signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_requests: Option<bool>,
    /// `persistent`, `transient`, `email_address` or `unspecified`: the format of names if a request doesn't ask for
    /// one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_id_format: Option<NameIdFormat>,
    /// Claims that the provider receives, each with the attribute's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<AttributeMapping>>,
    /// `none`, `basic`, `oid` or `microsoft`: a predefined set of attributes, instead of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute_preset: Option<String>,
    /// `assertion`, `response` or `both`: what is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_part: Option<SignedPart>,
    /// Signature algorithm: `RS256` or `ES256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_alg: Option<SigningAlg>,
    /// Whether a sign-on may start here, without a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idp_initiated: Option<bool>,
    /// Maximum length of `RelayState`, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay_state_bytes_max: Option<usize>,
    /// Until when the metadata is valid, in milliseconds since 1970. Read-only, taken from the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Millis>,
}

impl Form {
    /// The registered settings in the form in which they are written.
    #[must_use]
    pub fn of(settings: &SamlSettings, soap: Option<&str>) -> Self {
        let settings = settings.clone();
        Self {
            metadata: None,
            metadata_url: settings.metadata_url,
            metadata_certificate: settings.metadata_certificate,
            metadata_fetched_at: settings.metadata_fetched_at,
            assertion_consumers: Some(settings.assertion_consumers),
            logout_services: Some(settings.logout_services),
            soap_logout_url: soap.map(str::to_owned),
            certificates: Some(settings.certificates),
            signed_requests: Some(settings.signed_requests),
            name_id_format: Some(settings.name_id_format),
            attributes: Some(settings.attributes),
            attribute_preset: None,
            signed_part: Some(settings.signed_part),
            signing_alg: Some(settings.signing_alg),
            idp_initiated: Some(settings.idp_initiated),
            relay_state_bytes_max: Some(settings.relay_state_bytes_max),
            valid_until: settings.valid_until,
        }
    }

    /// Parses the settings. Explicit members override the metadata. The entity id is the given one, or that of the
    /// metadata.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] with a text that says what is wrong.
    pub fn read(self, entity_id: Option<&str>, now: Millis) -> Result<FromMetadata, EngineError> {
        let pinned = match &self.metadata_certificate {
            None => None,
            Some(text) => {
                let wrong = |why| EngineError::Invalid(format!("metadata_certificate: {why}"));
                Some(sojourn_crypto::Certificate::from_text(text).map_err(wrong)?)
            }
        };
        let base = match &self.metadata {
            None => FromMetadata {
                entity_id: entity_id.unwrap_or_default().to_owned(),
                name: None,
                soap: None,
                settings: SamlSettings::default(),
            },
            Some(xml) => {
                // Metadata that someone pasted is trusted because of that person's rights.
                let pinned = pinned.as_ref().filter(|_| self.metadata_url.is_some());
                registration::from_metadata(xml.as_bytes(), entity_id, now, pinned)
                    .map_err(|error| EngineError::Invalid(format!("the metadata: {error}")))?
            }
        };
        let known = base.settings;
        let attributes = match (self.attribute_preset, self.attributes) {
            (None, given) => given.unwrap_or(known.attributes),
            (Some(_), Some(_)) => {
                let why = "specify attributes or attribute_preset, not both";
                return Err(EngineError::Invalid(why.into()));
            }
            (Some(name), None) => registration::preset(&name).ok_or_else(|| {
                let why = "attribute_preset must be none, basic, oid or microsoft";
                EngineError::Invalid(why.into())
            })?,
        };
        let certificates = match self.certificates {
            None => known.certificates,
            // Normalised to one format, independent of the input.
            Some(given) => given
                .iter()
                .map(|text| sojourn_crypto::Certificate::from_text(text).map(|one| one.base64()))
                .collect::<Result<_, _>>()
                .map_err(|why| EngineError::Invalid(format!("a certificate: {why}")))?,
        };
        let settings = SamlSettings {
            assertion_consumers: self.assertion_consumers.unwrap_or(known.assertion_consumers),
            logout_services: self.logout_services.unwrap_or(known.logout_services),
            certificates,
            signed_requests: self.signed_requests.unwrap_or(known.signed_requests),
            name_id_format: self.name_id_format.unwrap_or(known.name_id_format),
            attributes,
            signed_part: self.signed_part.unwrap_or(known.signed_part),
            signing_alg: self.signing_alg.unwrap_or(known.signing_alg),
            idp_initiated: self.idp_initiated.unwrap_or(known.idp_initiated),
            relay_state_bytes_max: self
                .relay_state_bytes_max
                .unwrap_or(known.relay_state_bytes_max),
            valid_until: known.valid_until.or(self.valid_until),
            metadata_url: self.metadata_url,
            metadata_certificate: pinned.map(|one| one.base64()),
            metadata_fetched_at: self.metadata_fetched_at,
        };
        let soap = self.soap_logout_url.or(base.soap);
        registration::check(&base.entity_id, soap.as_deref(), &settings)?;
        Ok(FromMetadata { soap, settings, ..base })
    }
}
