//! Assertions and the responses that carry them (Core §2, §3.3.3; Profiles §4.1.4.2).

use sojourn_crypto::KeyError;
use sojourn_model::{Millis, SignedPart};

use crate::message::{begun, instant};
use crate::name_id::NameId;
use crate::names::BEARER;
use crate::signature::{Signer, sign};
use crate::status::Status;
use crate::xml::Element;

/// How far the clock of a service provider may be behind this server's, in milliseconds.
const BEHIND_MS: i64 = 60_000;

/// An attribute of a user in an assertion (Core §2.7.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute's name, interpreted according to its format.
    pub name: String,
    /// An optional name for people to read.
    pub friendly_name: Option<String>,
    /// URI of the name's format, if it has one.
    pub name_format: Option<String>,
    /// The values, each in an `AttributeValue` element.
    pub values: Vec<String>,
}

/// The address of a response and the request that it responds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseTo<'a> {
    /// Entity id of this identity provider.
    pub issuer: &'a str,
    /// ID of the response, unique among messages.
    pub id: &'a str,
    /// The address that the response is posted to.
    pub destination: &'a str,
    /// ID of the request; `None` if this identity provider started the sign-on.
    pub in_response_to: Option<&'a str>,
    /// Current time, from the caller's clock.
    pub now: Millis,
}

/// The content of an assertion about a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion<'a> {
    /// ID of the assertion, unique among assertions.
    pub id: &'a str,
    /// Entity id of the service provider.
    pub audience: &'a str,
    /// The user's name at this service provider.
    pub name: &'a NameId,
    /// `SessionIndex`: the ID of the participation (one session in one application).
    pub session_index: &'a str,
    /// Time of the user's last authentication.
    pub authn_instant: Millis,
    /// When the service provider has to end its own session, if a policy demands it.
    pub session_not_on_or_after: Option<Millis>,
    /// Authentication context class that the authentication reached.
    pub class: &'a str,
    /// Attributes of the user; without any the assertion has no `AttributeStatement`.
    pub attributes: &'a [Attribute],
    /// How long the assertion may be presented, in milliseconds.
    pub valid_ms: i64,
}

/// Returns a response with an assertion, signed, in its canonical form.
///
/// # Errors
/// [`KeyError::Refused`] if the cryptography provider fails to sign.
pub fn response(
    to: &ResponseTo<'_>,
    assertion: &Assertion<'_>,
    signed: SignedPart,
    signer: &Signer,
) -> Result<String, KeyError> {
    let element = assertion.element(to);
    let written = match signed {
        SignedPart::Assertion | SignedPart::Both => sign(element, 1, signer)?,
        SignedPart::Response => element.write(),
    };
    let response =
        to.begun("samlp:Response").child(Status::Success(None).element(None)).written(written);
    match signed {
        SignedPart::Response | SignedPart::Both => sign(response, 1, signer),
        SignedPart::Assertion => Ok(response.write()),
    }
}

/// Returns a signed response that says why there is no assertion.
///
/// # Errors
/// [`KeyError::Refused`] if the cryptography provider fails to sign.
pub fn failure(
    to: &ResponseTo<'_>,
    status: Status,
    message: &str,
    signer: &Signer,
) -> Result<String, KeyError> {
    sign(to.begun("samlp:Response").child(status.element(Some(message))), 1, signer)
}

impl ResponseTo<'_> {
    fn begun(&self, name: &'static str) -> Element {
        begun(name, self.id, self.now, Some(self.destination), self.issuer)
            .maybe_attr("InResponseTo", self.in_response_to)
    }
}

impl Assertion<'_> {
    fn element(&self, to: &ResponseTo<'_>) -> Element {
        let until = instant(to.now.plus(self.valid_ms));
        let confirmation = Element::new("saml:SubjectConfirmationData")
            .maybe_attr("InResponseTo", to.in_response_to)
            .attr("NotOnOrAfter", until.clone())
            .attr("Recipient", to.destination);
        let subject = Element::new("saml:Subject").child(self.name.element()).child(
            Element::new("saml:SubjectConfirmation").attr("Method", BEARER).child(confirmation),
        );
        let audience = Element::new("saml:Audience").text(self.audience);
        let conditions = Element::new("saml:Conditions")
            .attr("NotBefore", instant(to.now.plus(-BEHIND_MS)))
            .attr("NotOnOrAfter", until)
            .child(Element::new("saml:AudienceRestriction").child(audience));
        let class = Element::new("saml:AuthnContextClassRef").text(self.class);
        let statement = Element::new("saml:AuthnStatement")
            .attr("AuthnInstant", instant(self.authn_instant))
            .attr("SessionIndex", self.session_index)
            .maybe_attr("SessionNotOnOrAfter", self.session_not_on_or_after.map(instant))
            .child(Element::new("saml:AuthnContext").child(class));
        let attributes = (!self.attributes.is_empty()).then(|| {
            Element::new("saml:AttributeStatement")
                .children(self.attributes.iter().map(Attribute::element))
        });
        Element::new("saml:Assertion")
            .attr("ID", self.id)
            .attr("Version", "2.0")
            .attr("IssueInstant", instant(to.now))
            .child(Element::new("saml:Issuer").text(to.issuer))
            .child(subject)
            .child(conditions)
            .child(statement)
            .children(attributes)
    }
}

impl Attribute {
    fn element(&self) -> Element {
        let values = self.values.iter();
        Element::new("saml:Attribute")
            .attr("Name", self.name.clone())
            .maybe_attr("NameFormat", self.name_format.clone())
            .maybe_attr("FriendlyName", self.friendly_name.clone())
            .children(values.map(|value| Element::new("saml:AttributeValue").text(value)))
    }
}
