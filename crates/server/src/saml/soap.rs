//! Single logout from server to server (Bindings §3.2): a service provider requests it, and gets the response after the
//! others were notified.

use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::saml::{SamlLogoutRequest, logout_status};
use sojourn_saml::Status;
use sojourn_saml::binding::{self, Carried, Kind};
use sojourn_saml::logout::LogoutRequest;
use sojourn_saml::message::Times;
use sojourn_saml::signature::Trusted;
use sojourn_saml::xml::Document;

use super::carried::{Refused, Sender};
use crate::context::Context;
use crate::respond;

const KIND: &str = "text/xml; charset=utf-8";

/// `POST /samlsso/soap`: a logout request in a SOAP envelope.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    match answer(&context, &body).await {
        Ok(text) => super::xml(StatusCode::OK, KIND, text),
        Err(Refused::Message(why)) => {
            tracing::info!(request.id = %context.arrival.request_id, why, "a SAML logout is refused");
            let text = binding::fault("Client", &why);
            super::xml(StatusCode::INTERNAL_SERVER_ERROR, KIND, text)
        }
        Err(Refused::Failed(error)) => respond::failure(&error),
    }
}

async fn answer(context: &Context, body: &[u8]) -> Result<String, Refused> {
    let malformed = |error: sojourn_saml::xml::XmlError| Refused::Message(error.to_string());
    let xml = binding::from_envelope(body).map_err(malformed)?;
    let document = Document::parse(&xml).map_err(malformed)?;
    let issuer = LogoutRequest::read(Trusted::unsigned(&document))?.header.issuer;
    let sender = Sender::of(context, &issuer).await?;
    let carried =
        Carried { kind: Kind::Request, xml: Vec::new(), relay_state: None, signature: None };
    let (trusted, signed) = sender.verified(&carried, &document)?;
    if !signed {
        return Err(Refused::Message("a logout has to be signed".into()));
    }
    let request = LogoutRequest::read(trusted)?;
    let engine = context.engine();
    let (now, soap) = (engine.now(), [engine.saml_soap_address(context.tenant())]);
    // The binding doesn't need a Destination: the connection determines it.
    request.header.check(now, Times::default(), &soap, false)?;
    super::logout::in_time(&request, now)?;
    Ok(end(context, &sender, &request).await?)
}

async fn end(
    context: &Context,
    sender: &Sender,
    request: &LogoutRequest,
) -> Result<String, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let asked = SamlLogoutRequest {
        id: &request.header.id,
        name: &request.name,
        session_indexes: &request.session_indexes,
    };
    let stays = engine.saml_stays(tenant, &sender.0, asked).await?;
    let done = engine.saml_logout(tenant, &sender.0, asked, &stays, None).await?;
    let now = engine.now();
    let followed = super::logout::followed(context, sender, &done.sessions, now).await?;
    let status: Status = logout_status(followed);
    let to = (request.header.id.as_str(), None);
    let xml = engine.saml_logout_answer(tenant, &sender.0, to, (status, None), true).await?;
    Ok(binding::envelope(xml))
}
