//! Metadata (Metadata for SAML 2.0): reads that of service providers and writes that of this identity provider.

use sojourn_crypto::{Certificate, KeyError};
use sojourn_model::{AssertionConsumer, LogoutBinding, LogoutService, Millis, NameIdFormat};

use crate::message::{ENTITY_ID_MAX, read_instant};
use crate::names::{DSIG, MDUI, METADATA, POST, PROTOCOL, REDIRECT, SOAP_BINDING};
use crate::signature::{SignatureError, Signer, Trusted, sign};
use crate::xml::{Element, Node, Read as _, XmlError};

/// Maximum number of certificates, addresses or descriptors of a kind that are considered.
const LIST_MAX: usize = 50;

/// The reason why metadata is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The document doesn't conform to the schema.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// The document has no entity with the role of a SAML 2.0 service provider (with the wanted entity id).
    #[error("it has no entity with a role of a SAML 2.0 service provider")]
    NotServiceProvider,
    /// The document has several matching entities, and the caller named none.
    #[error("it has several entities; say which one by its entity id")]
    Several,
    /// The time in `validUntil` has passed.
    #[error("it has expired")]
    Expired,
    /// A signature is required, and it is missing or invalid.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// There is no address for assertions with the binding HTTP-POST.
    #[error("it has no AssertionConsumerService with the binding HTTP-POST")]
    NoConsumer,
    /// A certificate can't be parsed.
    #[error("a certificate in it can't be used: {0}")]
    Certificate(#[from] sojourn_crypto::CertificateError),
    /// This text isn't an `https` or `http` address.
    #[error("{0} is no address with https or http")]
    Address(String),
}

/// The settings of a service provider, read from its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProvider {
    /// The entity id, which identifies it in messages.
    pub entity_id: String,
    /// A name for people, if the metadata has one.
    pub name: Option<String>,
    /// Addresses to which assertions may be posted; at least one.
    pub assertion_consumers: Vec<AssertionConsumer>,
    /// Addresses for logout messages by browser (HTTP-Redirect and HTTP-POST).
    pub logout_services: Vec<LogoutService>,
    /// Address for logout requests from server to server (SOAP).
    pub soap: Option<String>,
    /// Certificates for signatures, without duplicates.
    pub certificates: Vec<Certificate>,
    /// Whether it has a certificate for encryption.
    pub can_decrypt: bool,
    /// Whether it signs its requests (`AuthnRequestsSigned`).
    pub signs_requests: bool,
    /// Whether it wants assertions themselves to be signed (`WantAssertionsSigned`).
    pub wants_signed_assertions: bool,
    /// The supported name formats among those that it lists, in order of preference.
    pub formats: Vec<NameIdFormat>,
    /// The earliest `validUntil` of the entity, its role and the elements around them.
    pub valid_until: Option<Millis>,
}

impl ServiceProvider {
    /// Reads the entity with this id, or else the only one with the role of a service provider.
    ///
    /// # Errors
    /// [`MetadataError`] says why the metadata is rejected; every variant except [`MetadataError::Signature`],
    /// because `metadata` is verified already.
    pub fn read(
        metadata: Trusted<'_, '_>,
        entity_id: Option<&str>,
        now: Millis,
    ) -> Result<Self, MetadataError> {
        let root = metadata.node();
        let mut all = Vec::new();
        entities(root, &mut all);
        let mut found = all.into_iter().filter_map(|entity| {
            let named = entity_id.is_none_or(|wanted| entity.attr("entityID") == Some(wanted));
            role(entity).filter(|_| named).map(|role| (entity, role))
        });
        let (entity, role) = found.next().ok_or(MetadataError::NotServiceProvider)?;
        if found.next().is_some() {
            return Err(MetadataError::Several);
        }
        // `validUntil` of an outer element limits the entity as well.
        let around = role.ancestors().filter(Node::is_element);
        let valid_until = around.filter_map(|node| node.attr("validUntil")).map(|text| {
            read_instant(text).ok_or_else(|| XmlError::Invalid("validUntil is no time".into()))
        });
        let valid_until = valid_until.collect::<Result<Vec<_>, _>>()?.into_iter().min();
        if valid_until.is_some_and(|until| until <= now) {
            return Err(MetadataError::Expired);
        }
        let entity_id = entity.attr("entityID").unwrap_or_default().trim().to_owned();
        if entity_id.is_empty() || entity_id.chars().count() > ENTITY_ID_MAX {
            return Err(XmlError::Invalid("entityID is empty or too long".into()).into());
        }
        let assertion_consumers = consumers(role)?;
        if assertion_consumers.is_empty() {
            return Err(MetadataError::NoConsumer);
        }
        let (logout_services, soap) = logout_services(role)?;
        let (certificates, can_decrypt) = keys(role)?;
        let flag = |name| matches!(role.attr(name).map(str::trim), Some("true" | "1"));
        let formats = role.all(METADATA, "NameIDFormat").take(LIST_MAX);
        let formats: Vec<_> = formats
            .filter_map(|format| format.value().ok().and_then(NameIdFormat::parse))
            .collect();
        Ok(Self {
            entity_id,
            name: name(entity, role),
            assertion_consumers,
            logout_services,
            soap,
            certificates,
            can_decrypt,
            signs_requests: flag("AuthnRequestsSigned"),
            wants_signed_assertions: flag("WantAssertionsSigned"),
            formats,
            valid_until,
        })
    }
}

/// Collects the entities at the places that the schema allows, and nowhere else: a signature can contain any element.
fn entities<'a, 'i>(node: Node<'a, 'i>, all: &mut Vec<Node<'a, 'i>>) {
    if node.is(METADATA, "EntityDescriptor") {
        all.push(node);
    } else if node.is(METADATA, "EntitiesDescriptor") {
        node.children().filter(Node::is_element).for_each(|child| entities(child, all));
    }
}

/// Returns the first service provider role that supports SAML 2.0.
fn role<'a, 'i>(entity: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    entity.all(METADATA, "SPSSODescriptor").find(|role| {
        let protocols = role.attr("protocolSupportEnumeration").unwrap_or_default();
        protocols.split_ascii_whitespace().any(|one| one == PROTOCOL)
    })
}

/// Returns a name for people: the display name, the service name or the organisation's name, preferably in English;
/// at most 200 characters.
fn name(entity: Node<'_, '_>, role: Node<'_, '_>) -> Option<String> {
    let shown = role.descendants().filter(|node| node.is(MDUI, "DisplayName"));
    let service = role.descendants().filter(|node| node.is(METADATA, "ServiceName"));
    let organisation = entity
        .all(METADATA, "Organization")
        .flat_map(|node| node.children())
        .filter(|node| node.is(METADATA, "OrganizationDisplayName"));
    let all: Vec<_> = shown.chain(service).chain(organisation).take(LIST_MAX).collect();
    let english = |node: &&Node<'_, '_>| {
        let lang = node.attributes().find(|one| one.name() == "lang");
        lang.is_some_and(|lang| lang.value().starts_with("en"))
    };
    let chosen = all.iter().find(english).or(all.first())?;
    let text = chosen.value().ok()?.chars().take(200).collect::<String>();
    Some(text).filter(|text| !text.is_empty())
}

fn address(text: Option<&str>) -> Result<String, MetadataError> {
    let text = text.unwrap_or_default().trim();
    let wrong = || MetadataError::Address(text.chars().take(200).collect());
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let good = matches!(url.scheme(), "https" | "http") && url.host().is_some();
    if good && url.username().is_empty() && url.password().is_none() {
        Ok(text.to_owned())
    } else {
        Err(wrong())
    }
}

fn consumers(role: Node<'_, '_>) -> Result<Vec<AssertionConsumer>, MetadataError> {
    let all = role.all(METADATA, "AssertionConsumerService").take(LIST_MAX);
    // Other bindings, such as HTTP-Artifact and PAOS, aren't supported.
    let posted = all.filter(|one| one.attr("Binding") == Some(POST));
    posted
        .map(|one| {
            Ok(AssertionConsumer {
                url: address(one.attr("Location"))?,
                index: one.attr("index").and_then(|text| text.trim().parse().ok()).unwrap_or(0),
                is_default: matches!(one.attr("isDefault").map(str::trim), Some("true" | "1")),
            })
        })
        .collect()
}

type LogoutServices = (Vec<LogoutService>, Option<String>);

fn logout_services(role: Node<'_, '_>) -> Result<LogoutServices, MetadataError> {
    let (mut services, mut soap) = (Vec::new(), None);
    for one in role.all(METADATA, "SingleLogoutService").take(LIST_MAX) {
        let url = address(one.attr("Location"))?;
        let binding = match one.attr("Binding") {
            Some(REDIRECT) => LogoutBinding::Redirect,
            Some(POST) => LogoutBinding::Post,
            Some(SOAP_BINDING) => {
                soap = soap.or(Some(url));
                continue;
            }
            _ => continue,
        };
        let response_url = match one.attr("ResponseLocation") {
            None => None,
            other => Some(address(other)?),
        };
        services.push(LogoutService { binding, url, response_url });
    }
    Ok((services, soap))
}

/// Returns the certificates for signatures, and whether there is a key for encryption.
fn keys(role: Node<'_, '_>) -> Result<(Vec<Certificate>, bool), MetadataError> {
    let (mut certificates, mut can_decrypt) = (Vec::new(), false);
    for key in role.all(METADATA, "KeyDescriptor").take(LIST_MAX) {
        let usage = key.attr("use");
        can_decrypt |= usage != Some("signing");
        if usage == Some("encryption") {
            continue;
        }
        let texts = key.descendants().filter(|node| node.is(DSIG, "X509Certificate"));
        for text in texts.take(LIST_MAX) {
            let certificate = Certificate::from_text(text.value()?)?;
            if !certificates.contains(&certificate) {
                certificates.push(certificate);
            }
        }
    }
    Ok((certificates, can_decrypt))
}

/// The content of this identity provider's metadata.
#[derive(Debug, Clone, Copy)]
pub struct IdentityProvider<'a> {
    /// ID of the document, which the signature refers to.
    pub id: &'a str,
    /// Entity id of this identity provider.
    pub entity_id: &'a str,
    /// Name to show to people.
    pub name: &'a str,
    /// Address for authentication requests, by query and by form.
    pub sign_on: &'a str,
    /// Address for logout requests and responses by browser.
    pub logout: &'a str,
    /// Address for logout requests from server to server (SOAP).
    pub soap: &'a str,
    /// Certificates of the keys that sign now or will sign soon.
    pub certificates: &'a [&'a Certificate],
    /// How long the metadata may be cached, as `xs:duration`. There is no `validUntil`, because service providers
    /// that keep a copy would stop working at that time.
    pub cache_duration: &'a str,
}

impl IdentityProvider<'_> {
    /// Writes the metadata as a signed document.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the cryptography provider fails to sign.
    pub fn write(&self, signer: &Signer) -> Result<String, KeyError> {
        let endpoint = |name, binding: &str, location: &str| {
            Element::new(name).attr("Binding", binding).attr("Location", location)
        };
        let keys = self.certificates.iter().map(|certificate| {
            Element::new("md:KeyDescriptor")
                .attr("use", "signing")
                .child(crate::signature::key_info(certificate))
        });
        let shown = Element::new("mdui:UIInfo")
            .child(Element::new("mdui:DisplayName").attr("xml:lang", "en").text(self.name));
        let formats = NameIdFormat::ALL
            .into_iter()
            .map(|format| Element::new("md:NameIDFormat").text(format.uri()));
        let role = Element::new("md:IDPSSODescriptor")
            .attr("protocolSupportEnumeration", PROTOCOL)
            .attr("WantAuthnRequestsSigned", "false")
            .child(Element::new("md:Extensions").child(shown))
            .children(keys)
            .child(endpoint("md:SingleLogoutService", REDIRECT, self.logout))
            .child(endpoint("md:SingleLogoutService", POST, self.logout))
            .child(endpoint("md:SingleLogoutService", SOAP_BINDING, self.soap))
            .children(formats)
            .child(endpoint("md:SingleSignOnService", REDIRECT, self.sign_on))
            .child(endpoint("md:SingleSignOnService", POST, self.sign_on));
        let entity = Element::new("md:EntityDescriptor")
            .attr("ID", self.id)
            .attr("entityID", self.entity_id)
            .attr("cacheDuration", self.cache_duration)
            .child(role);
        sign(entity, 0, signer)
    }
}
