//! Removing factors, and ending the sessions that were started with them.

use serde_json::json;
use sojourn_model::limits::SESSION_LIST_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, FactorChange, FactorId, Millis,
    OnFactorRemoved, Op, Proofs, Session, Tenant, User, UserId,
};

use super::FactorRefused;
use crate::authority::Authority;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::News;
use crate::rights::Right;

/// The sessions that end when a factor is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndsWithFactor {
    /// Number of sessions, among the newest ones of the user.
    pub sessions: usize,
    /// Whether the session in which the factor is removed is among them.
    pub here: bool,
    /// The policy that decides this.
    pub policy: OnFactorRemoved,
    targets: Vec<EndTarget>,
}

/// What ends together with a factor.
struct Going<'a> {
    targets: Vec<EndTarget>,
    /// Whether the policy keeps the sessions.
    stay: bool,
    /// Returns whether a session was started with the factor.
    rests: &'a (dyn Fn(&Session) -> bool + Sync),
}

/// The sessions that were started with a factor. If there are more sessions than can be checked, all of them end.
fn targets(live: &[Session], rests: impl Fn(&Session) -> bool, user: UserId) -> Vec<EndTarget> {
    if usize::try_from(SESSION_LIST_MAX).is_ok_and(|most| live.len() >= most) {
        return vec![EndTarget::User(user)];
    }
    let resting = live.iter().filter(|one| rests(one));
    resting.map(|one| EndTarget::Session(user, one.id)).collect()
}

/// Returns whether a session was started with a second factor, now or when its browser was trusted.
#[must_use]
pub fn rests_on_second_factor(proofs: &Proofs) -> bool {
    proofs.has_second_factor() || proofs.trusts()
}

impl Engine {
    /// Returns what ends, according to the policy, when a user removes a factor in one of their sessions.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn ends_with_factor(
        &self,
        tenant: &Tenant,
        session: &Session,
        id: FactorId,
    ) -> Result<EndsWithFactor, EngineError> {
        let rests = |one: &Session| one.proofs.rest_on(id);
        let policy = self.policy(tenant, session.user, None).await?.on_factor_removed;
        let here = policy != OnFactorRemoved::Nothing && rests(session);
        let live = self.live_sessions(tenant, session.user).await?;
        let ends = |one: &&Session| match policy {
            OnFactorRemoved::Nothing => false,
            OnFactorRemoved::MadeWithIt => rests(one),
            OnFactorRemoved::All => here || one.id != session.id,
        };
        let going: Vec<&Session> = live.iter().filter(ends).collect();
        let user = session.user;
        let sessions = going.len();
        let targets = match policy {
            OnFactorRemoved::Nothing => Vec::new(),
            OnFactorRemoved::All if here => vec![EndTarget::User(user)],
            OnFactorRemoved::All => vec![EndTarget::UserExcept(user, session.id)],
            OnFactorRemoved::MadeWithIt => targets(&live, rests, user),
        };
        Ok(EndsWithFactor { sessions, here, policy, targets })
    }

    async fn live_sessions(
        &self,
        tenant: &Tenant,
        user: UserId,
    ) -> Result<Vec<Session>, EngineError> {
        let (now, slack_ms) = (self.now(), self.settings.lifetimes.touch_flush_ms);
        let live = self.store.sessions_of_user(tenant.id, user, now, slack_ms, SESSION_LIST_MAX);
        Ok(live.await?)
    }

    /// Removes a factor of a session's user, and ends what the policy names: by default the sessions that were
    /// started with it. The current session stays active unless it was started with the factor. Returns whether it
    /// stays.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`] unless the user authenticated a moment ago, [`FactorRefused::Gone`] if there is no
    /// such factor.
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
        let about = json!({ "factor": id.to_string(), "kind": factor.kind.as_str() });
        change.audit.push(self.audit_row(&actor, "user.factor_remove", user.id, &about));
        change.events.push(self.factor_event(&user, EventName::PostDeleteFactor, &actor, about));
        self.push_news(
            tenant,
            &user,
            News::FactorRemoved { name: &factor.name },
            session.id,
            &mut change,
        )
        .await?;
        let ends = self.ends_with_factor(tenant, session, id).await?;
        let stay = ends.policy == OnFactorRemoved::Nothing;
        let rests = |one: &Session| one.proofs.rest_on(id);
        let going = Going { targets: ends.targets, stay, rests: &rests };
        match self.end_with_factor(tenant, going, (&user, &actor), change).await {
            Err(EngineError::Contended) => Err(FactorRefused::Gone),
            done => done.map(|()| !ends.here).map_err(FactorRefused::from),
        }
    }

    /// Removes every second factor and recovery code of a user who has lost them, and ends the sessions that were
    /// started with a second factor. The user is notified by mail.
    ///
    /// # Errors
    /// [`EngineError`] if the caller lacks the right or the database fails.
    pub async fn reset_factors(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let actor = &by.actor();
        let all =
            FactorChange::RemoveSince { user: user.id, since: Millis(i64::MIN), named: Vec::new() };
        let mut change = ChangeSet::of(tenant.id, Op::Factor(all));
        let had = self.store.factors_of(tenant.id, user.id).await?.len();
        let about = json!({ "factors": had });
        change.audit.push(self.audit_row(actor, "user.factors_reset", user.id, &about));
        let event = EventName::PostResetFactorsByAdmin;
        change.events.push(self.factor_event(user, event, actor, about));
        let policy = self.policy(tenant, user.id, None).await?;
        // The operator needs a way to help the only administrator.
        let wait = match actor {
            Actor::Operator => None,
            _ => self.wait_of_recovery(tenant, user).await?,
        };
        let until = wait.as_ref().map(|(_, until)| *until);
        change.ops.extend(wait.map(|(wait, _)| Op::Factor(wait)));
        self.push_notice(tenant, user, News::FactorsReset { until }, &mut change).await?;
        let policy = policy.on_factor_removed;
        let rests = |one: &Session| rests_on_second_factor(&one.proofs);
        let stay = policy == OnFactorRemoved::Nothing;
        let targets = match policy {
            OnFactorRemoved::Nothing => Vec::new(),
            OnFactorRemoved::All => vec![EndTarget::User(user.id)],
            _ => targets(&self.live_sessions(tenant, user.id).await?, rests, user.id),
        };
        self.end_with_factor(tenant, Going { targets, stay, rests: &rests }, (user, actor), change)
            .await
    }

    /// Applies a change of factors together with the ends that it causes. The change increments the account's epoch,
    /// so that no session starts in the meantime.
    async fn end_with_factor(
        &self,
        tenant: &Tenant,
        Going { targets, stay, rests }: Going<'_>,
        (user, actor): (&User, &Actor),
        mut change: ChangeSet,
    ) -> Result<(), EngineError> {
        let mut targets = targets;
        loop {
            if targets.is_empty() {
                self.must_apply(change).await?;
            } else {
                let reason = EndReason::CredentialChanged;
                let all = EndPlan::new(EndTarget::User(user.id), reason, actor.clone());
                let end = self.end_operation(tenant, EndPlan { targets, ..all });
                let id = end.id;
                change.ops.push(Op::EndSessions(end));
                self.apply_end(id, change).await?;
            }
            if stay {
                return Ok(());
            }
            // A session may have started between reading and writing. From now on none does: the factor is removed,
            // and a sign-in that started before has an outdated epoch.
            targets = self::targets(&self.live_sessions(tenant, user.id).await?, rests, user.id);
            if targets.is_empty() {
                return Ok(());
            }
            change = ChangeSet::new(tenant.id);
        }
    }
}
