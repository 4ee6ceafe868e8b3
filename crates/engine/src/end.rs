//! The single entry point for ends: every end of a session in this program is an [`EndPlan`] that goes through here.

use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{
    ChangeSet, EndId, EndReason, EndSessions, EndSummary, EndTarget, Op, Outcome, Tenant, UserId,
};
use sojourn_store::EndPreview;

use crate::authority::Authority;
use crate::deliver::LEASE_MS;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rank::Concerned;
use crate::rights::Right;

/// The result of an end that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Id of the end, by which its ledger entries and deliveries are found.
    pub id: EndId,
    /// Numbers of sessions, tokens and deliveries affected.
    pub summary: EndSummary,
}

/// Maximum number of users that a row of the audit log names; the rest is only counted.
const NAMED_MAX: usize = 20;

/// The details of an end for the audit log: its effects, the number of users concerned, and the first of them.
pub(crate) fn end_detail(end: &EndSessions) -> serde_json::Value {
    let mut users: Vec<UserId> = Vec::new();
    for target in &end.targets {
        match target {
            EndTarget::User(user)
            | EndTarget::UserExcept(user, _)
            | EndTarget::Session(user, _)
            | EndTarget::ExpiredSession(user, _) => users.push(*user),
            EndTarget::Grant(_) => {}
        }
    }
    users.sort_unstable();
    users.dedup();
    let named: Vec<String> = users.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    serde_json::json!({ "effects": end.effects, "number": users.len(), "users": named })
}

impl Engine {
    fn checked(&self, tenant: &Tenant, plan: EndPlan) -> Result<EndSessions, EngineError> {
        if plan.targets.is_empty() {
            return Err(EngineError::Invalid("specify what to end".into()));
        }
        if plan.targets.len() > INLINE_END_USERS_MAX {
            return Err(EngineError::Invalid(format!(
                "at most {INLINE_END_USERS_MAX} targets at once"
            )));
        }
        if plan.effects.is_empty() {
            return Err(EngineError::Invalid("specify at least one effect".into()));
        }
        Ok(self.end_operation(tenant, plan))
    }

    /// Ends the sessions that a plan names, for an actor. When this returns, every node refuses the tokens, and the
    /// notices to applications are durable.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] if a target isn't the actor's own and they lack the right to end sessions or the
    /// rights of the user concerned; [`EngineError::SessionBoundTokens`] if the sessions' own tokens would be left
    /// behind; [`EngineError::Invalid`] if the plan is empty.
    pub async fn end_sessions(
        &self,
        tenant: &Tenant,
        plan: EndPlan,
        by: &Authority,
    ) -> Result<Ended, EngineError> {
        self.must_end(tenant, &plan, by).await?;
        self.carry_out_end(tenant, plan).await
    }

    /// Requires that an actor may end what a plan names: their own sessions, or those of users whose rights they hold.
    async fn must_end(
        &self,
        tenant: &Tenant,
        plan: &EndPlan,
        by: &Authority,
    ) -> Result<(), EngineError> {
        if by.is_program() {
            return Ok(());
        }
        let mut others = Vec::new();
        for target in &plan.targets {
            match target {
                EndTarget::User(user)
                | EndTarget::UserExcept(user, _)
                | EndTarget::Session(user, _)
                | EndTarget::ExpiredSession(user, _) => {
                    if !by.is(tenant, *user) {
                        others.push(*user);
                    }
                }
                // A grant doesn't say whose it is: only the use cases that have read it end it.
                EndTarget::Grant(_) => return Err(EngineError::Forbidden),
            }
        }
        if plan.actor != by.actor() {
            return Err(EngineError::Forbidden);
        }
        if others.is_empty() {
            return Ok(());
        }
        by.must(tenant, Right::SessionDelete)?;
        others.sort_unstable();
        others.dedup();
        self.must_outrank(tenant, by, Concerned::Users(&others)).await
    }

    /// Ends the sessions that a plan names, for a use case that has checked who may ask for it.
    pub(crate) async fn carry_out_end(
        &self,
        tenant: &Tenant,
        plan: EndPlan,
    ) -> Result<Ended, EngineError> {
        let administrative = matches!(plan.reason, EndReason::Admin);
        let mut end = self.checked(tenant, plan)?;
        if self.outbox.takes_more() {
            end.lease_ms = LEASE_MS;
        }
        let mut change = ChangeSet::new(tenant.id);
        if administrative {
            let detail = end_detail(&end);
            change.audit.push(self.audit_row(&end.actor, "session.end", end.id, &detail));
        }
        let id = end.id;
        change.ops.push(Op::EndSessions(end));
        self.apply_end(id, change).await
    }

    /// Applies a change set that contains an end; retries on a conflict.
    pub(crate) async fn apply_end(
        &self,
        id: EndId,
        change: ChangeSet,
    ) -> Result<Ended, EngineError> {
        for _ in 0..sojourn_model::limits::CONFLICT_RETRIES_MAX {
            match self.apply(change.clone()).await? {
                Outcome::Applied(applied) => return Ok(Ended { id, summary: applied.ended }),
                // On PostgreSQL, two ends conflicted. Retrying is safe, because the set doesn't depend on anything
                // that was read.
                Outcome::Conflict | Outcome::LastAdministrator => {}
                Outcome::SessionBoundTokens => return Err(EngineError::SessionBoundTokens),
                Outcome::Duplicate => return Err(EngineError::Contended),
            }
        }
        Err(EngineError::Contended)
    }

    /// Returns what a plan would do, without doing it.
    ///
    /// # Errors
    /// The same as [`Engine::end_sessions`], except that tokens left behind are part of the preview and not an error.
    pub async fn preview_end(
        &self,
        tenant: &Tenant,
        plan: EndPlan,
        by: &Authority,
    ) -> Result<EndPreview, EngineError> {
        self.must_end(tenant, &plan, by).await?;
        self.count_end(tenant, plan).await
    }

    /// Counts what a plan would do, for a use case that has checked who may ask for it.
    pub(crate) async fn count_end(
        &self,
        tenant: &Tenant,
        plan: EndPlan,
    ) -> Result<EndPreview, EngineError> {
        let end = self.checked(tenant, plan)?;
        Ok(self.store.preview_end(&end).await?)
    }
}
