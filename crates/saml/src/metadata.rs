//! Metadata (Metadata for SAML 2.0): that of service providers is read, ours is written.

use sojourn_crypto::{Certificate, KeyError};
use sojourn_model::{AssertionConsumer, LogoutBinding, LogoutService, Millis, NameIdFormat};

use crate::message::{ENTITY_ID_MAX, read_instant};
use crate::names::{DSIG, MDUI, METADATA, POST, PROTOCOL, REDIRECT, SOAP_BINDING};
use crate::signature::{SignatureError, Signer, Trusted, sign};
use crate::xml::{Element, Node, Read as _, XmlError};

/// Most certificates, addresses or descriptors of a kind that are looked at.
const LIST_MAX: usize = 50;

/// Why metadata isn't taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It isn't what the schema says.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// It is no metadata, or that of another kind of application.
    #[error("it has no entity with a role of a SAML 2.0 service provider")]
    NotServiceProvider,
    /// It has several entities, and it isn't clear which one is meant.
    #[error("it has several entities; say which one by its entity id")]
    Several,
    /// It isn't good any more.
    #[error("it has expired")]
    Expired,
    /// It has to be signed, and isn't as it has to be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// There is no address that assertions could be posted to.
    #[error("it has no AssertionConsumerService with the binding HTTP-POST")]
    NoConsumer,
    /// A certificate can't be read.
    #[error("a certificate in it can't be used: {0}")]
    Certificate(#[from] sojourn_crypto::CertificateError),
    /// An address isn't one.
    #[error("{0} is no address with https or http")]
    Address(String),
}

/// What the metadata of a service provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProvider {
    /// Its name among systems.
    pub entity_id: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Where assertions may be posted to.
    pub assertion_consumers: Vec<AssertionConsumer>,
    /// Addresses for logout requests in the browser.
    pub logout_services: Vec<LogoutService>,
    /// Address for logout requests by SOAP, from server to server.
    pub soap: Option<String>,
    /// Its certificates for signatures.
    pub certificates: Vec<Certificate>,
    /// Whether it has a certificate for encryption.
    pub can_decrypt: bool,
    /// Whether it signs its requests.
    pub signs_requests: bool,
    /// Whether it wants assertions signed themselves.
    pub wants_signed_assertions: bool,
    /// The formats of names that it takes, as far as they are known here, the preferred one first.
    pub formats: Vec<NameIdFormat>,
    /// Until when all this is good.
    pub valid_until: Option<Millis>,
}

impl ServiceProvider {
    /// Reads it: of the entity that is named, or of the only one with the role of a service provider.
    ///
    /// # Errors
    /// [`MetadataError`]
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
        // What is around an entity limits it as well.
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

/// The entities, by the way on which the schema has them, and nowhere else: a signature may have anything in it.
fn entities<'a, 'i>(node: Node<'a, 'i>, all: &mut Vec<Node<'a, 'i>>) {
    if node.is(METADATA, "EntityDescriptor") {
        all.push(node);
    } else if node.is(METADATA, "EntitiesDescriptor") {
        node.children().filter(Node::is_element).for_each(|child| entities(child, all));
    }
}

/// The role of a service provider of an entity that speaks SAML 2.0.
fn role<'a, 'i>(entity: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    entity.all(METADATA, "SPSSODescriptor").find(|role| {
        let protocols = role.attr("protocolSupportEnumeration").unwrap_or_default();
        protocols.split_ascii_whitespace().any(|one| one == PROTOCOL)
    })
}

/// A name for people: of its login page, its service or its organisation, in English if there is one.
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
    // Others, such as HTTP-Artifact and PAOS, aren't supported.
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

/// Certificates for signatures, and whether there is one for encryption.
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

/// What our metadata says.
#[derive(Debug, Clone, Copy)]
pub struct IdentityProvider<'a> {
    /// The id of the document.
    pub id: &'a str,
    /// Our name among systems.
    pub entity_id: &'a str,
    /// Our name for people.
    pub name: &'a str,
    /// Where requests to sign on go, by query and by form.
    pub sign_on: &'a str,
    /// Where logout requests and responses go in the browser.
    pub logout: &'a str,
    /// Where logout requests go from server to server.
    pub soap: &'a str,
    /// The certificates of keys that sign now, or soon.
    pub certificates: &'a [&'a Certificate],
    /// How long it may be kept, as `xs:duration`. It doesn't say until when it is good: service providers that keep a copy
    /// would stop working then.
    pub cache_duration: &'a str,
}

impl IdentityProvider<'_> {
    /// Writes it, signed.
    ///
    /// # Errors
    /// [`KeyError`] when the provider fails.
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
