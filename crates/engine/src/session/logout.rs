//! RP-Initiated Logout 1.0.

use std::sync::Arc;

use serde_json::Value;
use sojourn_model::{Actor, Application, EndReason, EndTarget, Session, Sid, Tenant};
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
        /// Whether a session was ended here.
        ended: bool,
    },
    /// The person is to be asked.
    Confirm {
        /// Where to go afterwards.
        redirect: Option<String>,
        /// The application that asks, if it is known.
        app: Option<Arc<Application>>,
    },
    /// Nothing was ended; the text says what is wrong.
    Refused(&'static str),
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
        let redirect = (address == Address::Registered)
            .then(|| request.post_logout_redirect_uri.clone())
            .flatten();
        match decide_logout(&situation) {
            LogoutDecision::Refuse(why) => Ok(LogoutOutcome::Refused(why)),
            LogoutDecision::Confirm => Ok(LogoutOutcome::Confirm { redirect, app: named.app }),
            LogoutDecision::Done => Ok(LogoutOutcome::Done { redirect, ended: false }),
            LogoutDecision::End => {
                if let Some(session) = present {
                    let actor = named
                        .app
                        .map_or(Actor::User(session.user), |app| Actor::Application(app.id));
                    self.sign_out(tenant, session, EndReason::RpLogout, actor).await?;
                }
                Ok(LogoutOutcome::Done { redirect, ended: true })
            }
        }
    }

    /// Ends one session as a sign-out does.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn sign_out(
        &self,
        tenant: &Tenant,
        session: &Session,
        reason: EndReason,
        actor: Actor,
    ) -> Result<(), EngineError> {
        let target = EndTarget::Session(session.user, session.id);
        self.end_sessions(tenant, EndPlan::new(target, reason, actor)).await.map(|_| ())
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
        let Some(token) = &request.id_token_hint else {
            let mismatch = matches!(by_client, Some(None));
            return Ok(Named { hint: Hint::Absent, app: by_client.flatten(), mismatch });
        };
        let keys = self.keys(tenant.id).await?;
        let not_ours = Named { hint: Hint::NotOurs, app: None, mismatch: false };
        let Ok(claims) = sojourn_crypto::verify_jwt(&keys.keys, "JWT", token) else {
            return Ok(not_ours);
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let issuer = self.issuer(tenant);
        // A logout token has `events`; it is ours, but no ID token.
        let (Some(aud), Some(sub), Some(iss)) = (text("aud"), text("sub"), text("iss")) else {
            return Ok(not_ours);
        };
        if iss != issuer || claims.get("events").is_some() {
            return Ok(not_ours);
        }
        let app = self.application_by_client(tenant.id, aud).await?;
        let mismatch =
            app.is_none() || request.client_id.as_deref().is_some_and(|client_id| client_id != aud);
        let sid = text("sid").and_then(|sid| sid.parse().ok());
        let hint = self.whose(tenant, sub, sid, present).await?;
        Ok(Named { hint, app, mismatch })
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
