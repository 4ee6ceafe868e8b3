//! RP-Initiated Logout 1.0.

use std::sync::Arc;

use serde_json::Value;
use sojourn_model::{Actor, Application, Effects, EndReason, EndTarget, Session, Sid, Tenant};
use sojourn_oidc::logout::{Address, Hint};
use sojourn_oidc::{LogoutDecision, LogoutSituation, decide_logout};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

/// What a request to the end-session endpoint says.
#[derive(Debug, Clone, Default)]
pub struct LogoutRequest {
    /// An ID token of ours, expired or not.
    pub id_token_hint: Option<String>,
    /// The application.
    pub client_id: Option<String>,
    /// Where to go afterwards.
    pub post_logout_redirect_uri: Option<String>,
}

/// What it leads to.
#[derive(Debug, Clone)]
pub enum LogoutOutcome {
    /// It is done: the session was ended, or there was none. Go to the address, if one is given.
    Done {
        /// The address.
        redirect: Option<String>,
        /// Where a session was ended: whom to tell in frames.
        told: Option<Vec<FrontChannelNotice>>,
    },
    /// The person is to be asked.
    Confirm {
        /// Where to go afterwards.
        redirect: Option<String>,
        /// The application that asks, if it is known.
        app: Option<Arc<Application>>,
        /// Why the request can't be trusted, if it can't: then it leads nowhere.
        untrusted: Option<&'static str>,
    },
}

/// An application to be told in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontChannelNotice {
    /// The stay that ends.
    pub sid: Sid,
    /// What people call the application.
    pub name: String,
    /// What the frame loads.
    pub uri: String,
    /// Origins that this leads on to.
    pub origins: Vec<String>,
}

/// What an ID token of ours says of whom it was for.
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
    /// Decides about a logout request, and ends the browser's session where the table says so.
    ///
    /// # Errors
    /// [`EngineError`] when reading or ending fails.
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
            (Some(uri), Some(app)) if app.settings.post_logout_redirect_uris.contains(uri) => {
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
        // An address leads on only where all else that the request says is true as well.
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

    /// Ends one session as a sign-out does, and answers whom its browser has to tell in frames.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn sign_out(
        &self,
        tenant: &Tenant,
        session: &Session,
        reason: EndReason,
        actor: Actor,
    ) -> Result<Vec<FrontChannelNotice>, EngineError> {
        // Read before the end: whoever enters in between ends with the session, and is told by the other
        // channel alone.
        let told = self.front_channel(tenant, session).await?;
        let target = EndTarget::Session(session.user, session.id);
        // A sign-out in the browser spares offline grants (Back-Channel Logout 1.0 §2.7).
        let effects = Effects::SIGN_OUT;
        let plan = EndPlan { in_browser: true, effects, ..EndPlan::new(target, reason, actor) };
        self.end_sessions(tenant, plan).await?;
        Ok(told)
    }

    /// The applications that a session is living in and that listen in the browser (Front-Channel Logout 1.0
    /// §2). To be asked before the session ends.
    ///
    /// # Errors
    /// [`EngineError`]
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
            let Some(uri) = &app.settings.frontchannel_logout_uri else { continue };
            let sid = row.stay.sid;
            let uri = if app.settings.frontchannel_logout_session_required {
                let sid = sid.to_string();
                sojourn_oidc::params::with_query(uri, &[("iss", &issuer), ("sid", &sid)])
            } else {
                uri.clone()
            };
            let origins = app.settings.frontchannel_logout_origins.clone();
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
        // An unsigned ID token proves nothing: the person is asked, as without one.
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

    /// Reads an ID token of ours, expired or not.
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
        // A logout token has `events`; it is ours, but no ID token. Neither is signed userinfo.
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

    /// Whether a hint is for this browser's session.
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
