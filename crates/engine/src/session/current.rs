//! The session that a browser has.

use sojourn_crypto::sha256;
use sojourn_model::{Actor, EndTarget, Session, Tenant};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The live session that a cookie's secret opens. A session past its deadline is ended here, through
    /// the door, and isn't answered.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn current_session(
        &self,
        tenant: &Tenant,
        secret: &[u8],
    ) -> Result<Option<Session>, EngineError> {
        let now = self.now();
        let found = self.store.session_by_secret(tenant.id, &sha256(secret), now).await?;
        let Some(mut session) = found else { return Ok(None) };
        if let Some(touched) = self.touches.last(tenant.id, session.id) {
            session.last_access = session.last_access.max(touched);
            session.idle_deadline =
                session.idle_deadline.max(touched.plus(session.idle_timeout_ms));
        }
        let slack = self.settings.lifetimes.touch_flush_ms;
        if let Some(reason) = session.expired(now, slack) {
            let target = EndTarget::ExpiredSession(session.user, session.id);
            let plan = EndPlan::new(target, reason, Actor::System);
            // Contended: another node extended or ended it in this moment; either way not for us.
            match self.end_sessions(tenant, plan).await {
                Ok(_) | Err(EngineError::Contended) => {}
                Err(error) => return Err(error),
            }
            return Ok(None);
        }
        Ok(Some(session))
    }
}
