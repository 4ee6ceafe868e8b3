//! Durable jobs: large pieces of work that resume where they stopped.

use sojourn_model::operation::JobChange;
use std::sync::atomic::Ordering;

use sojourn_model::limits::{JOB_SETS_MAX, ROLE_JOB_BATCH};
use sojourn_model::{
    Actor, ChangeSet, EndSummary, EventName, Job, JobAdvance, JobState, Millis, Op, Outcome,
    RoleId, Tenant, TenantId, UserId,
};

use crate::directory::REMOVAL;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::handlers::RoleChanged;
use crate::settings::RoleDirection;
use crate::work::{LEASE_MS, Work};

/// Pause after a failed step, in milliseconds.
const RETRY_MS: i64 = 5_000;

impl Engine {
    /// Claims a due job and runs one step of it. Returns whether there was one.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the job itself can't be read or written.
    pub async fn run_job_step(&self) -> Result<bool, EngineError> {
        let now = self.now();
        let claim = Op::Job(JobChange::Claim { now, lease_until: now.plus(LEASE_MS) });
        let Outcome::Applied(applied) = self.apply(ChangeSet::of(TenantId::DEFAULT, claim)).await?
        else {
            return Ok(false);
        };
        let Some(job) = applied.jobs.into_iter().next() else {
            self.at_job.store(false, Ordering::Relaxed);
            return Ok(false);
        };
        self.at_job.store(true, Ordering::Relaxed);
        let advance = match self.step(&job).await {
            Ok(advance) => advance,
            Err(error) => self.stumbled(&job, &error),
        };
        // A conflict means that the job was cancelled in the meantime.
        self.apply(ChangeSet::of(job.tenant, Op::Job(JobChange::Advance(advance)))).await?;
        self.job_moved.notify_waiters();
        Ok(true)
    }

    /// Returns whether this process is running a job. A job first ends sessions and notifies applications afterwards,
    /// so deliveries that can wait use less of the machine meanwhile.
    #[must_use]
    pub fn is_at_job(&self) -> bool {
        self.at_job.load(Ordering::Relaxed)
    }

    /// Prepares the job worker. With an embedded database, which no other server uses, it releases the leases that
    /// the previous run left behind.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn begin_jobs(&self) -> Result<(), EngineError> {
        if self.store.is_embedded() {
            self.must_apply(ChangeSet::of(TenantId::DEFAULT, Op::Job(JobChange::Release))).await?;
        }
        Ok(())
    }

    /// Retries a failed step after a pause, without limit; gives up if the step can never succeed.
    fn stumbled(&self, job: &Job, error: &EngineError) -> JobAdvance {
        let lasting = matches!(
            error,
            EngineError::SessionBoundTokens | EngineError::Invalid(_) | EngineError::NotFound(_)
        );
        let now = self.now();
        JobAdvance {
            id: job.id,
            done: 0,
            ended: EndSummary::default(),
            state: if lasting { JobState::Failed } else { JobState::Pending },
            progress: None,
            at: now,
            due_at: now.plus(RETRY_MS),
            lease_until: Millis(0),
            error: Some(error.to_string()),
        }
    }

    async fn step(&self, job: &Job) -> Result<JobAdvance, EngineError> {
        let work: Work = serde_json::from_str(&job.payload)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let tenant = self.store.tenant(job.tenant).await?.ok_or(EngineError::NotFound("tenant"))?;
        match work {
            Work::EndSessions(work) => self.end_job_step(&tenant, job, &work).await,
            Work::RemoveRole { role, actor } => {
                self.remove_role_step(&tenant, job, role, &actor).await
            }
            Work::EraseTenant { .. } => self.erase_tenant_step(&tenant, job).await,
        }
    }

    /// Resolves when a job of this process made progress.
    pub async fn job_moved(&self) {
        self.job_moved.notified().await;
    }

    /// Revokes a role from a batch of its members, in the transaction that ends their sessions and stores the job's
    /// progress; at the end deletes the role.
    async fn remove_role_step(
        &self,
        tenant: &Tenant,
        job: &Job,
        role_id: RoleId,
        actor: &Actor,
    ) -> Result<JobAdvance, EngineError> {
        let Some(role) = self.store.role(tenant.id, role_id).await? else {
            return Ok(JobAdvance {
                state: JobState::Done,
                ..self.goes_on(job, EndSummary::default())
            });
        };
        let mut after: Option<UserId> = serde_json::from_str(&job.progress).unwrap_or_default();
        let changed =
            RoleChanged { events: &REMOVAL, role: &role, direction: RoleDirection::Removed };
        let reaction = self.on_role_change(tenant, changed).await?;
        // The summary of an end is known after its transaction, so it is written with the next one.
        let mut ended = EndSummary::default();
        for _ in 0..JOB_SETS_MAX {
            let members =
                self.store.role_members_after(tenant.id, role_id, after, ROLE_JOB_BATCH).await?;
            let Some(last) = members.last().copied() else {
                let delete = ChangeSet::of(tenant.id, Op::DeleteRole { role: role_id });
                let gone = matches!(self.apply(delete).await?, Outcome::Applied(_));
                let advance = self.goes_on(job, ended);
                // A member joined before the cursor, although the role's state forbids it: start again.
                return Ok(if gone {
                    JobAdvance { state: JobState::Done, ..advance }
                } else {
                    JobAdvance { progress: Some("null".into()), ..advance }
                });
            };
            after = Some(last);
            let mut change = ChangeSet::new(tenant.id);
            if let Some(reaction) = &reaction {
                self.push_reaction(tenant, reaction, &members, actor, &mut change)?;
            }
            let data = serde_json::json!({
                "role-name": role.name, "NEW_USERS": [], "DELETED_USERS": members,
            });
            let event = EventName::PostUpdateUserListOfRole;
            change.events.push(self.role_event(role_id, event, actor, &data));
            let done = i64::try_from(members.len()).unwrap_or(0);
            change.ops.push(Op::UnassignRoleFromMany { role: role_id, users: members });
            change.ops.push(Op::Job(JobChange::Advance(JobAdvance {
                done,
                progress: serde_json::to_string(&after).ok(),
                lease_until: self.now().plus(LEASE_MS),
                ..self.goes_on(job, ended)
            })));
            ended = match self.apply(change).await? {
                Outcome::Applied(applied) => applied.ended,
                _ => return Err(EngineError::Contended),
            };
        }
        Ok(self.goes_on(job, ended))
    }
}
