//! `/identity/metadata/saml2`: our metadata for service providers.

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_model::SigningAlg;
use sojourn_saml::metadata::IdentityProvider;

use crate::context::Context;
use crate::oidc::discovery::public;
use crate::respond;

const KIND: &str = "application/samlmetadata+xml";
/// How long service providers can cache the metadata.
const CACHE: &str = "PT6H";

/// `GET`: returns the tenant's signed metadata.
pub(crate) async fn get(context: Context) -> Response {
    match write(&context).await {
        Ok(text) => public(super::xml(StatusCode::OK, KIND, text)),
        Err(error) => respond::failure(&error),
    }
}

async fn write(context: &Context) -> Result<Bytes, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let keys = engine.saml_keys_with(tenant, SigningAlg::Rs256).await?;
    let now = engine.now();
    let signer = keys.signer(SigningAlg::Rs256, now).ok_or(EngineError::NotFound("SAML key"))?;
    let certificates: Vec<_> = keys.published(now).map(|key| key.signer.certificate()).collect();
    let entity_id = engine.saml_entity_id(tenant);
    let address = engine.saml_address(tenant);
    let metadata = IdentityProvider {
        id: &engine.saml_id(),
        entity_id: &entity_id,
        name: tenant.look.name.as_deref().unwrap_or("Sojourn"),
        sign_on: &address,
        logout: &address,
        soap: &engine.saml_soap_address(tenant),
        certificates: &certificates,
        cache_duration: CACHE,
    };
    // Signed once until its content changes.
    let prints: Vec<_> = certificates.iter().map(|one| one.fingerprint()).collect();
    let signs = signer.generation;
    let name = format!("saml {entity_id} {} {signs} {}", metadata.name, prints.join(" "));
    let make = || metadata.write(&signer.signer).unwrap_or_default().into_bytes();
    match context.state.documents.of(&name, make) {
        text if text.is_empty() => Err(EngineError::Key("metadata can't be signed".into())),
        text => Ok(text),
    }
}
