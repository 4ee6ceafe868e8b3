//! Sessions as APIs and pages show them.

use std::sync::Arc;

use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{
    AppKind, Application, Delivery, Session, SessionId, SessionState, Tenant, UserId,
};
use sojourn_store::StayRow;

use crate::engine::Engine;
use crate::error::EngineError;

/// A session with its applications.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// The session.
    pub session: Session,
    /// Its stays, living ones of a living session, all of an ended one.
    pub stays: Vec<StayView>,
}

/// A stay with its application.
#[derive(Debug, Clone)]
pub struct StayView {
    /// The stay.
    pub row: StayRow,
    /// The application in which it stays.
    pub app: Arc<Application>,
}

impl SessionView {
    /// The stays in applications of the outside. WSO2's paths leave out sessions that have none.
    pub fn client_stays(&self) -> impl Iterator<Item = &StayView> {
        self.stays
            .iter()
            .filter(|stay| stay.app.kind == AppKind::Client && stay.row.ended_at.is_none())
    }

    /// The stays by which a session is found: the living ones of a living session, all of an ended one.
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

    /// A session with stays that were read already.
    pub(super) async fn view_of(
        &self,
        tenant: &Tenant,
        session: Session,
        rows: Vec<StayRow>,
    ) -> Result<SessionView, EngineError> {
        let mut stays = Vec::new();
        for row in rows {
            // A stay in an application that is gone isn't shown.
            if let Some(app) = self.application(tenant.id, row.stay.app).await? {
                stays.push(StayView { row, app });
            }
        }
        // Two stays may begin in the same millisecond; the order is the same at each look.
        stays.sort_by_key(|stay: &StayView| (stay.row.stay.first_access, stay.app.number));
        Ok(SessionView { session, stays })
    }

    /// A user's live sessions, newest sign-in first.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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

    /// One session, living or ended, with what applications were told of its end.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when this tenant has none of that id.
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

    /// A live session of one user.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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
