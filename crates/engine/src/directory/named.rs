//! Roles and groups by name, and their events.

use sojourn_model::{Actor, EventName, Group, NewEvent, Role, RoleId, Subject, Tenant};

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    pub(crate) fn role_event(
        &self,
        role: RoleId,
        name: EventName,
        actor: &Actor,
        data: &serde_json::Value,
    ) -> NewEvent {
        NewEvent {
            subject: Subject::Role(role),
            name,
            actor: actor.clone(),
            at: self.now(),
            session: None,
            data: data.to_string(),
        }
    }

    /// Finds a role by name.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such role.
    pub async fn role_named(&self, tenant: &Tenant, name: &str) -> Result<Role, EngineError> {
        self.store.role_by_name(tenant.id, name).await?.ok_or(EngineError::NotFound("role"))
    }

    /// Finds a group by name.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such group.
    pub async fn group_named(&self, tenant: &Tenant, name: &str) -> Result<Group, EngineError> {
        self.store.group_by_name(tenant.id, name).await?.ok_or(EngineError::NotFound("group"))
    }
}
