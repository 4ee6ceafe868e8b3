//! What is registered of a SAML 2.0 service provider.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, SessionId, Sid};
use crate::key::SigningAlg;
use crate::time::Millis;

/// Formats of names that are given (SAML Core §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameIdFormat {
    /// Says nothing, and is the same at each sign-in; another one for each service provider (§8.3.7).
    Persistent,
    /// Says nothing, and holds for one stay (§8.3.8).
    Transient,
    /// The mail address (§8.3.2).
    EmailAddress,
    /// The login name (§8.3.1).
    Unspecified,
}

impl NameIdFormat {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Persistent, Self::Transient, Self::EmailAddress, Self::Unspecified];

    /// Its identifier.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Persistent => "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            Self::Transient => "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
            Self::EmailAddress => "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            Self::Unspecified => "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        }
    }

    /// Its short name, in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Persistent => "persistent",
            Self::Transient => "transient",
            Self::EmailAddress => "email_address",
            Self::Unspecified => "unspecified",
        }
    }

    /// Reads the identifier, or the short name. Some write the number of the other version in an identifier.
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

/// Bindings for logout requests to a service provider in the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutBinding {
    /// In the browser, by a query.
    Redirect,
    /// In the browser, by a form.
    Post,
    /// From server to server.
    Soap,
}

impl LogoutBinding {
    /// Its name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Post => "post",
            Self::Soap => "soap",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Redirect, Self::Post, Self::Soap].into_iter().find(|one| one.as_str() == text)
    }
}

/// Where assertions are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionConsumer {
    /// The address.
    pub url: String,
    /// Its number, by which a request may name it.
    #[serde(default)]
    pub index: u16,
    /// Whether it is the one of requests that name none.
    #[serde(default)]
    pub is_default: bool,
}

/// Where logout requests and responses go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutService {
    /// How.
    pub binding: LogoutBinding,
    /// The address of requests.
    pub url: String,
    /// The address of responses, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_url: Option<String>,
}

/// What is signed of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedPart {
    /// The assertion.
    Assertion,
    /// The response around it.
    Response,
    /// Both, so that whatever a service provider looks for is there.
    #[default]
    Both,
}

impl SignedPart {
    /// Its name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Response => "response",
            Self::Both => "both",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Assertion, Self::Response, Self::Both].into_iter().find(|one| one.as_str() == text)
    }
}

/// A claim as an attribute of an assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeMapping {
    /// The claim: `email`, `given_name`, `roles` …
    pub claim: String,
    /// The attribute's name.
    pub name: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// The identifier of the name's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_format: Option<String>,
}

/// A SAML 2.0 service provider. Its entity id is the application's `client_id`; its SOAP address for logout is the
/// application's address for notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamlSettings {
    /// Where assertions may go; compared exactly.
    pub assertion_consumers: Vec<AssertionConsumer>,
    /// Addresses for logout requests in the browser, and for responses to its own requests.
    pub logout_services: Vec<LogoutService>,
    /// Its signing certificates, in base64.
    pub certificates: Vec<String>,
    /// Whether authentication requests have to be signed.
    pub signed_requests: bool,
    /// The format of names where a request asks for none.
    pub name_id_format: NameIdFormat,
    /// Claims that are told.
    pub attributes: Vec<AttributeMapping>,
    /// What is signed.
    pub signed_part: SignedPart,
    /// How it is signed: `RS256` or `ES256`.
    pub signing_alg: SigningAlg,
    /// Whether a sign-on may begin here, without a request.
    pub idp_initiated: bool,
    /// Longest `RelayState`, in bytes: 80 by the specification.
    pub relay_state_bytes_max: usize,
    /// Until when its metadata is said to hold, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Millis>,
    /// Where its metadata is fetched from, again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_url: Option<String>,
    /// The certificate, in base64, that fetched metadata has to be signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_certificate: Option<String>,
    /// When it was fetched last, in milliseconds since 1970.
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
    /// Where the answer goes to a request that names no address: the first that is the default, else the first.
    #[must_use]
    pub fn default_consumer(&self) -> Option<&AssertionConsumer> {
        let marked = self.assertion_consumers.iter().find(|one| one.is_default);
        marked.or(self.assertion_consumers.first())
    }

    /// The address for logout requests by a binding.
    #[must_use]
    pub fn logout_by(&self, binding: LogoutBinding) -> Option<&LogoutService> {
        self.logout_services.iter().find(|one| one.binding == binding)
    }
}

/// A key that signs to service providers, at rest. Its life is that of [`StoredKey`](crate::StoredKey).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSamlKey {
    /// What it signs with: `RS256` or `ES256`.
    pub alg: SigningAlg,
    /// Counts the tenant's keys of the algorithm, from 1.
    pub generation: i64,
    /// PKCS #8, sealed under the master key.
    pub sealed_private: Vec<u8>,
    /// Its certificate, in DER.
    pub certificate: Vec<u8>,
    /// Since when it is published.
    pub created_at: Millis,
    /// Since when it signs.
    pub active_from: Millis,
    /// From when on it isn't published any more.
    pub retired_at: Option<Millis>,
}

/// A name that a person is given in a stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenName {
    /// The session.
    pub session: SessionId,
    /// The service provider.
    pub app: AppId,
    /// The stay.
    pub sid: Sid,
    /// Hash of the whole name.
    pub key: [u8; 32],
    /// The name.
    pub value: String,
    /// The name with its format and qualifiers, as JSON.
    pub name: String,
}

/// Changes for service providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SamlChange {
    /// Remember that a request was answered; a conflict when it was, for another session.
    AnswerRequest {
        /// Names application and request.
        key: [u8; 32],
        /// The session for which it is answered.
        session: SessionId,
        /// When the request is of no use any more.
        expires_at: Millis,
    },
    /// Remember a name. A conflict when its stay or session ended, or the application isn't in use.
    AddName(GivenName),
    /// Note what a service provider answered in a browser that told it of an end; a conflict when it has answered.
    AnswerInBrowser {
        /// The session that ended.
        session: SessionId,
        /// The stay.
        sid: Sid,
        /// When it answered.
        at: Millis,
        /// What it answered, if it didn't follow.
        error: Option<String>,
    },
    /// Keep a key. A duplicate when the tenant has one of that algorithm and generation already.
    AddKey(StoredSamlKey),
    /// Say from when on a key is not published any more.
    RetireKey {
        /// Its algorithm.
        alg: SigningAlg,
        /// Its generation.
        generation: i64,
        /// From when on.
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
