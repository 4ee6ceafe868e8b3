//! Durable jobs: large pieces of work that go on where they stopped.

use serde::{Deserialize, Serialize};
use sojourn_model::change::Job;
use sojourn_model::limits::ROLE_JOB_BATCH;
use sojourn_model::{Actor, ChangeSet, EventName, Op, Outcome, RoleId, Tenant, TenantId, UserId};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::settings::RoleDirection;

/// How long a claimed job is nobody else's, in milliseconds. One step takes far less.
const LEASE_MS: i64 = 30_000;
/// Pause after a step that failed, in milliseconds.
const RETRY_MS: i64 = 5_000;

/// What a job is to do; kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Work {
    /// Take a role away from all its members, each in the transaction that ends that user's sessions;
    /// then remove the role. The memberships are the work list.
    RemoveRole {
        /// The role.
        role: RoleId,
        /// Who wanted it.
        actor: Actor,
    },
}

impl Engine {
    /// Takes a job that is due and does one step of it. Answers whether there was one.
    ///
    /// # Errors
    /// [`EngineError::Store`] when the job itself can't be read or written.
    pub async fn run_job_step(&self) -> Result<bool, EngineError> {
        let now = self.now();
        let claim = Op::ClaimJob { now, lease_until: now.plus(LEASE_MS) };
        let Outcome::Applied(applied) = self.apply(ChangeSet::of(TenantId::DEFAULT, claim)).await?
        else {
            return Ok(false);
        };
        let Some(job) = applied.jobs.into_iter().next() else { return Ok(false) };
        let (done, finished, due_at, error) = match self.step(&job).await {
            Ok((done, finished)) => (done, finished, self.now(), None),
            // Parked for a moment with its error, then tried again; it never gives up by itself.
            Err(error) => (0, false, self.now().plus(RETRY_MS), Some(error.to_string())),
        };
        let advance = Op::AdvanceJob { id: job.id, done, finished, due_at, error };
        self.apply(ChangeSet::of(job.tenant, advance)).await?;
        Ok(true)
    }

    async fn step(&self, job: &Job) -> Result<(i64, bool), EngineError> {
        let work: Work = serde_json::from_str(&job.payload)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let tenant = self.store.tenant(job.tenant).await?.ok_or(EngineError::NotFound("tenant"))?;
        match work {
            Work::RemoveRole { role, actor } => self.remove_role_step(&tenant, role, &actor).await,
        }
    }

    async fn remove_role_step(
        &self,
        tenant: &Tenant,
        role: RoleId,
        actor: &Actor,
    ) -> Result<(i64, bool), EngineError> {
        let members = self.store.role_members(tenant.id, role, ROLE_JOB_BATCH).await?;
        for user in &members {
            self.remove_member(tenant, role, *user, actor).await?;
        }
        let done = i64::try_from(members.len()).unwrap_or(0);
        if done == ROLE_JOB_BATCH {
            return Ok((done, false));
        }
        // Conflict: someone is still a member; the next step finds them.
        let outcome = self.apply(ChangeSet::of(tenant.id, Op::DeleteRole { role })).await?;
        let gone = matches!(outcome, Outcome::Applied(_))
            || self.store.role(tenant.id, role).await?.is_none();
        Ok((done, gone))
    }

    async fn remove_member(
        &self,
        tenant: &Tenant,
        role: RoleId,
        user: UserId,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        let mut change = ChangeSet::of(tenant.id, Op::UnassignRole { role, user });
        let event = EventName::PostUpdateUserListOfRole;
        if let Some(plan) = self.on_role_change(event, RoleDirection::Removed, &[user], actor) {
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        // A conflict: the member left by another way, and that way ended the sessions.
        if let Outcome::Applied(applied) = self.apply(change).await?
            && applied.ended.deliveries > 0
        {
            self.outbox.written();
        }
        Ok(())
    }
}
