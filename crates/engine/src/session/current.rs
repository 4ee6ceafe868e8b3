//! The session of a browser, found by its cookie.

use sojourn_crypto::sha256;
use sojourn_model::{Actor, AppId, EndTarget, Participation, Session, Tenant};

use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The active session that a cookie's secret belongs to. A session past its deadline is ended here, through
    /// [`Engine::end_sessions`], and isn't returned.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn current_session(
        &self,
        tenant: &Tenant,
        secret: &[u8],
    ) -> Result<Option<Session>, EngineError> {
        let found = self.store.session_by_secret(tenant.id, &sha256(secret), self.now()).await?;
        match found {
            Some(session) => self.if_live(tenant, session).await,
            None => Ok(None),
        }
    }

    /// The same with its stay in an application, in a single query.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn current_session_in(
        &self,
        tenant: &Tenant,
        secret: &[u8],
        app: AppId,
    ) -> Result<Option<(Session, Option<Participation>)>, EngineError> {
        let now = self.now();
        let found = self.store.session_and_stay(tenant.id, &sha256(secret), app, now).await?;
        let Some((session, stay)) = found else { return Ok(None) };
        Ok(self.if_live(tenant, session).await?.map(|session| (session, stay)))
    }

    async fn if_live(
        &self,
        tenant: &Tenant,
        mut session: Session,
    ) -> Result<Option<Session>, EngineError> {
        let now = self.now();
        if let Some(touched) = self.touches.last(tenant.id, session.id) {
            session.last_access = session.last_access.max(touched);
            session.idle_deadline =
                session.idle_deadline.max(touched.plus(session.idle_timeout_ms));
        }
        let slack = self.settings.lifetimes.touch_flush_ms;
        if let Some(reason) = session.expired(now, slack) {
            let target = EndTarget::ExpiredSession(session.user, session.id);
            let plan = EndPlan::new(target, reason, Actor::System);
            // Contended: another node extended or ended the session at the same time; either way it isn't returned.
            match self.carry_out_end(tenant, plan).await {
                Ok(_) | Err(EngineError::Contended) => {}
                Err(error) => return Err(error),
            }
            return Ok(None);
        }
        Ok(Some(session))
    }
}
