//! Single logout (Core §3.7; Profiles §4.4).

use sojourn_crypto::KeyError;
use sojourn_model::Millis;

use crate::message::{Header, MessageError, begun, instant, read_instant};
use crate::name_id::NameId;
use crate::names::{ASSERTION, PROTOCOL};
use crate::signature::{Signer, Trusted, sign};
use crate::status::{self, Status};
use crate::xml::{Read as _, XmlError};

/// Most sessions that one request names.
const SESSIONS_MAX: usize = 100;

/// A request to end sessions, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutRequest {
    /// Who asks, when, where.
    pub header: Header,
    /// The request must not be processed after this time.
    pub not_on_or_after: Option<Millis>,
    /// The user, by the name that was given to the service provider.
    pub name: NameId,
    /// Which; all of the person where there is none (Core §3.7.1).
    pub session_indexes: Vec<String>,
}

impl LogoutRequest {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`]
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

/// An answer to a request of ours, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutResponse {
    /// Who answers, when, where.
    pub header: Header,
    /// The request that it answers.
    pub in_response_to: Option<String>,
    /// Whether the service provider followed.
    pub followed: bool,
    /// What it says, for people.
    pub status: String,
}

impl LogoutResponse {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`]
    pub fn read(message: Trusted<'_, '_>) -> Result<Self, MessageError> {
        let node = message.node();
        let header = Header::read(node, "LogoutResponse")?;
        let (followed, status) = status::read(node);
        let in_response_to = node.attr("InResponseTo").map(str::to_owned);
        Ok(Self { header, in_response_to, followed, status })
    }
}

/// A request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'a> {
    /// Our entity id.
    pub issuer: &'a str,
    /// The id of the request.
    pub id: &'a str,
    /// The address that it is sent to.
    pub destination: &'a str,
    /// The present time.
    pub now: Millis,
    /// How long it is good, in milliseconds.
    pub valid_ms: i64,
    /// Why (Core §3.7.3).
    pub reason: &'a str,
    /// The person's name, as it was given.
    pub name: &'a NameId,
    /// The stay's name.
    pub session_index: &'a str,
}

impl Notice<'_> {
    /// Writes it. A signer signs the document; without one the signature is that of the query, or there is none.
    ///
    /// # Errors
    /// [`KeyError`] when the provider fails.
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

/// An answer of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Our entity id.
    pub issuer: &'a str,
    /// The id of the answer.
    pub id: &'a str,
    /// The address that it is sent to; none in answers of the SOAP binding.
    pub destination: Option<&'a str>,
    /// The request.
    pub in_response_to: Option<&'a str>,
    /// The present time.
    pub now: Millis,
    /// What came of it.
    pub status: Status,
    /// What it says to people.
    pub message: Option<&'a str>,
}

impl Answer<'_> {
    /// Writes it. A signer signs the document; without one the signature is that of the query.
    ///
    /// # Errors
    /// [`KeyError`] when the provider fails.
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
