//! Authentication requests (Core §3.4.1; Profiles §4.1.4.1).

use crate::context::Requested;
use crate::message::{Header, MessageError};
use crate::name_id::NameId;
use crate::names::{ASSERTION, PROTOCOL};
use crate::signature::Trusted;
use crate::xml::{Read as _, XmlError};

/// An authentication request, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthnRequest {
    /// ID, time, destination and issuer of the request.
    pub header: Header,
    /// `ForceAuthn`: the user has to authenticate again.
    pub force: bool,
    /// `IsPassive`: no page may be shown.
    pub passive: bool,
    /// Address for the response, if the request names one.
    pub acs_url: Option<String>,
    /// Index of the registered address for the response, if the request names one.
    pub acs_index: Option<u16>,
    /// URI of the binding for the response (`ProtocolBinding`).
    pub binding: Option<String>,
    /// URI of the requested name format.
    pub format: Option<String>,
    /// Entity id that the name is for: an affiliation, or the requester itself.
    pub sp_name_qualifier: Option<String>,
    /// The authentication contexts that the request accepts.
    pub requested: Option<Requested>,
    /// The user that is expected to sign in.
    pub subject: Option<NameId>,
}

impl AuthnRequest {
    /// Reads the request from a verified message.
    ///
    /// # Errors
    /// [`MessageError::Version`] if it isn't SAML 2.0, [`MessageError::Xml`] if it isn't a valid authentication
    /// request, or has an encrypted name or both an index and an address.
    pub fn read(message: Trusted<'_, '_>) -> Result<Self, MessageError> {
        let node = message.node();
        let header = Header::read(node, "AuthnRequest")?;
        let attr = |name| node.attr(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let acs_index = match node.attr("AssertionConsumerServiceIndex") {
            Some(text) => Some(
                text.trim()
                    .parse()
                    .map_err(|_| XmlError::Invalid("an index is no number".into()))?,
            ),
            None => None,
        };
        let policy = node.one(PROTOCOL, "NameIDPolicy")?;
        let of_policy = |name| {
            let value = policy.and_then(|policy| policy.attr(name));
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let requested = node.one(PROTOCOL, "RequestedAuthnContext")?;
        let subject = match node.one(ASSERTION, "Subject")? {
            None => None,
            Some(subject) => {
                // Core §3.4.1: a request must not ask for confirmation, and an encrypted name can't be read here.
                let name = subject.one(ASSERTION, "NameID")?;
                let name = name.ok_or_else(|| XmlError::Invalid("Subject has no NameID".into()))?;
                Some(NameId::read(name)?)
            }
        };
        let request = Self {
            header,
            force: flag(node.attr("ForceAuthn"))?,
            passive: flag(node.attr("IsPassive"))?,
            acs_url: attr("AssertionConsumerServiceURL"),
            acs_index,
            binding: attr("ProtocolBinding"),
            format: of_policy("Format"),
            sp_name_qualifier: of_policy("SPNameQualifier"),
            requested: requested.map(Requested::read).transpose()?,
            subject,
        };
        // Core §3.4.1: index, and address or binding, are mutually exclusive.
        if request.acs_index.is_some() && (request.acs_url.is_some() || request.binding.is_some()) {
            let why = "AssertionConsumerServiceIndex excludes address and binding";
            return Err(XmlError::Invalid(why.into()).into());
        }
        Ok(request)
    }
}

/// Parses `xs:boolean`; a missing attribute is false.
fn flag(text: Option<&str>) -> Result<bool, XmlError> {
    match text.map(str::trim) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(XmlError::Invalid("a flag is neither true nor false".into())),
    }
}
