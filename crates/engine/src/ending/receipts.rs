//! Responses of applications to the notices about an end.

use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{Delivery, DeliveryState, EndTarget, Millis, SessionId, Tenant};

use super::request::Concerned;
use crate::engine::Engine;
use crate::error::EngineError;

impl Concerned {
    pub(super) fn by(targets: &[EndTarget]) -> Self {
        let mut concerned = Self::default();
        for target in targets {
            match target {
                EndTarget::Session(_, id) | EndTarget::ExpiredSession(_, id) => {
                    concerned.sessions.push(*id);
                }
                EndTarget::User(user) | EndTarget::UserExcept(user, _) => {
                    concerned.users.push(*user);
                }
                EndTarget::Grant(_) => {}
            }
        }
        concerned
    }
}

impl Engine {
    /// Waits until no notice about an end is pending and returns the notices since a given time. The future may be
    /// dropped at any time.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn receipts(
        &self,
        tenant: &Tenant,
        concerned: &Concerned,
        since: Millis,
    ) -> Result<Vec<Delivery>, EngineError> {
        loop {
            // Registered before the query, so that a result that is stored in between wakes it.
            let settled = self.outbox.settled();
            tokio::pin!(settled);
            settled.as_mut().enable();
            let found = self.receipts_now(tenant, concerned, since).await?;
            if found.iter().all(|one| one.state != DeliveryState::Pending) {
                return Ok(found);
            }
            settled.await;
        }
    }

    /// The same as [`Engine::receipts`], without waiting.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn receipts_now(
        &self,
        tenant: &Tenant,
        concerned: &Concerned,
        since: Millis,
    ) -> Result<Vec<Delivery>, EngineError> {
        let mut sessions: Vec<SessionId> = concerned.sessions.clone();
        let (t, limit) = (tenant.id, SESSION_LIST_MAX);
        for ended in [true, false] {
            let of = self.store.sessions_of_users(t, &concerned.users, ended, limit).await?;
            sessions.extend(of.into_iter().map(|session| session.id));
        }
        let mut found = Vec::new();
        for session in sessions {
            let all = self.store.deliveries_of_session(t, session).await?;
            found.extend(all.into_iter().filter(|one| one.created_at >= since));
        }
        Ok(found)
    }
}
