//! Adds a bulk sign-out to the change set that causes it.

use sojourn_model::operation::JobChange;
use sojourn_model::{
    Actor, AppId, ChangeSet, Effects, EndId, GroupId, JobId, JobKind, NewJob, Op, RoleId, UserId,
};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::reaction::Reaction;
use crate::work::{EndWork, Whom, Work};

impl Engine {
    /// Adds a job that applies a handler's reaction to many users.
    pub(crate) fn push_end_job(
        &self,
        reaction: &Reaction,
        users: &[UserId],
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let whom = Whom::Named { users: users.to_vec(), except: None, sessions: Vec::new() };
        self.push_job(reaction, whom, users.len(), actor, change)
    }

    /// Adds such a job for all members of a group.
    pub(crate) fn push_group_job(
        &self,
        reaction: &Reaction,
        group: (GroupId, usize),
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        self.push_job(reaction, Whom::Group(group.0), group.1, actor, change)
    }

    /// Adds such a job for everyone who has a role.
    pub(crate) fn push_role_job(
        &self,
        reaction: &Reaction,
        role: (RoleId, usize),
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        self.push_job(reaction, Whom::Role(role.0), role.1, actor, change)
    }

    pub(crate) fn push_job(
        &self,
        reaction: &Reaction,
        whom: Whom,
        total: usize,
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        self.push_job_in(reaction, (whom, None), total, actor, change)
    }

    pub(crate) fn push_job_in(
        &self,
        reaction: &Reaction,
        (whom, applications): (Whom, Option<Vec<AppId>>),
        total: usize,
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let work = Work::EndSessions(EndWork {
            end: EndId::random(&*self.rng).to_string(),
            whom,
            effects: reaction.effects.unwrap_or(Effects::NONE),
            applications,
            actor: actor.clone(),
            // An event affects everyone, independent of the actor who caused it.
            rights: "internal_*".into(),
            rate: None,
            begun_at: now.0,
            reason: Some(reaction.reason.to_string()),
            sign_in: reaction.sign_in,
        });
        let payload = serde_json::to_string(&work)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        change.ops.push(Op::Job(JobChange::Add(NewJob {
            id: JobId::random(&*self.rng),
            kind: JobKind::EndSessions,
            payload,
            total: i64::try_from(total).unwrap_or(i64::MAX),
            actor: actor.clone(),
            at: now,
        })));
        Ok(())
    }
}
