//! Sessions in the form that APIs and pages show.

use std::sync::Arc;

use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{
    AppKind, Application, Delivery, Session, SessionId, SessionState, Tenant, UserId,
};
use sojourn_store::StayRow;

use crate::engine::Engine;
use crate::error::EngineError;

/// A session with the applications that it entered.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// The session, active or ended.
    pub session: Session,
    /// Stays of the session: only active ones if the session is active, otherwise all.
    pub stays: Vec<StayView>,
}

/// A stay with its application.
#[derive(Debug, Clone)]
pub struct StayView {
    /// The stay as it is stored, with its start and end.
    pub row: StayRow,
    /// The application that the stay belongs to.
    pub app: Arc<Application>,
}

impl SessionView {
    /// The active stays in external applications. WSO2's endpoints omit sessions that have none.
    pub fn client_stays(&self) -> impl Iterator<Item = &StayView> {
        self.stays
            .iter()
            .filter(|stay| stay.app.kind == AppKind::Client && stay.row.ended_at.is_none())
    }

    /// The stays by which a session is found: only active ones if the session is active, otherwise all.
    pub(super) fn known_stays(&self, clients_only: bool) -> impl Iterator<Item = &StayView> {
        let living = self.session.state == SessionState::Living;
        self.stays.iter().filter(move |stay| {
            (!clients_only || stay.app.kind == AppKind::Client)
                && (!living || stay.row.ended_at.is_none())
        })
    }
}

impl Engine {
    pub(super) async fn view(
        &self,
        tenant: &Tenant,
        session: Session,
    ) -> Result<SessionView, EngineError> {
        let rows = self.store.stays(tenant.id, session.id).await?;
        self.view_of(tenant, session, rows).await
    }

    /// Combines a session with stays that were read already.
    pub(super) async fn view_of(
        &self,
        tenant: &Tenant,
        session: Session,
        rows: Vec<StayRow>,
    ) -> Result<SessionView, EngineError> {
        let mut stays = Vec::new();
        for row in rows {
            // Stays in deleted applications aren't shown.
            if let Some(app) = self.application(tenant.id, row.stay.app).await? {
                stays.push(StayView { row, app });
            }
        }
        // Two stays may start in the same millisecond, and their order must be stable.
        stays.sort_by_key(|stay: &StayView| (stay.row.stay.first_access, stay.app.number));
        Ok(SessionView { session, stays })
    }

    /// A user's active sessions, sorted by newest sign-in first.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn sessions_of_user(
        &self,
        tenant: &Tenant,
        user: UserId,
    ) -> Result<Vec<SessionView>, EngineError> {
        let slack = self.settings.lifetimes.touch_flush_ms;
        let now = self.now();
        let found =
            self.store.sessions_of_user(tenant.id, user, now, slack, SESSION_LIST_MAX).await?;
        let mut views = Vec::with_capacity(found.len());
        for session in found {
            views.push(self.view(tenant, session).await?);
        }
        Ok(views)
    }

    /// A session, active or ended, with the deliveries about its end.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the tenant has no session with this id.
    pub async fn session_with_deliveries(
        &self,
        tenant: &Tenant,
        id: SessionId,
    ) -> Result<(SessionView, Vec<Delivery>), EngineError> {
        let session =
            self.store.session(tenant.id, id).await?.ok_or(EngineError::NotFound("session"))?;
        let deliveries = self.store.deliveries_of_session(tenant.id, id).await?;
        Ok((self.view(tenant, session).await?, deliveries))
    }

    /// An active session of a given user.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn session_of_user(
        &self,
        tenant: &Tenant,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<SessionView>, EngineError> {
        let slack = self.settings.lifetimes.touch_flush_ms;
        let found = self.store.session(tenant.id, id).await?;
        match found {
            Some(session) if session.user == user && session.is_live(self.now(), slack) => {
                self.view(tenant, session).await.map(Some)
            }
            _ => Ok(None),
        }
    }
}
