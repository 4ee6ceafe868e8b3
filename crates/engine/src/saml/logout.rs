//! Single logout that a service provider initiates.

use sojourn_crypto::sha256;
use sojourn_model::limits::SAML_STAYS_MAX;
use sojourn_model::{
    Actor, Application, ChangeSet, DeliveryState, Effects, EndReason, EndTarget, Op, Session,
    SessionId, Sid, Tenant, UserId,
};
use sojourn_saml::NameId;
use sojourn_saml::binding::{self, Kind};
use sojourn_saml::logout::Answer;
use sojourn_saml::{Status, SubStatus};

use super::settings_of;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::session::FrontChannelNotice;

/// How long a processed request is remembered, in milliseconds; longer than it is accepted.
const REMEMBERED_MS: i64 = 20 * 60_000;

/// A stay that a logout request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamlStay {
    /// Session that the stay belongs to.
    pub session: SessionId,
    /// Id of the stay.
    pub sid: Sid,
    /// User of the session.
    pub user: UserId,
}

/// The content of a logout request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamlLogoutRequest<'a> {
    /// Id of the request message.
    pub id: &'a str,
    /// Name identifier of the user.
    pub name: &'a NameId,
    /// Indexes of the sessions to end; empty means all of the user's sessions.
    pub session_indexes: &'a [String],
}

impl SamlLogoutRequest<'_> {
    /// The key under which a processed request is remembered.
    fn key(&self, app: &Application) -> Vec<u8> {
        sha256(format!("SAML logout\n{}\n{}", app.id, self.id).as_bytes()).to_vec()
    }
}

/// The result of a logout request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamlLogout {
    /// The sessions that the request ended.
    pub sessions: Vec<SessionId>,
    /// Frames that the browser must load to notify service providers and applications with front-channel logout.
    pub frames: Vec<FrontChannelNotice>,
}

impl Engine {
    /// The active stays of a service provider that a logout request names by any `SessionIndex` and `NameID` that was
    /// issued for them. All of the user's stays if the request names no session (SAML Core §3.7.3.2).
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn saml_stays(
        &self,
        tenant: &Tenant,
        app: &Application,
        request: SamlLogoutRequest<'_>,
    ) -> Result<Vec<SamlStay>, EngineError> {
        if self.store.is_revoked(tenant.id, request.key(app)).await? {
            // The request was processed already: sessions that started since then must not end by a replay.
            return Ok(Vec::new());
        }
        let value = &request.name.value;
        let rows = self.store.saml_stays(tenant.id, app.id, value, SAML_STAYS_MAX).await?;
        let named: Vec<Option<Sid>> =
            request.session_indexes.iter().map(|one| one.parse().ok()).collect();
        let meant = rows.into_iter().filter(|row| {
            let given: Option<NameId> = serde_json::from_str(&row.name).ok();
            given.is_some_and(|given| given.matches(request.name))
                && (named.is_empty() || named.contains(&Some(row.sid)))
        });
        Ok(meant
            .map(|row| SamlStay { session: row.session, sid: row.sid, user: row.user })
            .collect())
    }

    /// Ends the sessions of stays at the request of their service provider. `present` is the session of the browser
    /// that sent the request; it notifies the applications with front-channel logout.
    ///
    /// # Errors
    /// [`EngineError`] if the database fails.
    pub async fn saml_logout(
        &self,
        tenant: &Tenant,
        app: &Application,
        request: SamlLogoutRequest<'_>,
        stays: &[SamlStay],
        present: Option<&Session>,
    ) -> Result<SamlLogout, EngineError> {
        let mut ended = SamlLogout { sessions: Vec::new(), frames: Vec::new() };
        for stay in stays {
            if ended.sessions.contains(&stay.session) {
                continue;
            }
            if let Some(session) = present.filter(|session| session.id == stay.session) {
                let mut frames = self.front_channel(tenant, session).await?;
                // The requesting provider gets a response instead.
                frames.retain(|frame| frame.sid != stay.sid);
                ended.frames = frames;
            }
            let target = EndTarget::Session(stay.user, stay.session);
            let actor = Actor::Application(app.id);
            let plan = EndPlan {
                in_browser: true,
                effects: Effects::SIGN_OUT,
                ..EndPlan::new(target, EndReason::RpLogout, actor)
            };
            self.carry_out_end(tenant, plan).await?;
            ended.sessions.push(stay.session);
        }
        if !ended.sessions.is_empty() {
            // Stored after the ends, so that a repeated request is processed if one of them failed. A duplicate means
            // that the same request did this.
            let until = self.now().plus(REMEMBERED_MS);
            let once = Op::UseOnce { key: request.key(app), until };
            self.apply(ChangeSet::of(tenant.id, once)).await?;
        }
        Ok(ended)
    }

    /// Returns whether all other applications confirmed the end of the sessions; `None` while a response is pending.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn saml_followed(
        &self,
        tenant: &Tenant,
        app: &Application,
        sessions: &[SessionId],
    ) -> Result<Option<bool>, EngineError> {
        let mut all = true;
        for session in sessions {
            for delivery in self.store.deliveries_of_session(tenant.id, *session).await? {
                match delivery.state {
                    _ if delivery.app == app.id => {}
                    DeliveryState::Pending if delivery.attempts == 0 => return Ok(None),
                    DeliveryState::Delivered => {}
                    _ => all = false,
                }
            }
        }
        Ok(Some(all))
    }

    /// Creates the response to a logout request. It is signed in the document if `document` is set, otherwise in the
    /// query.
    ///
    /// # Errors
    /// [`EngineError`] if signing fails.
    pub async fn saml_logout_answer(
        &self,
        tenant: &Tenant,
        app: &Application,
        (request, destination): (&str, Option<&str>),
        (status, message): (Status, Option<&str>),
        document: bool,
    ) -> Result<String, EngineError> {
        let signer = self.saml_signer(tenant, settings_of(app)?.signing_alg).await?;
        let now = self.now();
        let answer = Answer {
            issuer: &self.saml_entity_id(tenant),
            id: &self.saml_id(),
            destination,
            in_response_to: Some(request),
            now,
            status,
            message,
        };
        Ok(answer.write(document.then_some(&*signer))?)
    }
}

impl Engine {
    /// The URL that carries a signed message to a service provider in its query.
    ///
    /// # Errors
    /// [`EngineError`] if signing fails.
    pub async fn saml_redirect(
        &self,
        tenant: &Tenant,
        app: &Application,
        (kind, to): (Kind, &str),
        xml: &str,
        relay_state: Option<&str>,
    ) -> Result<String, EngineError> {
        let signer = self.saml_signer(tenant, settings_of(app)?.signing_alg).await?;
        Ok(binding::redirect(to, kind, xml, relay_state, Some(&signer))?)
    }
}

/// The status of a logout: partial unless everyone confirmed.
#[must_use]
pub fn logout_status(followed: bool) -> Status {
    Status::Success((!followed).then_some(SubStatus::PartialLogout))
}
