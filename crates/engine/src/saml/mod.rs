//! SAML 2.0: sign-on to service providers, and single logout.

mod attributes;
mod expiry;
mod fetch;
mod form;
mod keys;
mod logout;
mod names;
mod notice;
mod preview;
mod refresh;
mod registration;
mod sign_on;

use sojourn_model::{Application, Protocol, SamlSettings, Tenant};

use crate::engine::Engine;
use crate::error::EngineError;

pub use crate::memory::key_sets::{SamlKey, SamlKeys};
pub use expiry::{EndingCertificate, WARNED_MS};
pub use form::Form;
pub use logout::{SamlLogout, SamlLogoutRequest, SamlStay, logout_status};
pub use notice::BrowserNotice;
pub use preview::SamlPreview;
pub use registration::{FromMetadata, certificates, check, from_metadata, preset, without_openid};
pub use sign_on::{SignOn, SignOnOutcome};

/// Path of the metadata, below a tenant; with the tenant's address it is the entity id of the identity provider.
pub const METADATA_PATH: &str = "/identity/metadata/saml2";
/// Path of single sign-on and of logout in the browser, below a tenant.
pub const SSO_PATH: &str = "/samlsso";
/// Path of logout by SOAP, from server to server.
pub const SOAP_PATH: &str = "/samlsso/soap";

/// The settings of an application that uses SAML.
fn settings_of(app: &Application) -> Result<&SamlSettings, EngineError> {
    match app.protocol() {
        Protocol::Saml(settings) => Ok(settings),
        _ => Err(EngineError::NotFound("service provider")),
    }
}

impl Engine {
    /// The entity id of a tenant's identity provider, which is the URL of its metadata.
    #[must_use]
    pub fn saml_entity_id(&self, tenant: &Tenant) -> String {
        format!("{}{METADATA_PATH}", self.settings.address(tenant))
    }

    /// The URL to which service providers send requests and responses through the browser.
    #[must_use]
    pub fn saml_address(&self, tenant: &Tenant) -> String {
        format!("{}{SSO_PATH}", self.settings.address(tenant))
    }

    /// Creates the id of a message: 128 random bits. An `xs:ID` must not start with a digit.
    #[must_use]
    pub fn saml_id(&self) -> String {
        let random: [u8; 16] = sojourn_model::time::random(&*self.rng);
        format!("_{}", sojourn_model::ids::hex(&random))
    }
}
