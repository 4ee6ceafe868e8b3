//! Logout that an application requests (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use serde_json::Value;
use sojourn_model::{Actor, Application, Effects, EndReason, EndTarget, Session, Sid, Tenant};
use sojourn_oidc::logout::{Address, Hint};
use sojourn_oidc::{LogoutDecision, LogoutSituation, decide_logout};

use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

/// Parameters of a request to the end-session endpoint.
#[derive(Debug, Clone, Default)]
pub struct LogoutRequest {
    /// An ID token of this server, which may have expired.
    pub id_token_hint: Option<String>,
    /// `client_id` of the application.
    pub client_id: Option<String>,
    /// URL to redirect to after the logout.
    pub post_logout_redirect_uri: Option<String>,
}

/// The result of a logout request.
#[derive(Debug, Clone)]
pub enum LogoutOutcome {
    /// The session was ended, or there was none. Redirect if a URL is given.
    Done {
        /// URL to redirect to.
        redirect: Option<String>,
        /// If a session was ended: the applications that the browser must notify in frames.
        told: Option<Vec<FrontChannelNotice>>,
    },
    /// The user must confirm the logout.
    Confirm {
        /// URL to redirect to after the confirmation.
        redirect: Option<String>,
        /// The requesting application, if it is known.
        app: Option<Arc<Application>>,
        /// Reason why the request can't be trusted, if so; then there is no redirect.
        untrusted: Option<&'static str>,
    },
}

/// An application to notify in a frame (front-channel logout).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontChannelNotice {
    /// Id of the stay that ends.
    pub sid: Sid,
    /// Name of the application for display.
    pub name: String,
    /// URL that the frame loads.
    pub uri: String,
    /// Origins to which this URL redirects.
    pub origins: Vec<String>,
}

/// Content of one of this server's ID tokens.
pub(crate) struct ReadIdToken {
    pub(crate) app: Arc<Application>,
    pub(crate) sub: String,
    pub(crate) sid: Option<Sid>,
}

struct Named {
    hint: Hint,
    app: Option<Arc<Application>>,
    mismatch: bool,
}

impl Engine {
    /// Decides about a logout request, and ends the browser's session if the decision table says so.
    ///
    /// # Errors
    /// [`EngineError`] if a read or the end fails.
    pub async fn rp_logout(
        &self,
        tenant: &Tenant,
        request: &LogoutRequest,
        present: Option<&Session>,
    ) -> Result<LogoutOutcome, EngineError> {
        let named = self.named(tenant, request, present).await?;
        let address = match (&request.post_logout_redirect_uri, &named.app) {
            (None, _) => Address::Absent,
            (Some(_), None) => Address::Unverifiable,
            (Some(uri), Some(app)) if app.settings.oidc.post_logout_redirect_uris.contains(uri) => {
                Address::Registered
            }
            (Some(_), Some(_)) => Address::NotRegistered,
        };
        let situation = LogoutSituation {
            hint: named.hint,
            client_mismatch: named.mismatch,
            address,
            session: present.is_some(),
        };
        // The redirect is followed only if all other parameters are valid too.
        let trusted = named.hint != Hint::NotOurs && !named.mismatch;
        let redirect = (address == Address::Registered && trusted)
            .then(|| request.post_logout_redirect_uri.clone())
            .flatten();
        match decide_logout(&situation) {
            LogoutDecision::Distrust(why) => {
                Ok(LogoutOutcome::Confirm { redirect: None, app: None, untrusted: Some(why) })
            }
            LogoutDecision::Confirm => {
                Ok(LogoutOutcome::Confirm { redirect, app: named.app, untrusted: None })
            }
            LogoutDecision::Done => Ok(LogoutOutcome::Done { redirect, told: None }),
            LogoutDecision::End => {
                let Some(session) = present else {
                    return Ok(LogoutOutcome::Done { redirect, told: None });
                };
                let actor =
                    named.app.map_or(Actor::User(session.user), |app| Actor::Application(app.id));
                let told = self.sign_out(tenant, session, EndReason::RpLogout, actor).await?;
                Ok(LogoutOutcome::Done { redirect, told: Some(told) })
            }
        }
    }

    /// Ends a session as a sign-out, and returns the applications that its browser must notify in frames.
    ///
    /// # Errors
    /// [`EngineError`] if a read or the end fails.
    pub async fn sign_out(
        &self,
        tenant: &Tenant,
        session: &Session,
        reason: EndReason,
        actor: Actor,
    ) -> Result<Vec<FrontChannelNotice>, EngineError> {
        // Read before the end: an application that is entered in between ends with the session, and is notified only
        // through the back channel.
        let told = self.front_channel(tenant, session).await?;
        let target = EndTarget::Session(session.user, session.id);
        // A sign-out in the browser spares offline grants (Back-Channel Logout 1.0 §2.7).
        let effects = Effects::SIGN_OUT;
        let plan = EndPlan { in_browser: true, effects, ..EndPlan::new(target, reason, actor) };
        self.carry_out_end(tenant, plan).await?;
        Ok(told)
    }

    /// The applications of a session that use front-channel logout (Front-Channel Logout 1.0 §2). Must be called
    /// before the session ends.
    ///
    /// # Errors
    /// [`EngineError`] if the database or signing fails.
    pub async fn front_channel(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<Vec<FrontChannelNotice>, EngineError> {
        let issuer = self.issuer(tenant);
        let mut told = Vec::new();
        for row in self.store.stays(tenant.id, session.id).await? {
            if row.ended_at.is_some() {
                continue;
            }
            let Some(app) = self.application(tenant.id, row.stay.app).await? else { continue };
            told.extend(self.saml_frames(tenant, &app, session, row.stay.sid).await?);
            let Some(uri) = &app.settings.oidc.frontchannel_logout_uri else { continue };
            let sid = row.stay.sid;
            let uri = if app.settings.oidc.frontchannel_logout_session_required {
                let sid = sid.to_string();
                sojourn_oidc::params::with_query(uri, &[("iss", &issuer), ("sid", &sid)])
            } else {
                uri.clone()
            };
            let origins = app.settings.oidc.frontchannel_logout_origins.clone();
            told.push(FrontChannelNotice { sid, name: app.name.clone(), uri, origins });
        }
        Ok(told)
    }

    async fn named(
        &self,
        tenant: &Tenant,
        request: &LogoutRequest,
        present: Option<&Session>,
    ) -> Result<Named, EngineError> {
        let by_client = match &request.client_id {
            None => None,
            Some(id) => Some(self.application_by_client(tenant.id, id).await?),
        };
        // An unsigned ID token proves nothing: the user is asked, as if there were none.
        let hint = request.id_token_hint.as_ref().filter(|token| !token.ends_with('.'));
        let Some(token) = hint else {
            let mismatch = matches!(by_client, Some(None));
            return Ok(Named { hint: Hint::Absent, app: by_client.flatten(), mismatch });
        };
        let Some(read) = self.read_id_token(tenant, token).await? else {
            return Ok(Named { hint: Hint::NotOurs, app: None, mismatch: false });
        };
        let mismatch =
            request.client_id.as_ref().is_some_and(|client_id| *client_id != read.app.client_id);
        let hint = self.whose(tenant, &read.sub, read.sid, present).await?;
        Ok(Named { hint, app: Some(read.app), mismatch })
    }

    /// Verifies one of this server's ID tokens, which may have expired.
    pub(crate) async fn read_id_token(
        &self,
        tenant: &Tenant,
        token: &str,
    ) -> Result<Option<ReadIdToken>, EngineError> {
        let keys = self.keys(tenant.id).await?;
        let Ok(claims) = sojourn_crypto::verify_jwt(keys.all(), "JWT", token) else {
            return Ok(None);
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let (Some(aud), Some(sub), Some(iss)) = (text("aud"), text("sub"), text("iss")) else {
            return Ok(None);
        };
        // A token with `events` is a logout token, and one without `auth_time` is signed userinfo: neither is an ID
        // token.
        if iss != self.issuer(tenant)
            || claims.get("events").is_some()
            || claims.get("auth_time").is_none()
        {
            return Ok(None);
        }
        let Some(app) = self.application_by_client(tenant.id, aud).await? else { return Ok(None) };
        let sid = text("sid").and_then(|sid| sid.parse().ok());
        Ok(Some(ReadIdToken { app, sub: sub.to_owned(), sid }))
    }

    /// Determines whether a hint belongs to this browser's session.
    async fn whose(
        &self,
        tenant: &Tenant,
        sub: &str,
        sid: Option<Sid>,
        present: Option<&Session>,
    ) -> Result<Hint, EngineError> {
        let Some(session) = present else { return Ok(Hint::NoSession) };
        let stays = self.store.stays(tenant.id, session.id).await?;
        let mine = stays.iter().any(|row| Some(row.stay.sid) == sid && row.stay.sub == sub);
        Ok(if mine { Hint::ThisSession } else { Hint::Another })
    }
}
