//! A bulk sign-out as a job: it walks through the sessions that matched when it started, newest first, or through the
//! members of a role or group, and stores its progress in the transaction of each end.

use serde::{Deserialize, Serialize};
use sojourn_model::limits::{INLINE_END_USERS_MAX, JOB_SETS_MAX};
use sojourn_model::operation::JobChange;
use sojourn_model::{
    Actor, AppId, ChangeSet, Effects, EndId, EndReason, EndSummary, EndTarget, Job, JobAdvance,
    JobId, JobKind, JobState, Millis, NewJob, Op, Outcome, SessionId, Tenant, UserId,
};
use sojourn_store::Place;

use super::request::{EndAnswer, EndRequest, EndTargets};
use crate::authority::Authority;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::reaction::Reaction;
use crate::rights::{Right, Rights};
use crate::session::Position;
use crate::work::{EndWork, LEASE_MS, Whom, Work};

/// Progress of a job; stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    /// The session that was processed last.
    session: Option<(i64, SessionId)>,
    /// The member that was processed last.
    user: Option<UserId>,
    /// Number of listed targets that were processed.
    listed: usize,
}

/// Targets of one transaction of the job, and the position of the next one.
struct Portion {
    targets: Vec<EndTarget>,
    /// Number of targets that were processed, whether they could be ended or not.
    counted: usize,
    next: Option<Progress>,
}

impl Portion {
    /// A batch of users from a list; if the batch is full, the list may continue.
    fn of_users(looked_at: &[UserId], size: usize, concerned: Vec<UserId>) -> Self {
        let next = (looked_at.len() == size)
            .then(|| Progress { user: looked_at.last().copied(), ..Progress::default() });
        let targets = concerned.into_iter().map(EndTarget::User).collect();
        Self { targets, counted: looked_at.len(), next }
    }
}

impl Engine {
    pub(super) async fn begin_end_job(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<EndAnswer, EngineError> {
        let (whom, total) = self.whom(tenant, request).await?;
        let now = self.now();
        let id = JobId::random(&*self.rng);
        let work = Work::EndSessions(EndWork {
            end: EndId::random(&*self.rng).to_string(),
            whom,
            effects: request.effects,
            applications: request.applications.clone(),
            actor: request.by.actor(),
            rights: request.by.rights().as_scopes(),
            rate: request.rate,
            begun_at: now.0,
            reason: None,
            sign_in: false,
        });
        let payload = serde_json::to_string(&work)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let detail = serde_json::json!({
            "effects": request.effects, "targets": format!("{:?}", request.targets), "job": id.to_string(),
        });
        let job = NewJob {
            id,
            kind: JobKind::EndSessions,
            payload,
            total: i64::try_from(total).unwrap_or(i64::MAX),
            actor: request.by.actor(),
            at: now,
        };
        let mut change = ChangeSet::of(tenant.id, Op::Job(JobChange::Add(job)));
        change.audit.push(self.audit_row(&request.by.actor(), "session.end_job", id, &detail));
        self.keep_request(request, &id.to_string(), &mut change);
        self.must_apply(change).await?;
        let job = self.store.job(tenant.id, id).await?.ok_or(EngineError::NotFound("job"))?;
        Ok(EndAnswer::Job(Box::new(job)))
    }

    /// Adds a job that ends every session of a tenant.
    pub(crate) async fn push_everyone_job(
        &self,
        tenant: &Tenant,
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let total = self.store.user_count(tenant.id).await?;
        let reason = EndReason::AccountDisabled;
        let effects = Effects::for_reason(&reason);
        let reaction = Reaction { effects: Some(effects), sign_in: false, reason };
        let total = usize::try_from(total).unwrap_or(0);
        self.push_job(&reaction, Whom::Everyone, total, actor, change)
    }

    /// Ends all stays in an application that is being deleted, and their tokens; directly if there are few.
    pub(crate) async fn push_application_end(
        &self,
        tenant: &Tenant,
        app: AppId,
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let filter = format!("application_id eq \"{app}\"");
        let reason = EndReason::ApplicationRemoved;
        let effects = Effects { session: false, notify: true, ..Effects::SIGN_OUT };
        let request = EndRequest {
            effects,
            applications: Some(vec![app]),
            ..EndRequest::new(EndTargets::Query(filter.clone()), Authority::system())
        };
        match self.resolve(tenant, &request, INLINE_END_USERS_MAX).await? {
            super::targets::Resolved::All(targets) if targets.is_empty() => {}
            super::targets::Resolved::All(targets) => {
                let applications = Some(vec![app]);
                let actor = actor.clone();
                let plan =
                    EndPlan { targets, effects, applications, reason, actor, in_browser: false };
                change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
            }
            super::targets::Resolved::Large => {
                let total = self.sessions_concerned(tenant, &request).await?.count;
                let total = usize::try_from(total).unwrap_or(0);
                let reaction = Reaction { effects: Some(effects), sign_in: false, reason };
                let only = (Whom::Filter(filter), Some(vec![app]));
                self.push_job_in(&reaction, only, total, actor, change)?;
            }
        }
        Ok(())
    }

    async fn whom(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<(Whom, u64), EngineError> {
        Ok(match &request.targets {
            EndTargets::Role(name) => {
                let role = self.role_named(tenant, name).await?;
                let members = self.store.role_member_count(tenant.id, role.id).await?;
                (Whom::Role(role.id), members.unsigned_abs())
            }
            EndTargets::Group(name) => {
                let group = self.group_named(tenant, name).await?;
                let members = self.store.group_member_count(tenant.id, group.id).await?;
                (Whom::Group(group.id), members.unsigned_abs())
            }
            EndTargets::Query(filter) => {
                let total = self.sessions_concerned(tenant, request).await?;
                (Whom::Filter(filter.clone()), total.count)
            }
            EndTargets::Named(_) => {
                let (mut users, mut except, mut sessions) = (Vec::new(), None, Vec::new());
                let resolved = self.resolve(tenant, request, INLINE_END_USERS_MAX).await?;
                let super::Resolved::All(targets) = resolved else {
                    return Err(EngineError::Invalid("too many at once".into()));
                };
                let total = targets.len();
                for target in targets {
                    match target {
                        EndTarget::User(user) => users.push(user),
                        EndTarget::UserExcept(user, spared) => {
                            users.push(user);
                            except = Some(spared);
                        }
                        EndTarget::Session(user, id) | EndTarget::ExpiredSession(user, id) => {
                            sessions.push((user, id));
                        }
                        EndTarget::Grant(_) => {
                            let why = "grants are ended immediately, without a job";
                            return Err(EngineError::Invalid(why.into()));
                        }
                    }
                }
                let total = u64::try_from(total).unwrap_or(u64::MAX);
                (Whom::Named { users, except, sessions }, total)
            }
        })
    }

    /// Runs such a job for a while, and returns its state.
    pub(crate) async fn end_job_step(
        &self,
        tenant: &Tenant,
        job: &Job,
        work: &EndWork,
    ) -> Result<JobAdvance, EngineError> {
        let mut progress: Progress = serde_json::from_str(&job.progress).unwrap_or_default();
        // The summary of an end is known after its transaction, so it is written with the next one.
        let mut ended = EndSummary::default();
        for _ in 0..JOB_SETS_MAX {
            let portion = self.portion(tenant, work, &progress).await?;
            let now = self.now();
            let mut advance = JobAdvance {
                id: job.id,
                done: i64::try_from(portion.counted).unwrap_or(0),
                ended,
                state: JobState::Pending,
                progress: None,
                at: now,
                due_at: now,
                lease_until: now.plus(LEASE_MS),
                error: None,
            };
            let Some(next) = portion.next else {
                ended += self.end_portion(tenant, work, portion.targets, None).await?;
                return Ok(JobAdvance {
                    ended,
                    state: JobState::Done,
                    lease_until: Millis(0),
                    ..advance
                });
            };
            advance.progress = serde_json::to_string(&next).ok();
            progress = next;
            let counted = portion.counted;
            ended = self.end_portion(tenant, work, portion.targets, Some(advance.clone())).await?;
            if let Some(rate) = work.rate {
                let pause = i64::try_from(counted).unwrap_or(0) * 1000 / i64::from(rate.max(1));
                let due_at = now.plus(pause);
                let (done, lease_until) = (0, Millis(0));
                return Ok(JobAdvance { done, ended, due_at, lease_until, ..advance });
            }
        }
        Ok(self.goes_on(job, ended))
    }

    async fn end_portion(
        &self,
        tenant: &Tenant,
        work: &EndWork,
        targets: Vec<EndTarget>,
        advance: Option<JobAdvance>,
    ) -> Result<EndSummary, EngineError> {
        let mut change = ChangeSet::new(tenant.id);
        if work.sign_in {
            change.ops.extend(targets.iter().filter_map(|target| match target {
                EndTarget::User(user) => Some(Op::DemandSignIn { user: *user }),
                _ => None,
            }));
        }
        if !targets.is_empty() && !work.effects.is_empty() {
            let reason = work.reason.as_deref().and_then(|reason| reason.parse().ok());
            let plan = EndPlan {
                targets,
                effects: work.effects,
                applications: work.applications.clone(),
                reason: reason.unwrap_or(EndReason::Admin),
                actor: work.actor.clone(),
                in_browser: false,
            };
            let mut end = self.end_operation(tenant, plan);
            end.id = work.end.parse().unwrap_or(end.id);
            change.ops.push(Op::EndSessions(end));
        }
        // If the job was cancelled in the meantime, this conflicts and nothing else ends.
        change.ops.extend(advance.map(|one| Op::Job(JobChange::Advance(one))));
        if change.ops.is_empty() {
            return Ok(EndSummary::default());
        }
        match self.apply(change).await? {
            Outcome::Applied(applied) => Ok(applied.ended),
            Outcome::SessionBoundTokens => Err(EngineError::SessionBoundTokens),
            Outcome::Conflict | Outcome::Duplicate | Outcome::LastAdministrator => {
                Err(EngineError::Contended)
            }
        }
    }

    async fn portion(
        &self,
        tenant: &Tenant,
        work: &EndWork,
        progress: &Progress,
    ) -> Result<Portion, EngineError> {
        let size = work.rate.map_or(INLINE_END_USERS_MAX, |rate| {
            usize::try_from(rate).unwrap_or(1).clamp(1, INLINE_END_USERS_MAX)
        });
        let rights = Rights::of_scopes(&work.rights);
        match &work.whom {
            Whom::Named { users, except: None, sessions } if sessions.is_empty() => {
                let here: Vec<UserId> =
                    users.iter().skip(progress.listed).take(size).copied().collect();
                let counted = here.len();
                let listed = progress.listed + counted;
                let next =
                    (listed < users.len()).then(|| Progress { listed, ..Progress::default() });
                // Some of them may have been deleted in the meantime.
                let there = self.store.users_there(tenant.id, &here).await?;
                let covered = self.covered(tenant, &rights, there).await?;
                let targets = covered.into_iter().map(EndTarget::User).collect();
                Ok(Portion { targets, counted, next })
            }
            Whom::Named { users, except, sessions } => {
                let user = |user: &UserId| match except {
                    Some(spared) => EndTarget::UserExcept(*user, *spared),
                    None => EndTarget::User(*user),
                };
                let sessions = sessions.iter().map(|(user, id)| EndTarget::Session(*user, *id));
                let targets: Vec<EndTarget> = users.iter().map(user).chain(sessions).collect();
                Ok(Portion { counted: targets.len(), targets, next: None })
            }
            Whom::Everyone => {
                let after = match progress.user {
                    Some(user) => self.store.user(tenant.id, user).await?,
                    None => None,
                };
                let (limit, order) =
                    (i64::try_from(size).unwrap_or(1), sojourn_store::UserOrder::Age);
                let users =
                    self.store.users_after(tenant.id, order, false, after.as_ref(), limit).await?;
                let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
                Ok(Portion::of_users(&ids, size, ids.clone()))
            }
            Whom::Role(_) | Whom::Group(_) => {
                let limit = i64::try_from(size).unwrap_or(1);
                let after = progress.user;
                let members = match &work.whom {
                    Whom::Group(group) => {
                        self.store.group_members_after(tenant.id, *group, after, limit).await?
                    }
                    Whom::Role(role) => {
                        self.store.role_members_after(tenant.id, *role, after, limit).await?
                    }
                    _ => Vec::new(),
                };
                let covered = self.covered(tenant, &rights, members.clone()).await?;
                Ok(Portion::of_users(&members, size, covered))
            }
            Whom::Filter(filter) => self.portion_found(tenant, work, progress, filter, size).await,
        }
    }

    /// The next sessions that match a filter.
    async fn portion_found(
        &self,
        tenant: &Tenant,
        work: &EndWork,
        progress: &Progress,
        filter: &str,
        size: usize,
    ) -> Result<Portion, EngineError> {
        let place = match &progress.session {
            Some((at, id)) => Place { at: Millis(*at), id: id.to_vec() },
            None => Place { at: Millis(work.begun_at).plus(1), id: Vec::new() },
        };
        let position = Position::Before(place);
        let rights = Rights::of_scopes(&work.rights);
        let names = self.names_to_end(tenant, filter, &rights, position, size).await?;
        let next = names.older.map(|place| {
            let session = SessionId::from_slice(&place.id);
            let session = session.ok().map(|id| (place.at.0, id));
            Progress { session, ..Progress::default() }
        });
        let counted = names.found.len();
        let found = names.found.into_iter();
        let targets = found.map(|(user, id)| EndTarget::Session(user, id)).collect();
        Ok(Portion { targets, counted, next })
    }

    /// Cancels a job. What it has ended stays ended.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if no such job is active, [`EngineError::Invalid`] if the job must be completed,
    /// [`EngineError::Forbidden`] if someone with more rights started it.
    pub async fn cancel_job(
        &self,
        tenant: &Tenant,
        id: JobId,
        by: &Authority,
    ) -> Result<Job, EngineError> {
        by.must(tenant, Right::SessionDelete)?;
        let actor = &by.actor();
        let job = self.store.job(tenant.id, id).await?.ok_or(EngineError::NotFound("job"))?;
        if job.kind == JobKind::EraseTenant && job.state == JobState::Pending {
            let why = "the deletion of a tenant can't be cancelled";
            return Err(EngineError::Invalid(why.into()));
        }
        if job.kind == JobKind::RemoveRole && job.state == JobState::Pending {
            let why = "the removal of a role can't be cancelled";
            return Err(EngineError::Invalid(why.into()));
        }
        if job.state == JobState::Pending {
            self.must_outrank_job(tenant, by, &job).await?;
            let mut change =
                ChangeSet::of(tenant.id, Op::Job(JobChange::Cancel { id, at: self.now() }));
            let detail = serde_json::json!({ "done": job.done, "total": job.total });
            change.audit.push(self.audit_row(actor, "job.cancel", id, &detail));
            // A conflict means that the job finished at the same time.
            self.apply(change).await?;
        }
        self.store.job(tenant.id, id).await?.ok_or(EngineError::NotFound("job"))
    }
}
