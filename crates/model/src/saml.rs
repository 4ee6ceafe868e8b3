//! Settings, keys and changes of SAML 2.0 service providers.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, SessionId, Sid};
use crate::key::SigningAlg;
use crate::time::Millis;

/// Formats of name identifiers (SAML Core §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameIdFormat {
    /// An opaque identifier that stays the same at each sign-in and differs for each service provider (§8.3.7).
    Persistent,
    /// An opaque identifier that is valid for one participation (§8.3.8).
    Transient,
    /// The email address (§8.3.2).
    EmailAddress,
    /// The login name (§8.3.1).
    Unspecified,
}

impl NameIdFormat {
    /// All formats, in the order of their definition.
    pub const ALL: [Self; 4] =
        [Self::Persistent, Self::Transient, Self::EmailAddress, Self::Unspecified];

    /// Returns the URI of the format.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Persistent => "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            Self::Transient => "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
            Self::EmailAddress => "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            Self::Unspecified => "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        }
    }

    /// Returns the short name, which settings use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Persistent => "persistent",
            Self::Transient => "transient",
            Self::EmailAddress => "email_address",
            Self::Unspecified => "unspecified",
        }
    }

    /// Parses the URI or the short name. Some implementations write the wrong SAML version in the URI, so `1.1` and
    /// `2.0` are both accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        fn end(text: &str) -> Option<&str> {
            let text = text.strip_prefix("urn:oasis:names:tc:SAML:")?;
            text.split_once(":nameid-format:").map(|(_, end)| end)
        }
        Self::ALL.into_iter().find(|one| {
            one.as_str() == text || end(text).is_some_and(|t| end(one.uri()) == Some(t))
        })
    }
}

/// Bindings for logout requests to a service provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutBinding {
    /// In the browser, in a query string (HTTP-Redirect binding).
    Redirect,
    /// In the browser, in a form (HTTP-POST binding).
    Post,
    /// From server to server (SOAP binding).
    Soap,
}

impl LogoutBinding {
    /// Returns the name that settings use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Post => "post",
            Self::Soap => "soap",
        }
    }

    /// Parses the name that settings use; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Redirect, Self::Post, Self::Soap].into_iter().find(|one| one.as_str() == text)
    }
}

/// An assertion consumer service: the endpoint to which assertions are posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionConsumer {
    /// URL to which assertions are posted.
    pub url: String,
    /// Index by which a request can refer to it.
    #[serde(default)]
    pub index: u16,
    /// Whether it is used for requests that name no endpoint.
    #[serde(default)]
    pub is_default: bool,
}

/// A single logout service: the endpoint for logout requests and responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutService {
    /// Binding that the endpoint supports.
    pub binding: LogoutBinding,
    /// URL for logout requests.
    pub url: String,
    /// URL for logout responses, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_url: Option<String>,
}

/// The signed parts of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedPart {
    /// Only the assertion is signed.
    Assertion,
    /// Only the response around the assertion is signed.
    Response,
    /// Both are signed, which satisfies every service provider.
    #[default]
    Both,
}

impl SignedPart {
    /// Returns the name that settings use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Response => "response",
            Self::Both => "both",
        }
    }

    /// Parses the name that settings use; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Assertion, Self::Response, Self::Both].into_iter().find(|one| one.as_str() == text)
    }
}

/// Mapping of a claim to an attribute of an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeMapping {
    /// Name of the claim: `email`, `given_name`, `roles` …
    pub claim: String,
    /// Name of the attribute.
    pub name: String,
    /// Human-readable name of the attribute (`FriendlyName`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// URI of the attribute name's format (`NameFormat`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_format: Option<String>,
}

/// Settings of a SAML 2.0 service provider. Its entity id is the application's `client_id`; its SOAP address for logout
/// is the application's `backchannel_logout_uri`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamlSettings {
    /// Allowed endpoints for assertions; compared exactly.
    pub assertion_consumers: Vec<AssertionConsumer>,
    /// Endpoints for logout requests in the browser, and for responses to its own requests.
    pub logout_services: Vec<LogoutService>,
    /// Its signing certificates, as DER in base64.
    pub certificates: Vec<String>,
    /// Whether its authentication requests have to be signed.
    pub signed_requests: bool,
    /// Format of name identifiers for requests that ask for none.
    pub name_id_format: NameIdFormat,
    /// Claims that assertions contain as attributes.
    pub attributes: Vec<AttributeMapping>,
    /// The signed parts of its responses.
    pub signed_part: SignedPart,
    /// Signature algorithm of responses: `RS256` or `ES256`.
    pub signing_alg: SigningAlg,
    /// Whether a sign-on can start at the identity provider, without a request.
    pub idp_initiated: bool,
    /// Maximum length of `RelayState` in bytes; the specification says 80.
    pub relay_state_bytes_max: usize,
    /// End of the validity that its metadata states, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Millis>,
    /// URL from which its metadata is fetched periodically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_url: Option<String>,
    /// Certificate in base64 with the key that has to sign fetched metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_certificate: Option<String>,
    /// Time at which metadata was last fetched, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_fetched_at: Option<Millis>,
}

impl Default for SamlSettings {
    fn default() -> Self {
        Self {
            assertion_consumers: Vec::new(),
            logout_services: Vec::new(),
            certificates: Vec::new(),
            signed_requests: false,
            name_id_format: NameIdFormat::Unspecified,
            attributes: Vec::new(),
            signed_part: SignedPart::Both,
            signing_alg: SigningAlg::Rs256,
            idp_initiated: false,
            relay_state_bytes_max: 80,
            valid_until: None,
            metadata_url: None,
            metadata_certificate: None,
            metadata_fetched_at: None,
        }
    }
}

impl SamlSettings {
    /// Returns the endpoint for responses to requests that name none: the first default, otherwise the first.
    #[must_use]
    pub fn default_consumer(&self) -> Option<&AssertionConsumer> {
        let marked = self.assertion_consumers.iter().find(|one| one.is_default);
        marked.or(self.assertion_consumers.first())
    }

    /// Returns the endpoint for logout requests by a binding, if there is one.
    #[must_use]
    pub fn logout_by(&self, binding: LogoutBinding) -> Option<&LogoutService> {
        self.logout_services.iter().find(|one| one.binding == binding)
    }
}

/// A key at rest that signs messages to service providers. Its life cycle is that of [`StoredKey`](crate::StoredKey).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSamlKey {
    /// Signature algorithm: `RS256` or `ES256`.
    pub alg: SigningAlg,
    /// Number of the key among the tenant's SAML keys of the algorithm, from 1.
    pub generation: i64,
    /// The private key as PKCS #8, sealed under the master key.
    pub sealed_private: Vec<u8>,
    /// Certificate of the key, in DER.
    pub certificate: Vec<u8>,
    /// Time from which the key is published.
    pub created_at: Millis,
    /// Time from which the key can sign.
    pub active_from: Millis,
    /// Time from which the key is no longer published.
    pub retired_at: Option<Millis>,
}

/// A name identifier that a user gets in a participation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenName {
    /// The session of the user.
    pub session: SessionId,
    /// The service provider that gets the name.
    pub app: AppId,
    /// The participation in which the name is used.
    pub sid: Sid,
    /// Hash of the name with its format and qualifiers.
    pub key: [u8; 32],
    /// The name identifier without format and qualifiers.
    pub value: String,
    /// The name identifier with its format and qualifiers, as JSON.
    pub name: String,
}

/// Changes of the state that is kept for service providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SamlChange {
    /// Records that a request was answered; a conflict if it was already answered for another session.
    AnswerRequest {
        /// Key that identifies application and request.
        key: [u8; 32],
        /// The session for which the request is answered.
        session: SessionId,
        /// Time at which the request expires.
        expires_at: Millis,
    },
    /// Stores a name identifier. A conflict if its participation or session has ended, or the application is disabled.
    AddName(GivenName),
    /// Records the response of a service provider that was notified of an end through the browser; a conflict if it has
    /// already responded.
    AnswerInBrowser {
        /// The session that ended.
        session: SessionId,
        /// The participation that ended.
        sid: Sid,
        /// Time of the response.
        at: Millis,
        /// Description of the response, if the logout failed.
        error: Option<String>,
    },
    /// Stores a key. A duplicate if the tenant already has one of that algorithm and generation.
    AddKey(StoredSamlKey),
    /// Sets the time from which a key is no longer published.
    RetireKey {
        /// Algorithm of the key.
        alg: SigningAlg,
        /// Generation of the key.
        generation: i64,
        /// Time from which it is no longer published.
        at: Millis,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_by_any_of_their_names() {
        use NameIdFormat::{EmailAddress, Persistent, Transient};
        for (text, want) in [
            ("persistent", Some(Persistent)),
            ("urn:oasis:names:tc:SAML:2.0:nameid-format:transient", Some(Transient)),
            ("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", Some(EmailAddress)),
            ("urn:oasis:names:tc:SAML:2.0:nameid-format:emailAddress", Some(EmailAddress)),
            ("urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos", None),
            ("x:nameid-format:persistent", None),
            ("", None),
        ] {
            assert_eq!(NameIdFormat::parse(text), want, "{text}");
        }
    }

    #[test]
    fn the_answer_goes_to_the_default_address() {
        let at =
            |url: &str, is_default| AssertionConsumer { url: url.into(), index: 0, is_default };
        let with = |assertion_consumers| SamlSettings { assertion_consumers, ..Default::default() };
        let url = |settings: &SamlSettings| settings.default_consumer().map(|one| one.url.clone());
        assert_eq!(url(&with(vec![at("a", false), at("b", true)])).as_deref(), Some("b"));
        assert_eq!(url(&with(vec![at("a", false), at("b", false)])).as_deref(), Some("a"));
        assert_eq!(url(&with(vec![])), None);
    }
}
