//! Applies change sets: the reactions and tasks of handlers, the hand-over to the workers, the audit log.

use serde_json::Value;
use sojourn_model::operation::DeliveryChange;
use sojourn_model::operation::JobChange;
use sojourn_model::operation::MailChange;
use sojourn_model::{Applied, ChangeSet, Op, Outcome, Tenant, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;

const LAST_ADMINISTRATOR: &str = "this would leave nobody who may do everything: give the role 'admin' to someone \
                                  else first";

/// Notes in the audit log's rows of a change which end belongs to it, by which the log finds what followed.
fn name_end(change: &mut ChangeSet) {
    let end = change.ops.iter().find_map(|op| match op {
        Op::EndSessions(end) if !change.audit.is_empty() => Some(end.id.to_string()),
        _ => None,
    });
    let Some(end) = end else { return };
    for row in &mut change.audit {
        let Ok(Value::Object(mut detail)) = serde_json::from_str(&row.detail) else { continue };
        detail.insert("end".into(), end.clone().into());
        row.detail = Value::Object(detail).to_string();
    }
}

impl Engine {
    pub(crate) async fn apply(&self, mut change: ChangeSet) -> Result<Outcome, EngineError> {
        if !self.settings.handlers.is_empty() {
            self.engage_handlers(&mut change).await?;
        }
        name_end(&mut change);
        let audit = change.audit.clone();
        let adds_job = change.ops.iter().any(|op| matches!(op, Op::Job(JobChange::Add(_))));
        let adds_task = self.adds_task(&change);
        let adds_mail = change.ops.iter().any(|op| matches!(op, Op::Mail(MailChange::Add(_))));
        let claims =
            change.ops.iter().any(|op| matches!(op, Op::Delivery(DeliveryChange::Claim { .. })));
        let mut outcome = self.store.apply(change).await?;
        if let Outcome::Applied(applied) = &mut outcome
            && !claims
        {
            // This process delivers what an end wrote with a lease.
            let handed = std::mem::take(&mut applied.deliveries);
            self.outbox.written_or_handed(applied.ended.deliveries, handed);
        }
        if outcome == Outcome::LastAdministrator {
            // No use case handles this outcome in another way.
            return Err(EngineError::Protected(LAST_ADMINISTRATOR));
        }
        if matches!(outcome, Outcome::Applied(_)) {
            self.changes.notify_waiters();
            if adds_job {
                self.jobs.notify_one();
            }
            if adds_task {
                self.tasks.send_replace(());
            }
            if adds_mail {
                self.mail.notify_one();
            }
            for row in audit {
                tracing::info!(
                    audit.actor = %row.actor,
                    audit.action = row.action,
                    audit.target = row.target,
                    "administrative act"
                );
            }
        }
        Ok(outcome)
    }

    /// Returns whether a change set may write a task of a handler. Waking the worker for nothing costs a transaction.
    fn adds_task(&self, change: &ChangeSet) -> bool {
        let subscribed = |name| self.task_rules.iter().any(|rule| rule.event == name);
        !self.task_rules.is_empty()
            && (change.events.iter().any(|event| subscribed(event.name))
                || change.ops.iter().any(|op| match op {
                    Op::Append(event) => subscribed(event.name),
                    Op::StartSession { .. } | Op::RenewSession { .. } | Op::EndSessions(_) => true,
                    _ => false,
                }))
    }

    /// Adds the handlers' reactions to the events of a change set, and their tasks.
    async fn engage_handlers(&self, change: &mut ChangeSet) -> Result<(), EngineError> {
        let appends = change.ops.iter().any(|op| matches!(op, Op::Append(_)));
        if (appends || !change.events.is_empty())
            && let Some(tenant) = self.tenant_of(change).await?
        {
            self.react(&tenant, change)?;
        }
        change.tasks = self.task_rules.clone();
        Ok(())
    }

    async fn tenant_of(&self, change: &ChangeSet) -> Result<Option<Tenant>, EngineError> {
        match change.tenant {
            Some(TenantId::DEFAULT) => Ok(Some(Tenant::default_one())),
            Some(id) => Ok(self.store.tenant(id).await?),
            None => Ok(None),
        }
    }

    /// Applies a change set that doesn't depend on anything that others may change.
    pub(crate) async fn must_apply(&self, change: ChangeSet) -> Result<Applied, EngineError> {
        match self.apply(change).await? {
            Outcome::Applied(applied) => Ok(applied),
            Outcome::Conflict => Err(EngineError::Contended),
            Outcome::Duplicate => Err(EngineError::Exists("it")),
            Outcome::SessionBoundTokens => Err(EngineError::SessionBoundTokens),
            Outcome::LastAdministrator => Err(EngineError::Protected(LAST_ADMINISTRATOR)),
        }
    }
}
