//! Removing factors: what a factor let in goes with it.

use serde_json::json;
use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, FactorChange, FactorId, Millis, Op, Session,
    Tenant, User,
};

use super::FactorRefused;
use crate::authority::Authority;
use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::mail::News;
use crate::rights::Right;

impl Engine {
    /// Removes a factor of a session's person, and ends the sessions that were made with it; the present one goes on where
    /// it doesn't rest on the factor. Answers whether it does.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`]; [`FactorRefused::Gone`] when there is no such factor.
    pub async fn remove_factor(
        &self,
        tenant: &Tenant,
        session: &Session,
        id: FactorId,
    ) -> Result<bool, FactorRefused> {
        let (user, factors) = self.fresh_user(tenant, session).await?;
        let factor = factors.iter().find(|one| one.id == id).ok_or(FactorRefused::Gone)?;
        let actor = Actor::User(user.id);
        let remove = Op::Factor(FactorChange::Remove { user: user.id, factor: id });
        let mut change = ChangeSet::of(tenant.id, remove);
        let rests_on_it = |one: &Session| one.proofs.rest_on(id);
        let about = json!({ "factor": id.to_string(), "kind": factor.kind.as_str() });
        change.audit.push(self.audit_row(&actor, "user.factor_remove", user.id, &about));
        change.events.push(self.factor_event(&user, EventName::PostDeleteFactor, &actor, about));
        self.push_news(
            tenant,
            &user,
            News::FactorRemoved { name: &factor.name },
            session,
            &mut change,
        )?;
        match self.end_made_with(tenant, &user, rests_on_it, &actor, change).await {
            Err(EngineError::Contended) => Err(FactorRefused::Gone),
            done => done.map(|()| !rests_on_it(session)).map_err(FactorRefused::from),
        }
    }

    /// Removes every second factor and recovery code of a user who has lost them, and ends the sessions that were made with
    /// a second factor. The user is notified by mail.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn reset_factors(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let actor = &by.actor();
        let all = FactorChange::RemoveSince { user: user.id, since: Millis(i64::MIN) };
        let mut change = ChangeSet::of(tenant.id, Op::Factor(all));
        let had = self.store.factors_of(tenant.id, user.id).await?.len();
        let about = json!({ "factors": had });
        change.audit.push(self.audit_row(actor, "user.factors_reset", user.id, &about));
        let event = EventName::PostResetFactorsByAdmin;
        change.events.push(self.factor_event(user, event, actor, about));
        self.push_notice(tenant, user, News::FactorsReset, &mut change)?;
        self.end_made_with(tenant, user, |one| one.proofs.has_second_factor(), actor, change).await
    }

    /// Applies a change of factors together with the end of the sessions that rest on them. The change moves the account's
    /// epoch, so that no session begins meanwhile.
    async fn end_made_with(
        &self,
        tenant: &Tenant,
        user: &User,
        rests: impl Fn(&Session) -> bool,
        actor: &Actor,
        mut change: ChangeSet,
    ) -> Result<(), EngineError> {
        let (now, slack_ms) = (self.now(), self.settings.lifetimes.touch_flush_ms);
        let live = self.store.sessions_of_user(tenant.id, user.id, now, slack_ms, SESSION_LIST_MAX);
        let live = live.await?;
        let targets: Vec<EndTarget> = live
            .iter()
            .filter(|session| rests(session))
            .map(|session| EndTarget::Session(session.user, session.id))
            .collect();
        if targets.is_empty() {
            return self.must_apply(change).await.map(|_| ());
        }
        let reason = EndReason::CredentialChanged;
        let plan =
            EndPlan { targets, ..EndPlan::new(EndTarget::User(user.id), reason, actor.clone()) };
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        // The factors first: a session that began before is among those read, or its sign-in meets another epoch.
        change.ops.push(Op::EndSessions(end));
        self.apply_end(id, change).await.map(|_| ())
    }
}
