//! Finds the sender of a message, and checks that it is signed as required.

use std::sync::Arc;

use sojourn_engine::EngineError;
use sojourn_engine::saml::certificates;
use sojourn_model::{Application, Protocol, SamlSettings};
use sojourn_saml::binding::Carried;
use sojourn_saml::signature::{SignatureError, Trusted, verify};
use sojourn_saml::xml::Document;

use crate::context::Context;

/// The reason why a message is refused.
pub(crate) enum Refused {
    /// The message is invalid; the text says why.
    Message(String),
    /// The message isn't the cause: the engine failed.
    Failed(EngineError),
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl From<SignatureError> for Refused {
    fn from(error: SignatureError) -> Self {
        Self::Message(error.to_string())
    }
}

impl From<sojourn_saml::MessageError> for Refused {
    fn from(error: sojourn_saml::MessageError) -> Self {
        Self::Message(error.to_string())
    }
}

/// Whether metadata that is fetched regularly has expired. For metadata that was entered by hand, there is a warning
/// instead.
fn has_run_out(settings: &SamlSettings, context: &Context) -> bool {
    let now = context.engine().now();
    settings.metadata_url.is_some() && settings.valid_until.is_some_and(|until| until <= now)
}

/// The registered service provider that sent a message.
pub(crate) struct Sender(pub(crate) Arc<Application>);

impl Sender {
    /// Returns the service provider with an entity id; fails if it is unknown, disabled, or its metadata has expired.
    pub(crate) async fn of(context: &Context, entity_id: &str) -> Result<Self, Refused> {
        let tenant = context.tenant().id;
        let app = context.engine().application_by_client(tenant, entity_id).await?;
        let app = app.filter(|app| app.enabled);
        let unknown = || Refused::Message("its Issuer is unknown here".into());
        let app = app.ok_or_else(unknown)?;
        match app.protocol() {
            Protocol::Saml(settings) if has_run_out(settings, context) => {
                Err(Refused::Message("the metadata of its Issuer has expired".into()))
            }
            Protocol::Saml(_) => Ok(Self(app)),
            _ => Err(unknown()),
        }
    }

    pub(crate) fn settings(&self) -> Result<&SamlSettings, Refused> {
        match self.0.protocol() {
            Protocol::Saml(settings) => Ok(settings),
            _ => Err(Refused::Message("its Issuer is unknown here".into())),
        }
    }

    /// Verifies a signature of the query or of the document, if there is one that can be verified, and returns the node
    /// that may be read and whether it was signed. An invalid signature is refused, never skipped.
    pub(crate) fn verified<'a, 'i>(
        &self,
        carried: &Carried,
        document: &'a Document<'i>,
    ) -> Result<(Trusted<'a, 'i>, bool), Refused> {
        let certificates = certificates(self.settings()?);
        if certificates.is_empty() {
            // No certificate is registered that it could be verified with.
            return Ok((Trusted::unsigned(document), false));
        }
        if let Some(signature) = &carried.signature {
            signature.verify(&certificates)?;
            return Ok((Trusted::unsigned(document), true));
        }
        match verify(document, &certificates) {
            Ok(trusted) => Ok((trusted, true)),
            Err(SignatureError::Missing) => Ok((Trusted::unsigned(document), false)),
            Err(error) => Err(error.into()),
        }
    }
}
