//! Renaming a factor of one's own account.

use serde_json::json;
use sojourn_model::{
    Actor, ChangeSet, EventName, FactorChange, FactorId, Op, Outcome, Session, Tenant,
};

use super::{FactorRefused, named};
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Renames a factor of a session's user. The name proves nothing, so no fresh authentication is needed.
    ///
    /// # Errors
    /// [`FactorRefused::Gone`] if there is no such factor, [`EngineError::Invalid`] if the name isn't valid.
    pub async fn rename_factor(
        &self,
        tenant: &Tenant,
        session: &Session,
        id: FactorId,
        name: &str,
    ) -> Result<(), FactorRefused> {
        let name = named(name)?;
        let user = self.store.user(tenant.id, session.user).await.map_err(EngineError::from)?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let actor = Actor::User(user.id);
        let about = json!({ "factor": id.to_string(), "name": name });
        let rename = FactorChange::Rename { user: user.id, factor: id, name };
        let mut change = ChangeSet::of(tenant.id, Op::Factor(rename));
        change.audit.push(self.audit_row(&actor, "user.factor_rename", user.id, &about));
        let event = EventName::PostRenameFactor;
        change.events.push(self.factor_event(&user, event, &actor, about));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(FactorRefused::Gone),
        }
    }
}
