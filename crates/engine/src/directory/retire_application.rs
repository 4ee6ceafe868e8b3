//! Takes an application out of use.

use serde_json::json;
use sojourn_model::{
    Actor, Application, ChangeSet, EventName, Op, Outcome, RemovedApplication, Tenant,
};

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Disables an application, as it was read, and ends its stays. Its row is kept until all notices to it are
    /// delivered or given up.
    pub(crate) async fn retire_application(
        &self,
        tenant: &Tenant,
        app: &Application,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        let mut gone = app.clone();
        let removed = RemovedApplication { client_id: app.client_id.clone(), at: self.now().0 };
        gone.enabled = false;
        gone.client_id = format!("removed:{}", app.id);
        gone.settings.removed = Some(removed);
        let mut change = ChangeSet::of(tenant.id, Op::UpdateApplication(Box::new(gone.clone())));
        self.push_application_end(tenant, app.id, actor, &mut change).await?;
        let event = EventName::PostDeleteApplication;
        change.events.push(self.application_event(&gone, event, actor));
        let detail = json!({ "client_id": app.client_id });
        change.audit.push(self.audit_row(actor, "application.remove", app.id, &detail));
        match self.apply(change).await? {
            Outcome::Applied(_applied) => {
                self.catalog.changed(tenant.id);
                Ok(())
            }
            _ => Err(EngineError::Contended),
        }
    }
}
