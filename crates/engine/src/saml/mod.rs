//! Service providers of SAML 2.0: signing people on to them, and signing them out.

mod attributes;
mod expiry;
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

pub(crate) use expiry::Tended;
pub use expiry::{EndingCertificate, WARNED_MS};
pub use form::Form;
pub use keys::{SamlKey, SamlKeys};
pub use logout::{SamlLogout, SamlLogoutRequest, SamlStay, logout_status};
pub use notice::BrowserNotice;
pub use preview::SamlPreview;
pub use registration::{FromMetadata, certificates, check, from_metadata, preset, without_openid};
pub use sign_on::{SignOn, SignOnOutcome};

/// The path of the metadata, below a tenant; with the tenant's address it is our entity id.
pub const METADATA_PATH: &str = "/identity/metadata/saml2";
/// The path of single sign-on and of logout in the browser.
pub const SSO_PATH: &str = "/samlsso";
/// The path of logout from server to server.
pub const SOAP_PATH: &str = "/samlsso/soap";

/// The settings of an application that speaks SAML.
fn settings_of(app: &Application) -> Result<&SamlSettings, EngineError> {
    match app.protocol() {
        Protocol::Saml(settings) => Ok(settings),
        _ => Err(EngineError::NotFound("service provider")),
    }
}

impl Engine {
    /// What the tenant's identity provider calls itself in SAML: where its metadata is.
    #[must_use]
    pub fn saml_entity_id(&self, tenant: &Tenant) -> String {
        format!("{}{METADATA_PATH}", self.settings.address(tenant))
    }

    /// Where requests and responses of service providers are sent to in the browser.
    #[must_use]
    pub fn saml_address(&self, tenant: &Tenant) -> String {
        format!("{}{SSO_PATH}", self.settings.address(tenant))
    }

    /// A new id of a message: 128 random bits. An `xs:ID` may not begin with a digit.
    #[must_use]
    pub fn saml_id(&self) -> String {
        let random: [u8; 16] = sojourn_model::time::random(&*self.rng);
        format!("_{}", sojourn_model::ids::hex(&random))
    }
}
