//! Assertions and the responses that carry them (Core §2, §3.3.3; Profiles §4.1.4.2).

use sojourn_crypto::KeyError;
use sojourn_model::{Millis, SignedPart};

use crate::message::{begun, instant};
use crate::name_id::NameId;
use crate::names::BEARER;
use crate::signature::{Signer, sign};
use crate::status::Status;
use crate::xml::Element;

/// How far the clock of a service provider may be behind, in milliseconds.
const BEHIND_MS: i64 = 60_000;

/// A named attribute of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// A name for people.
    pub friendly_name: Option<String>,
    /// The identifier of the name's format.
    pub name_format: Option<String>,
    /// Its values.
    pub values: Vec<String>,
}

/// Where a response goes and what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseTo<'a> {
    /// Our entity id.
    pub issuer: &'a str,
    /// The id of the response.
    pub id: &'a str,
    /// The address that it is posted to.
    pub destination: &'a str,
    /// The id of the request; none where the sign-on began here.
    pub in_response_to: Option<&'a str>,
    /// The present time.
    pub now: Millis,
}

/// What is asserted of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion<'a> {
    /// The id of the assertion.
    pub id: &'a str,
    /// The service provider's entity id.
    pub audience: &'a str,
    /// The person's name.
    pub name: &'a NameId,
    /// The stay's name.
    pub session_index: &'a str,
    /// When the person last proved who they are.
    pub authn_instant: Millis,
    /// When the service provider's own session has to be over, where a policy says so.
    pub session_not_on_or_after: Option<Millis>,
    /// How well the person proved it.
    pub class: &'a str,
    /// Attributes of the user.
    pub attributes: &'a [Attribute],
    /// How long the assertion may be presented, in milliseconds.
    pub valid_ms: i64,
}

/// A response with an assertion, signed, in its canonical form.
///
/// # Errors
/// [`KeyError`] when the provider fails.
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

/// A response that says why there is no assertion, signed.
///
/// # Errors
/// [`KeyError`] when the provider fails.
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
