//! The one door. Every end of a session in this program is an [`EndPlan`] that goes through here.

use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{
    Actor, AppId, ChangeSet, Effects, EndId, EndReason, EndSessions, EndSummary, EndTarget, Op,
    Outcome, Tenant,
};
use sojourn_store::EndPreview;

use crate::deliver::LEASE_MS;
use crate::engine::Engine;
use crate::error::EngineError;

/// What is to be ended, why and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndPlan {
    /// Sessions, users or grants. Empty is refused: "everything" can't be asked for by an omission.
    pub targets: Vec<EndTarget>,
    /// What to do to them.
    pub effects: Effects,
    /// The applications to which tokens, consents and notices are narrowed.
    pub applications: Option<Vec<AppId>>,
    /// Why the sessions end.
    pub reason: EndReason,
    /// Who ends the sessions.
    pub actor: Actor,
    /// Whether it is a sign-out in the browser, which spares what applications keep beyond it.
    pub in_browser: bool,
}

impl EndPlan {
    /// An end with the effects that its reason has by default.
    #[must_use]
    pub fn new(target: EndTarget, reason: EndReason, actor: Actor) -> Self {
        let effects = Effects::for_reason(&reason);
        Self {
            targets: vec![target],
            effects,
            applications: None,
            reason,
            actor,
            in_browser: false,
        }
    }
}

/// What an end did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Names the end.
    pub id: EndId,
    /// What it did.
    pub summary: EndSummary,
}

impl Engine {
    /// The operation for a plan.
    pub(crate) fn end_operation(&self, tenant: &Tenant, plan: EndPlan) -> EndSessions {
        // Nobody asked for the tokens of a session that simply ran out.
        let ran_out = matches!(plan.reason, EndReason::IdleTimeout | EndReason::Lifetime);
        EndSessions {
            spare_kept: plan.in_browser || ran_out,
            id: EndId::random(&*self.rng),
            tenant: tenant.id,
            targets: plan.targets,
            effects: plan.effects,
            applications: plan.applications,
            reason: plan.reason,
            actor: plan.actor,
            at: self.now(),
            issuer: self.issuer(tenant),
            delivery_lifetime_ms: self.settings.lifetimes.delivery_ms,
            slack_ms: self.settings.lifetimes.touch_flush_ms,
            lease_ms: 0,
        }
    }

    fn checked(&self, tenant: &Tenant, plan: EndPlan) -> Result<EndSessions, EngineError> {
        if plan.targets.is_empty() {
            return Err(EngineError::Invalid("name what is to be ended".into()));
        }
        if plan.targets.len() > INLINE_END_USERS_MAX {
            return Err(EngineError::Invalid(format!(
                "at most {INLINE_END_USERS_MAX} targets at once"
            )));
        }
        if plan.effects.is_empty() {
            return Err(EngineError::Invalid("name at least one effect".into()));
        }
        Ok(self.end_operation(tenant, plan))
    }

    /// Ends what a plan names. When this answers, every node refuses the tokens, and what applications
    /// have to be told is durable.
    ///
    /// # Errors
    /// [`EngineError::SessionBoundTokens`] when the sessions' own tokens would be left behind;
    /// [`EngineError::Invalid`] for an empty plan.
    pub async fn end_sessions(&self, tenant: &Tenant, plan: EndPlan) -> Result<Ended, EngineError> {
        let administrative = matches!(plan.reason, EndReason::Admin);
        let mut end = self.checked(tenant, plan)?;
        if self.outbox.takes_more() {
            end.lease_ms = LEASE_MS;
        }
        let mut change = ChangeSet::new(tenant.id);
        if administrative {
            let detail = serde_json::json!({
                "effects": end.effects,
                "targets": end.targets.iter().map(|target| format!("{target:?}")).collect::<Vec<_>>(),
            });
            change.audit.push(self.audit_row(&end.actor, "session.end", end.id, &detail));
        }
        let id = end.id;
        change.ops.push(Op::EndSessions(end));
        self.apply_end(id, change).await
    }

    /// Applies a change set with an end in it.
    pub(crate) async fn apply_end(
        &self,
        id: EndId,
        change: ChangeSet,
    ) -> Result<Ended, EngineError> {
        for _ in 0..sojourn_model::limits::CONFLICT_RETRIES_MAX {
            match self.apply(change.clone()).await? {
                Outcome::Applied(applied) => return Ok(Ended { id, summary: applied.ended }),
                // On PostgreSQL two ends that met; the set relies on nothing that was read.
                Outcome::Conflict | Outcome::LastAdministrator => {}
                Outcome::SessionBoundTokens => return Err(EngineError::SessionBoundTokens),
                Outcome::Duplicate => return Err(EngineError::Contended),
            }
        }
        Err(EngineError::Contended)
    }

    /// Says what a plan would do, and does nothing.
    ///
    /// # Errors
    /// As [`Engine::end_sessions`], but for a refusal: that is part of the answer.
    pub async fn preview_end(
        &self,
        tenant: &Tenant,
        plan: EndPlan,
    ) -> Result<EndPreview, EngineError> {
        let end = self.checked(tenant, plan)?;
        Ok(self.store.preview_end(&end).await?)
    }
}
