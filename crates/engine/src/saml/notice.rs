//! Notifies service providers that a session has ended: by a delivery from server to server, or by frames in the
//! browser.

use sojourn_crypto::TokenKind;
use sojourn_model::limits::SAML_NAMES_MAX;
use sojourn_model::{
    Actor, Application, ChangeSet, Delivery, EndReason, LogoutBinding, Millis, Op, Protocol,
    SamlChange, SamlSettings, Session, SessionId, SessionState, Sid, Tenant, TenantId,
};
use sojourn_saml::NameId;
use sojourn_saml::binding::{self, Kind};
use sojourn_saml::logout::{LogoutResponse, Notice};
use sojourn_saml::names::{LOGOUT_ADMIN, LOGOUT_USER};
use sojourn_saml::signature::{SignatureError, Trusted, verify};
use sojourn_saml::xml::Document;

use super::registration::certificates;
use super::{SOAP_PATH, settings_of};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::{AttemptResult, DeliverySender};
use crate::session::FrontChannelNotice;

/// Validity of a logout request, in milliseconds.
const NOTICE_MS: i64 = 5 * 60_000;
/// Validity of the state that a browser carries, in milliseconds.
const ABOUT_MS: i64 = 10 * 60_000;
/// Path of the page that posts a logout request from a frame.
const FRAME_PATH: &str = "/samlsso/frame";

/// A logout request for the browser to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserNotice {
    /// Destination of the form.
    pub uri: String,
    /// The request as XML.
    pub xml: String,
}

/// Subject of a logout request in the browser; its sealed form is the request's id.
struct About {
    session: SessionId,
    sid: Sid,
    /// Index of the stay's name identifier.
    number: u8,
    /// When the request was created.
    at: Millis,
}

impl About {
    fn bytes(&self) -> Vec<u8> {
        [&self.session.0[..], &self.sid.0, &[self.number], &self.at.0.to_be_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (session, rest) = bytes.split_at_checked(32)?;
        let (sid, number) = rest.split_at_checked(16)?;
        let (number, at) = number.split_first()?;
        let at = Millis(i64::from_be_bytes(at.try_into().ok()?));
        let session = SessionId::from_slice(session).ok()?;
        Some(Self { session, sid: Sid::from_slice(sid).ok()?, number: *number, at })
    }
}

/// The reason in SAML's terms (Core §3.7.3).
const fn reason(reason: Option<&EndReason>) -> &'static str {
    match reason {
        Some(EndReason::User | EndReason::RpLogout | EndReason::Replaced) => LOGOUT_USER,
        _ => LOGOUT_ADMIN,
    }
}

impl Engine {
    async fn names_of_stay(
        &self,
        tenant: TenantId,
        session: SessionId,
        sid: Sid,
    ) -> Result<Vec<NameId>, EngineError> {
        let rows = self.store.saml_names(tenant, session, sid, SAML_NAMES_MAX).await?;
        Ok(rows.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Sends a logout request for each name of the stay by SOAP, and returns the outcome: delivered when the service
    /// provider followed every one.
    pub(crate) async fn attempt_saml(
        &self,
        delivery: &Delivery,
        app: &Application,
        id: &str,
        sender: &dyn DeliverySender,
    ) -> Result<AttemptResult, EngineError> {
        let settings = settings_of(app)?;
        let session = self.store.session(delivery.tenant, delivery.session).await?;
        let ended = session.as_ref().map(|session| &session.state);
        let (why, actor) = match ended {
            Some(SessionState::Ended { reason, actor, .. }) => (Some(reason), Some(actor)),
            _ => (None, None),
        };
        // The provider requested the end itself and is notified by the response.
        if actor == Some(&Actor::Application(delivery.app)) {
            return Ok(AttemptResult::Answered(204));
        }
        let tenant = self.store.tenant(delivery.tenant).await?;
        let tenant = tenant.ok_or(EngineError::NotFound("tenant"))?;
        let names = self.names_of_stay(delivery.tenant, delivery.session, delivery.sid).await?;
        if names.is_empty() {
            // The user was signed in there by another protocol.
            return Ok(AttemptResult::Refused("nobody was given a name there".into()));
        }
        let signer = self.saml_signer(&tenant, settings.signing_alg).await?;
        let issuer = self.saml_entity_id(&tenant);
        for (number, name) in names.iter().enumerate() {
            let id = format!("_{id}-{number}");
            let notice = Notice {
                issuer: &issuer,
                id: &id,
                destination: &delivery.uri,
                now: self.now(),
                valid_ms: NOTICE_MS,
                reason: reason(why),
                name,
                session_index: &delivery.sid.to_string(),
            };
            let envelope = binding::envelope(notice.write(Some(&signer))?);
            let answer = match sender.post_soap(&delivery.uri, envelope).await {
                Ok(answer) => answer,
                Err(result) => return Ok(result),
            };
            if let Err(why) = judge(&answer, &id, app, settings) {
                return Ok(AttemptResult::Refused(why));
            }
        }
        Ok(AttemptResult::Answered(200))
    }

    /// The frames through which a browser notifies a service provider without SOAP of the end of a session.
    pub(crate) async fn saml_frames(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        sid: Sid,
    ) -> Result<Vec<FrontChannelNotice>, EngineError> {
        let mut frames = Vec::new();
        let Protocol::Saml(settings) = app.protocol() else { return Ok(frames) };
        if app.backchannel_logout_uri.is_some() {
            return Ok(frames);
        }
        let redirect = settings.logout_by(LogoutBinding::Redirect);
        let post = settings.logout_by(LogoutBinding::Post);
        let names = self.names_of_stay(tenant.id, session.id, sid).await?;
        for number in 0..u8::try_from(names.len()).unwrap_or(u8::MAX) {
            let about = About { session: session.id, sid, number, at: self.now() };
            let uri = match (redirect, post) {
                (Some(service), _) => {
                    let id = format!("_{}", self.sealed_notice(tenant, &about)?);
                    let Some(xml) = self.notice(tenant, &id, &service.url, &names, &about)? else {
                        continue;
                    };
                    let signer = self.saml_signer(tenant, settings.signing_alg).await?;
                    binding::redirect(&service.url, Kind::Request, &xml, None, Some(&signer))?
                }
                (None, Some(_)) => {
                    let of = self.sealed_notice(tenant, &about)?;
                    let page = format!("{}{FRAME_PATH}", self.settings.address(tenant));
                    sojourn_oidc::params::with_query(&page, &[("of", &of)])
                }
                (None, None) => continue,
            };
            // The frame is redirected back here with the response.
            let mut origins = vec![self.settings.origin().to_owned()];
            origins.extend(redirect.or(post).map(|service| service.url.clone()));
            frames.push(FrontChannelNotice { sid, name: app.name.clone(), uri, origins });
        }
        Ok(frames)
    }

    fn sealed_notice(&self, tenant: &Tenant, about: &About) -> Result<String, EngineError> {
        Ok(self.sealer.seal(TokenKind::SamlNotice, tenant.id, &about.bytes())?)
    }

    /// Opens a sealed subject, if it belongs to this tenant and was created recently.
    fn opened_notice(&self, tenant: &Tenant, text: &str) -> Option<About> {
        let bytes = self.sealer.open(TokenKind::SamlNotice, tenant.id, text)?;
        About::read(&bytes).filter(|about| self.is_recent(about.at, ABOUT_MS))
    }

    fn notice(
        &self,
        tenant: &Tenant,
        id: &str,
        destination: &str,
        names: &[NameId],
        about: &About,
    ) -> Result<Option<String>, EngineError> {
        let Some(name) = names.get(usize::from(about.number)) else { return Ok(None) };
        let notice = Notice {
            issuer: &self.saml_entity_id(tenant),
            id,
            destination,
            now: self.now(),
            valid_ms: NOTICE_MS,
            reason: LOGOUT_USER,
            name,
            session_index: &about.sid.to_string(),
        };
        Ok(Some(notice.write(None)?))
    }

    /// The logout request that a frame posts.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if `of` isn't the text that a frame was given.
    pub async fn saml_frame(
        &self,
        tenant: &Tenant,
        of: &str,
    ) -> Result<BrowserNotice, EngineError> {
        let gone = EngineError::NotFound("logout request");
        let about = self.opened_notice(tenant, of).ok_or(gone.clone())?;
        let stays = self.store.stays(tenant.id, about.session).await?;
        let ended =
            stays.into_iter().find(|row| row.stay.sid == about.sid && row.ended_at.is_some());
        let stay = ended.ok_or(gone.clone())?;
        let app = self.application(tenant.id, stay.stay.app).await?.ok_or(gone.clone())?;
        let Protocol::Saml(settings) = app.protocol() else { return Err(gone) };
        let service = settings.logout_by(LogoutBinding::Post).ok_or(gone.clone())?;
        let names = self.names_of_stay(tenant.id, about.session, about.sid).await?;
        let id = format!("_{}", self.sealed_notice(tenant, &about)?);
        let name = names.get(usize::from(about.number)).ok_or(gone)?;
        let signer = self.saml_signer(tenant, settings.signing_alg).await?;
        let notice = Notice {
            issuer: &self.saml_entity_id(tenant),
            id: &id,
            destination: &service.url,
            now: self.now(),
            valid_ms: NOTICE_MS,
            reason: LOGOUT_USER,
            name,
            session_index: &about.sid.to_string(),
        };
        let xml = notice.write(Some(&signer))?;
        Ok(BrowserNotice { uri: service.url.clone(), xml })
    }

    /// Stores what a service provider responded in a frame. Nobody else knows the id of the request.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the request isn't one of this server's.
    pub async fn saml_frame_answered(
        &self,
        tenant: &Tenant,
        app: &Application,
        answer: &LogoutResponse,
    ) -> Result<(), EngineError> {
        let id = answer.in_response_to.as_deref().and_then(|id| id.strip_prefix('_'));
        let about = id.and_then(|id| self.opened_notice(tenant, id));
        let about = about.ok_or(EngineError::NotFound("logout request"))?;
        let deliveries = self.store.deliveries_of_session(tenant.id, about.session).await?;
        let ours = |one: &&Delivery| one.sid == about.sid && one.app == app.id;
        if deliveries.iter().find(ours).is_none() {
            return Err(EngineError::NotFound("logout request"));
        }
        let error = (!answer.followed).then(|| answer.status.clone());
        let (session, sid, at) = (about.session, about.sid, self.now());
        let answered = SamlChange::AnswerInBrowser { session, sid, at, error };
        // A conflict means that a response was stored before.
        self.apply(ChangeSet::of(tenant.id, Op::Saml(answered))).await?;
        Ok(())
    }

    /// The URL of this server for logout requests by SOAP.
    #[must_use]
    pub fn saml_soap_address(&self, tenant: &Tenant) -> String {
        format!("{}{SOAP_PATH}", self.settings.address(tenant))
    }
}

/// Evaluates a service provider's response by SOAP; the error is the reason why it didn't comply.
fn judge(
    answer: &[u8],
    id: &str,
    app: &Application,
    settings: &SamlSettings,
) -> Result<(), String> {
    let xml = binding::from_envelope(answer).map_err(|error| format!("the answer: {error}"))?;
    let document = Document::parse(&xml).map_err(|error| format!("the answer: {error}"))?;
    // The connection authenticates the responder, but a signature that is present must be valid too.
    let certificates = certificates(settings);
    let message = match verify(&document, &certificates) {
        _ if certificates.is_empty() => Trusted::unsigned(&document),
        Ok(message) => message,
        Err(SignatureError::Missing) => Trusted::unsigned(&document),
        Err(error) => return Err(format!("the answer: {error}")),
    };
    let read = LogoutResponse::read(message).map_err(|error| format!("the answer: {error}"))?;
    if read.in_response_to.as_deref() != Some(id) {
        return Err("the answer is for another request".into());
    }
    if read.header.issuer != app.audience() {
        return Err("the answer is somebody else's".into());
    }
    // An unknown user isn't signed in there, so the goal is reached, also when a request is repeated.
    let nobody = read.status.ends_with("UnknownPrincipal");
    if read.followed || nobody { Ok(()) } else { Err(format!("it answered {}", read.status)) }
}
