//! What all messages have in common (Core §3.2): id, version, time and issuer.

use sojourn_model::Millis;

use crate::names::{ASSERTION, PROTOCOL};
use crate::status::{Status, SubStatus};
use crate::xml::{Element, Node, Read as _, XmlError};

/// Maximum length of a message id, in bytes.
const ID_BYTES_MAX: usize = 256;
/// Maximum length of an entity id (Core §8.3.6), in characters.
pub(crate) const ENTITY_ID_MAX: usize = 1024;

/// The reason why a message is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The message doesn't conform to the schema.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The message isn't SAML 2.0.
    #[error("it isn't of SAML 2.0")]
    Version,
    /// The message is meant for another address, or its time isn't acceptable.
    #[error("{0}")]
    Refused(&'static str),
}

impl MessageError {
    /// Returns the status for the response (Core §3.2.2.2).
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Version => Status::VersionMismatch(None),
            Self::Xml(_) | Self::Refused(_) => Status::Requester(SubStatus::RequestUnsupported),
        }
    }
}

/// The common attributes and the issuer of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// ID of the message; the response refers to it.
    pub id: String,
    /// Time of issue (`IssueInstant`).
    pub issued_at: Millis,
    /// The address that the sender sent it to, as the sender declares.
    pub destination: Option<String>,
    /// Entity id of the sender.
    pub issuer: String,
}

impl Header {
    /// Reads the header of a message, which has to be an element with the given name.
    ///
    /// # Errors
    /// [`MessageError::Version`] if it isn't SAML 2.0, [`MessageError::Xml`] if an attribute or the issuer is missing
    /// or malformed.
    pub(crate) fn read(node: Node<'_, '_>, name: &'static str) -> Result<Self, MessageError> {
        let invalid = |why: &str| XmlError::Invalid(why.to_owned());
        if !node.is(PROTOCOL, name) {
            return Err(XmlError::Invalid(format!("it is no {name}")).into());
        }
        if node.attr("Version") != Some("2.0") {
            return Err(MessageError::Version);
        }
        let id = node.attr("ID").filter(|id| is_id(id)).ok_or_else(|| invalid("it has no ID"))?;
        let issued_at = node.attr("IssueInstant").and_then(read_instant);
        let issued_at = issued_at.ok_or_else(|| invalid("IssueInstant is no time in UTC"))?;
        let issuer = node.one(ASSERTION, "Issuer")?.ok_or_else(|| invalid("it has no Issuer"))?;
        // Core §8.3.6: the issuer is an entity, which is also the default if no format is named.
        let entity = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
        if issuer.attr("Format").is_some_and(|format| format != entity) {
            return Err(invalid("the Issuer is no entity").into());
        }
        let issuer = issuer.value()?;
        if issuer.is_empty() || issuer.chars().count() > ENTITY_ID_MAX {
            return Err(invalid("the Issuer is no entity id").into());
        }
        Ok(Self {
            id: id.to_owned(),
            issued_at,
            destination: node.attr("Destination").filter(|to| !to.is_empty()).map(str::to_owned),
            issuer: issuer.to_owned(),
        })
    }

    /// Checks that the message is current and meant for one of these addresses. A signed message has to declare its
    /// destination (Bindings §3.4.5.2, §3.5.5.2).
    ///
    /// # Errors
    /// [`MessageError::Refused`] if it is too old, from the future or meant for another address, or signed without a
    /// destination.
    pub fn check(
        &self,
        now: Millis,
        times: Times,
        addresses: &[String],
        signed: bool,
    ) -> Result<(), MessageError> {
        let age = now.since(self.issued_at);
        if age > times.valid_ms + times.skew_ms {
            return Err(MessageError::Refused("it is too old"));
        }
        if age < -times.skew_ms {
            return Err(MessageError::Refused("it is from the future: compare the clocks"));
        }
        match &self.destination {
            Some(destination) if !addresses.contains(destination) => {
                Err(MessageError::Refused("its Destination is another address"))
            }
            None if signed => {
                Err(MessageError::Refused("it is signed and doesn't say its Destination"))
            }
            _ => Ok(()),
        }
    }
}

/// Tolerances for the times of messages, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How long a message is valid after its time of issue; 5 minutes by default.
    pub valid_ms: i64,
    /// How far two clocks may differ; 3 minutes by default.
    pub skew_ms: i64,
}

impl Default for Times {
    fn default() -> Self {
        Self { valid_ms: 5 * 60_000, skew_ms: 3 * 60_000 }
    }
}

/// Whether a text is acceptable as `xs:ID`: not empty, no quotes, no spaces, limited length.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= ID_BYTES_MAX
        && !id.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
        && id.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Creates the root element of a message, with its common attributes and the issuer.
pub(crate) fn begun(
    name: &'static str,
    id: &str,
    now: Millis,
    destination: Option<&str>,
    issuer: &str,
) -> Element {
    Element::new(name)
        .attr("ID", id)
        .attr("Version", "2.0")
        .attr("IssueInstant", instant(now))
        .maybe_attr("Destination", destination)
        .child(Element::new("saml:Issuer").text(issuer))
}

/// Formats a time as `xs:dateTime` in UTC (Core §1.3.3), with milliseconds.
#[must_use]
pub fn instant(at: Millis) -> String {
    let fallback = jiff::Timestamp::UNIX_EPOCH;
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(fallback);
    format!("{at:.3}")
}

/// Parses `xs:dateTime`. SAML times are in UTC, so a time without a zone is read as UTC.
pub(crate) fn read_instant(text: &str) -> Option<Millis> {
    let text = text.trim();
    let read = match text.parse::<jiff::Timestamp>() {
        Ok(read) => read,
        Err(_) => format!("{text}Z").parse::<jiff::Timestamp>().ok()?,
    };
    Some(Millis(read.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(instant(Millis(1_700_000_000_120)), "2023-11-14T22:13:20.120Z");
        for (text, want) in [
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000)),
            ("2023-11-14T22:13:20.120Z", Some(1_700_000_000_120)),
            ("2023-11-14T23:13:20+01:00", Some(1_700_000_000_000)),
            ("2023-11-14T22:13:20", Some(1_700_000_000_000)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(read_instant(text).map(|at| at.0), want, "{text}");
        }
    }

    #[test]
    fn a_message_is_of_this_time_and_for_this_place() {
        let here = ["https://id.test/saml".to_owned()];
        let header = |destination: Option<&str>| Header {
            id: "_1".into(),
            issued_at: Millis(10_000_000),
            destination: destination.map(str::to_owned),
            issuer: "sp".into(),
        };
        let times = Times::default();
        let whole = times.valid_ms + times.skew_ms;
        for (destination, now, signed, good) in [
            (None, 0, false, true),
            (None, 0, true, false),
            (Some("https://id.test/saml"), 0, true, true),
            (Some("https://id.test/saml/"), 0, false, false),
            (None, whole, false, true),
            (None, whole + 1, false, false),
            (None, -times.skew_ms, false, true),
            (None, -times.skew_ms - 1, false, false),
        ] {
            let now = Millis(10_000_000 + now);
            let checked = header(destination).check(now, times, &here, signed);
            assert_eq!(checked.is_ok(), good, "{destination:?} {now:?} {signed}");
        }
    }
}
