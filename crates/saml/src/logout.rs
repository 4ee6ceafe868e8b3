//! Single logout messages (Core §3.7; Profiles §4.4).

use sojourn_crypto::KeyError;
use sojourn_model::Millis;

use crate::message::{Header, MessageError, begun, instant, read_instant};
use crate::name_id::NameId;
use crate::names::{ASSERTION, PROTOCOL};
use crate::signature::{Signer, Trusted, sign};
use crate::status::{self, Status};
use crate::xml::{Read as _, XmlError};

/// Maximum number of sessions that one request can name.
const SESSIONS_MAX: usize = 100;

/// A logout request, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutRequest {
    /// ID, time, destination and issuer of the request.
    pub header: Header,
    /// The request must not be processed after this time.
    pub not_on_or_after: Option<Millis>,
    /// The user, by the name that the service provider knows.
    pub name: NameId,
    /// `SessionIndex` values of the sessions to end; all of the user's sessions if empty (Core §3.7.1).
    pub session_indexes: Vec<String>,
}

impl LogoutRequest {
    /// Reads the request from a verified message.
    ///
    /// # Errors
    /// [`MessageError::Version`] if it isn't SAML 2.0, [`MessageError::Xml`] if it isn't a valid logout request, has
    /// an encrypted name or names too many sessions.
    pub fn read(message: Trusted<'_, '_>) -> Result<Self, MessageError> {
        let node = message.node();
        let header = Header::read(node, "LogoutRequest")?;
        let name = node.one(ASSERTION, "NameID")?;
        let name = name.ok_or_else(|| XmlError::Invalid("it has no NameID in clear".into()))?;
        let indexes: Vec<_> = node.all(PROTOCOL, "SessionIndex").collect();
        if indexes.len() > SESSIONS_MAX {
            return Err(XmlError::TooLarge.into());
        }
        let indexes = indexes.into_iter().map(|one| one.value().map(str::to_owned));
        let not_on_or_after = match node.attr("NotOnOrAfter") {
            None => None,
            Some(text) => Some(
                read_instant(text)
                    .ok_or_else(|| XmlError::Invalid("NotOnOrAfter is no time".into()))?,
            ),
        };
        Ok(Self {
            header,
            not_on_or_after,
            name: NameId::read(name)?,
            session_indexes: indexes.collect::<Result<_, _>>()?,
        })
    }
}

/// A response to a logout request of this server, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutResponse {
    /// ID, time, destination and issuer of the response.
    pub header: Header,
    /// ID of the request that it responds to.
    pub in_response_to: Option<String>,
    /// Whether the service provider reports full success.
    pub followed: bool,
    /// The status codes as text for people to read.
    pub status: String,
}

impl LogoutResponse {
    /// Reads the response from a verified message.
    ///
    /// # Errors
    /// [`MessageError::Version`] if it isn't SAML 2.0, [`MessageError::Xml`] if it isn't a valid logout response.
    pub fn read(message: Trusted<'_, '_>) -> Result<Self, MessageError> {
        let node = message.node();
        let header = Header::read(node, "LogoutResponse")?;
        let (followed, status) = status::read(node);
        let in_response_to = node.attr("InResponseTo").map(str::to_owned);
        Ok(Self { header, in_response_to, followed, status })
    }
}

/// A logout request that this server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'a> {
    /// Entity id of this identity provider.
    pub issuer: &'a str,
    /// ID of the request, unique among messages.
    pub id: &'a str,
    /// The address that the request is sent to.
    pub destination: &'a str,
    /// Current time, from the caller's clock.
    pub now: Millis,
    /// How long the request may be processed, in milliseconds.
    pub valid_ms: i64,
    /// URI of the reason for the logout (Core §3.7.3).
    pub reason: &'a str,
    /// The user's name, as it was sent to the service provider.
    pub name: &'a NameId,
    /// `SessionIndex`: the ID of the participation that ends.
    pub session_index: &'a str,
}

impl Notice<'_> {
    /// Writes the request as XML. With a signer the document is signed; without one the caller signs the query, or
    /// nothing is signed.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the cryptography provider fails to sign.
    pub fn write(&self, signer: Option<&Signer>) -> Result<String, KeyError> {
        let to = Some(self.destination);
        let element = begun("samlp:LogoutRequest", self.id, self.now, to, self.issuer)
            .attr("NotOnOrAfter", instant(self.now.plus(self.valid_ms)))
            .attr("Reason", self.reason)
            .child(self.name.element())
            .child(crate::xml::Element::new("samlp:SessionIndex").text(self.session_index));
        match signer {
            Some(signer) => sign(element, 1, signer),
            None => Ok(element.write()),
        }
    }
}

/// A logout response that this server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Entity id of this identity provider.
    pub issuer: &'a str,
    /// ID of the response, unique among messages.
    pub id: &'a str,
    /// The address that the response is sent to; `None` with the SOAP binding.
    pub destination: Option<&'a str>,
    /// ID of the request that it responds to.
    pub in_response_to: Option<&'a str>,
    /// Current time, from the caller's clock.
    pub now: Millis,
    /// The result of the logout.
    pub status: Status,
    /// An explanation for people, sent as `StatusMessage`.
    pub message: Option<&'a str>,
}

impl Answer<'_> {
    /// Writes the response as XML. With a signer the document is signed; without one the caller signs the query.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the cryptography provider fails to sign.
    pub fn write(&self, signer: Option<&Signer>) -> Result<String, KeyError> {
        let element =
            begun("samlp:LogoutResponse", self.id, self.now, self.destination, self.issuer)
                .maybe_attr("InResponseTo", self.in_response_to)
                .child(self.status.element(self.message));
        match signer {
            Some(signer) => sign(element, 1, signer),
            None => Ok(element.write()),
        }
    }
}
