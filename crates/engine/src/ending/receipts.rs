//! Responses of applications to the notices about an end.

use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{
    AppId, Delivery, DeliveryState, EndId, EndTarget, Millis, SessionId, SessionState, Tenant,
    UserId,
};

use super::request::Concerned;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;

/// The state of two that needs more attention.
fn worse(one: DeliveryState, other: DeliveryState) -> DeliveryState {
    let rank = |state: DeliveryState| match state {
        DeliveryState::Delivered => 0,
        DeliveryState::Unreachable => 1,
        DeliveryState::Pending => 2,
        DeliveryState::Refused | DeliveryState::Dead => 3,
    };
    if rank(one) >= rank(other) { one } else { other }
}

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

/// What followed an act: the sessions that its end included, and the notices about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// Number of sessions that ended; at most [`FOLLOWED_MAX`].
    pub sessions: usize,
    /// The applications that were notified, each once, with the state of the notice that went worst.
    pub applications: Vec<(AppId, DeliveryState)>,
}

/// Maximum number of sessions of one end that are looked at for [`Engine::followed`].
pub const FOLLOWED_MAX: usize = 20;

impl Engine {
    /// What followed an end that concerned these users, as far as the history still has it and as far as somebody with
    /// these rights may see it.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn followed(
        &self,
        tenant: &Tenant,
        end: EndId,
        users: &[UserId],
        rights: &Rights,
    ) -> Result<Followed, EngineError> {
        let (t, limit) = (tenant.id, SESSION_LIST_MAX);
        let users = self.covered(tenant, rights, users.to_vec()).await?;
        if users.is_empty() {
            return Ok(Followed::default());
        }
        let mut found = self.store.sessions_of_users(t, &users, true, limit).await?;
        found.retain(|one| matches!(&one.state, SessionState::Ended { end: of, .. } if *of == end));
        found.truncate(FOLLOWED_MAX);
        let mut followed = Followed { sessions: found.len(), applications: Vec::new() };
        for session in found {
            for delivery in self.store.deliveries_of_session(t, session.id).await? {
                let known = followed.applications.iter_mut().find(|(app, _)| *app == delivery.app);
                match known {
                    Some((_, state)) => *state = worse(*state, delivery.state),
                    None => followed.applications.push((delivery.app, delivery.state)),
                }
            }
        }
        Ok(followed)
    }

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
