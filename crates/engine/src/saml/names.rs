//! Name identifiers of users at service providers.

use sojourn_crypto::b64url;
use sojourn_model::{Application, NameIdFormat, SamlSettings, Sid, Tenant, User};
use sojourn_saml::NameId;

use crate::engine::Engine;

impl Engine {
    /// A user's name identifier at a service provider, in a format; `None` if the user has no name of that kind.
    ///
    /// A persistent identifier is derived from user and service provider, a transient one from the stay: neither can
    /// be linked to the other, and neither needs to be stored.
    pub(super) fn saml_name(
        &self,
        tenant: &Tenant,
        app: &Application,
        user: &User,
        sid: Sid,
        format: NameIdFormat,
    ) -> Option<NameId> {
        let derived = |purpose: &str, of: &[u8]| {
            let number = tenant.id.0.to_be_bytes();
            let parts = [&number[..], app.client_id.as_bytes(), of];
            b64url(&self.hasher.keyed_for_good(purpose, &parts))
        };
        let value = match format {
            NameIdFormat::Persistent => derived("SAML persistent name", user.id.0.as_bytes()),
            NameIdFormat::Transient => derived("SAML transient name", &sid.0),
            NameIdFormat::EmailAddress => user.email.clone()?,
            NameIdFormat::Unspecified => user.username.clone(),
        };
        let mut name = NameId::new(format, value);
        if matches!(format, NameIdFormat::Persistent | NameIdFormat::Transient) {
            // SAML Core §8.3.7, §8.3.8.
            name.qualifier = Some(self.saml_entity_id(tenant));
            name.sp_qualifier = Some(app.client_id.clone());
        }
        Some(name)
    }
}

/// The format that a request asks for, or else the registered one; `None` if that format isn't issued. Pseudonyms are
/// issued to any request that asks for one; identifying names only if registered.
#[must_use]
pub(super) fn format_of(asked: Option<&str>, settings: &SamlSettings) -> Option<NameIdFormat> {
    let registered = settings.name_id_format;
    match asked {
        None => Some(registered),
        Some(asked) => match NameIdFormat::parse(asked)? {
            // SAML Core §8.3.1: the choice is left to the identity provider.
            NameIdFormat::Unspecified => Some(registered),
            NameIdFormat::EmailAddress if registered != NameIdFormat::EmailAddress => None,
            other => Some(other),
        },
    }
}
