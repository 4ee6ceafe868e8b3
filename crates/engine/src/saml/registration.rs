//! Registration of a service provider from its metadata or from explicit settings, with the same validation.

use sojourn_crypto::Certificate;
use sojourn_model::{
    ApplicationSettings, AttributeMapping, LogoutBinding, Millis, OidcSettings, SamlSettings,
    SigningAlg,
};
use sojourn_saml::metadata::{MetadataError, ServiceProvider};
use sojourn_saml::signature::{Trusted, verify};
use sojourn_saml::xml::Document;

use crate::error::EngineError;

/// Upper limit for the setting of the maximum `RelayState`, in bytes.
const RELAY_STATE_MAX: usize = 2_048;
/// Maximum number of URLs, certificates or attributes of one service provider.
const LIST_MAX: usize = 50;

/// The content of metadata, as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromMetadata {
    /// Entity id of the service provider.
    pub entity_id: String,
    /// Name for display, if the metadata has one.
    pub name: Option<String>,
    /// URL for logout requests by SOAP, from server to server.
    pub soap: Option<String>,
    /// All other settings, with defaults for those that metadata doesn't contain.
    pub settings: SamlSettings,
}

/// Reads the metadata of a service provider. `entity_id` selects it if there are several; with `pinned`, the metadata
/// must be signed with that certificate.
///
/// # Errors
/// [`MetadataError`] if the metadata is malformed, expired, not signed as required, or doesn't contain a usable
/// service provider.
pub fn from_metadata(
    xml: &[u8],
    entity_id: Option<&str>,
    now: Millis,
    pinned: Option<&Certificate>,
) -> Result<FromMetadata, MetadataError> {
    let document = Document::parse(xml)?;
    let metadata = match pinned {
        None => Trusted::unsigned(&document),
        Some(pinned) => verify(&document, std::slice::from_ref(pinned))?,
    };
    let read = ServiceProvider::read(metadata, entity_id, now)?;
    let settings = SamlSettings {
        assertion_consumers: read.assertion_consumers,
        logout_services: read.logout_services,
        certificates: read.certificates.iter().map(Certificate::base64).collect(),
        signed_requests: read.signs_requests && !read.certificates.is_empty(),
        name_id_format: read
            .formats
            .first()
            .copied()
            .unwrap_or(SamlSettings::default().name_id_format),
        valid_until: read.valid_until,
        ..SamlSettings::default()
    };
    Ok(FromMetadata { entity_id: read.entity_id, name: read.name, soap: read.soap, settings })
}

/// The registered certificates, parsed. Unreadable ones were refused at registration.
#[must_use]
pub fn certificates(settings: &SamlSettings) -> Vec<Certificate> {
    settings.certificates.iter().filter_map(|text| Certificate::from_text(text).ok()).collect()
}

/// The attributes of a preset: `none`, `basic`, `oid` (eduPerson and X.500) or `microsoft`.
#[must_use]
pub fn preset(name: &str) -> Option<Vec<AttributeMapping>> {
    const BASIC: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic";
    const URI: &str = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri";
    const SOAP_CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
    const MS_CLAIMS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/";
    let basic = |claim: &str, name: &str| AttributeMapping {
        claim: claim.into(),
        name: name.into(),
        friendly_name: None,
        name_format: Some(BASIC.into()),
    };
    let oid = |claim: &str, oid: &str, friendly: &str| AttributeMapping {
        claim: claim.into(),
        name: format!("urn:oid:{oid}"),
        friendly_name: Some(friendly.into()),
        name_format: Some(URI.into()),
    };
    let uri = |claim: &str, base: &str, name: &str| AttributeMapping {
        claim: claim.into(),
        name: format!("{base}{name}"),
        friendly_name: None,
        name_format: Some(URI.into()),
    };
    Some(match name {
        "none" => Vec::new(),
        "basic" => ["username", "email", "name", "given_name", "family_name", "roles", "groups"]
            .map(|claim| basic(claim, claim))
            .to_vec(),
        "oid" => vec![
            oid("username", "0.9.2342.19200300.100.1.1", "uid"),
            oid("email", "0.9.2342.19200300.100.1.3", "mail"),
            oid("name", "2.16.840.1.113730.3.1.241", "displayName"),
            oid("given_name", "2.5.4.42", "givenName"),
            oid("family_name", "2.5.4.4", "sn"),
            oid("roles", "1.3.6.1.4.1.5923.1.1.1.7", "eduPersonEntitlement"),
            oid("groups", "1.3.6.1.4.1.5923.1.5.1.1", "isMemberOf"),
        ],
        "microsoft" => vec![
            uri("username", SOAP_CLAIMS, "upn"),
            uri("email", SOAP_CLAIMS, "emailaddress"),
            uri("name", SOAP_CLAIMS, "name"),
            uri("given_name", SOAP_CLAIMS, "givenname"),
            uri("family_name", SOAP_CLAIMS, "surname"),
            uri("roles", MS_CLAIMS, "role"),
            uri("groups", "http://schemas.xmlsoap.org/claims/", "Group"),
        ],
        _ => return None,
    })
}

/// Validates the settings of a service provider.
///
/// # Errors
/// [`EngineError::Invalid`] with a text that says what is wrong.
pub fn check(
    entity_id: &str,
    soap: Option<&str>,
    settings: &SamlSettings,
) -> Result<(), EngineError> {
    let invalid = |why: String| EngineError::Invalid(why);
    if entity_id.is_empty()
        || entity_id.chars().count() > 1024
        || entity_id.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(invalid("an entity id must have 1 to 1024 characters without spaces".into()));
    }
    if settings.assertion_consumers.is_empty() {
        return Err(invalid("specify at least one assertion consumer service URL".into()));
    }
    let lists = [
        settings.assertion_consumers.len(),
        settings.logout_services.len(),
        settings.certificates.len(),
        settings.attributes.len(),
    ];
    if lists.into_iter().any(|length| length > LIST_MAX) {
        return Err(invalid(format!("at most {LIST_MAX} addresses, certificates or attributes")));
    }
    let consumers = settings.assertion_consumers.iter().map(|one| one.url.as_str());
    let logout = settings
        .logout_services
        .iter()
        .flat_map(|one| std::iter::once(one.url.as_str()).chain(one.response_url.as_deref()));
    for text in consumers.chain(logout).chain(soap) {
        let url = url::Url::parse(text).ok();
        let good = url.as_ref().is_some_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.host().is_some()
                && url.username().is_empty()
                && url.fragment().is_none()
        });
        if !good {
            return Err(invalid(format!("'{text}' is not an https or http URL")));
        }
    }
    for text in &settings.certificates {
        Certificate::from_text(text)
            .map_err(|error| invalid(format!("a certificate can't be used: {error}")))?;
    }
    if settings.signed_requests && settings.certificates.is_empty() {
        return Err(invalid("signed requests need a certificate to verify them with".into()));
    }
    if !matches!(settings.signing_alg, SigningAlg::Rs256 | SigningAlg::Es256) {
        return Err(invalid("SAML is signed with RS256 or ES256".into()));
    }
    if settings.relay_state_bytes_max > RELAY_STATE_MAX {
        return Err(invalid(format!("a RelayState has at most {RELAY_STATE_MAX} bytes")));
    }
    if settings.logout_by(LogoutBinding::Soap).is_some() {
        return Err(invalid("the SOAP address for logout is a setting of its own".into()));
    }
    if settings.attributes.iter().any(|one| one.claim.is_empty() || one.name.is_empty()) {
        return Err(invalid("an attribute needs a claim and a name".into()));
    }
    Ok(())
}

/// Settings without those of OpenID Connect, which an application that uses SAML doesn't have.
#[must_use]
pub fn without_openid(saml: SamlSettings, before: ApplicationSettings) -> ApplicationSettings {
    ApplicationSettings {
        oidc: OidcSettings {
            redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            response_types: Vec::new(),
            scopes: Vec::new(),
            own_scopes: Vec::new(),
            frontchannel_logout_uri: None,
            ..before.oidc
        },
        saml: Some(Box::new(saml)),
        ..before
    }
}
