//! Preview of the response that a service provider would get, for the administrator who sets it up.

use sojourn_model::{Application, ChangeSet, Session, Tenant};
use sojourn_saml::NameId;
use sojourn_saml::assertion::Attribute;
use sojourn_saml::context::Wanted;
use sojourn_saml::xml::for_reading;

use super::settings_of;
use super::sign_on::{Asserted, SignOn};
use crate::engine::Engine;
use crate::error::EngineError;

/// The result of a simulated sign-on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamlPreview {
    /// URL to which the response would be posted.
    pub acs: String,
    /// Name identifier that the user would have.
    pub name: NameId,
    /// Authentication context class of the session.
    pub class: String,
    /// Attributes that the response would contain.
    pub attributes: Vec<Attribute>,
    /// The response, indented and without signature values, so that it can't be presented.
    pub response: String,
}

impl Engine {
    /// Creates the response that a service provider would get now for a session's user in a sign-on without a
    /// request. Nothing is stored or sent. Returns `None` if the user has no name in the format of the service
    /// provider.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the application isn't a SAML service provider or the user was deleted; other
    /// variants if the database or a key fails.
    pub async fn saml_preview(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
    ) -> Result<Option<SamlPreview>, EngineError> {
        let settings = settings_of(app)?;
        let Some(acs) = settings.default_consumer() else {
            return Err(EngineError::NotFound("address for assertions"));
        };
        let user = self.store.user(tenant.id, session.user).await?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        // The stay that the sign-on would start; the change set isn't applied.
        let stay = self.enter(tenant, app, session, &mut ChangeSet::new(tenant.id)).await?;
        let format = settings.name_id_format;
        let Some(name) = self.saml_name(tenant, app, &user, stay.sid, format) else {
            return Ok(None);
        };
        let wanted = Wanted::nothing();
        let class = wanted.class(session.level());
        let asked = SignOn {
            entity_id: app.client_id.clone(),
            request: None,
            acs: acs.url.clone(),
            relay_state: None,
            force: false,
            passive: false,
            format: None,
            sp_name_qualifier: None,
            contexts: None,
            hint: None,
            at: self.now().0,
        };
        let attributes = self.saml_attributes(tenant, app, settings, &user).await?;
        let of = Asserted { app, settings, session, user: &user, stay: &stay, class };
        let response = self.saml_response(tenant, &asked, &name, of).await?;
        Ok(Some(SamlPreview {
            acs: asked.acs,
            name,
            class: class.to_owned(),
            attributes,
            response: for_reading(&response),
        }))
    }
}
