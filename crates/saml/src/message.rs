//! What all messages have in common (Core §3.2): an id, a version, a time, an issuer.

use sojourn_model::Millis;

use crate::names::{ASSERTION, PROTOCOL};
use crate::status::{Status, SubStatus};
use crate::xml::{Element, Node, Read as _, XmlError};

/// Longest id of a message, in bytes.
const ID_BYTES_MAX: usize = 256;
/// Longest entity id (Core §8.3.6), in characters.
pub(crate) const ENTITY_ID_MAX: usize = 1024;

/// The reason why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It isn't what the schema says.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// It is of another version of SAML.
    #[error("it isn't of SAML 2.0")]
    Version,
    /// It is meant for another place, or from another time.
    #[error("{0}")]
    Refused(&'static str),
}

impl MessageError {
    /// What an answer says of it (Core §3.2.2.2).
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Version => Status::VersionMismatch(None),
            Self::Xml(_) | Self::Refused(_) => Status::Requester(SubStatus::RequestUnsupported),
        }
    }
}

/// The attributes and the issuer of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its id, which an answer names.
    pub id: String,
    /// When it was made.
    pub issued_at: Millis,
    /// Where it was sent to, as its sender says.
    pub destination: Option<String>,
    /// Who made it: an entity id.
    pub issuer: String,
}

impl Header {
    /// Reads it.
    ///
    /// # Errors
    /// [`MessageError`]
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
        // Core §8.3.6: an entity, which is the format where none is named.
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

    /// Whether the message is of this time and meant for one of these addresses. A message whose signature isn't that of
    /// the query has to say where it was sent to, if it is signed (Bindings §3.4.5.2, §3.5.5.2).
    ///
    /// # Errors
    /// [`MessageError::Refused`]
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

/// How exact the times of messages are taken, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How long a message is good after it was made.
    pub valid_ms: i64,
    /// How far two clocks may differ.
    pub skew_ms: i64,
}

impl Default for Times {
    fn default() -> Self {
        Self { valid_ms: 5 * 60_000, skew_ms: 3 * 60_000 }
    }
}

/// `xs:ID`, as far as it matters: no quotes, no spaces, not empty.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= ID_BYTES_MAX
        && !id.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
        && id.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The beginning of a message of ours.
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

/// A time as `xs:dateTime` in UTC (Core §1.3.3), to the millisecond.
#[must_use]
pub fn instant(at: Millis) -> String {
    let fallback = jiff::Timestamp::UNIX_EPOCH;
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(fallback);
    format!("{at:.3}")
}

/// Reads `xs:dateTime`. SAML's times are in UTC; one without a zone is taken as such.
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
