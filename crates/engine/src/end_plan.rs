//! What is to be ended, and the operation that the store applies for it.

use sojourn_model::{Actor, AppId, Effects, EndId, EndReason, EndSessions, EndTarget, Tenant};

use crate::engine::Engine;

/// What to end, for what reason and for which actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndPlan {
    /// Sessions, users or grants. An empty list is refused, so that an omission can't mean "everything".
    pub targets: Vec<EndTarget>,
    /// What happens to the targets: which of sessions, tokens and consents end.
    pub effects: Effects,
    /// Applications to which the effects on tokens, consents and notices are limited; `None` means all.
    pub applications: Option<Vec<AppId>>,
    /// Reason that the ledger and the applications' notices give.
    pub reason: EndReason,
    /// Actor who ends the sessions.
    pub actor: Actor,
    /// Whether this is a sign-out in the browser, which spares the tokens that applications keep beyond the session.
    pub in_browser: bool,
}

impl EndPlan {
    /// A plan for one target, with the default effects of the reason.
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

impl Engine {
    /// Converts a plan to the operation that the store applies.
    pub(crate) fn end_operation(&self, tenant: &Tenant, plan: EndPlan) -> EndSessions {
        // Nobody asked to end the tokens of a session that timed out.
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
}
