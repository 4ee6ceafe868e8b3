//! Rank: an actor who may not end someone's session must not cause or prevent its end indirectly either, through a
//! policy, a role, a group, a job or a handler's task.

use sojourn_model::{Actor, GroupId, Job, RoleId, Subject, Tenant, UserId};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;

/// Members of a role with more rights than the actor that are read per query.
const PAGE: i64 = 500;

/// The people that an action affects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Concerned<'a> {
    /// Everyone in the tenant.
    Everyone,
    /// The users with these ids.
    Users(&'a [UserId]),
    /// Everyone who has a role.
    Role(RoleId),
    /// Everyone who is in a group.
    Group(GroupId),
}

impl Engine {
    /// The current rights of an actor in a tenant. The program itself and commands on the server have every right.
    pub(crate) async fn rights_of_actor(
        &self,
        tenant: &Tenant,
        actor: &Actor,
    ) -> Result<Rights, EngineError> {
        match actor {
            Actor::System | Actor::Operator => Ok(Rights::of_scopes("internal_*")),
            Actor::User(user) => self.rights_of_user(tenant.id, *user).await,
            Actor::Application(app) => {
                let app = self.application(tenant.id, *app).await?;
                let scopes = app.map(|app| app.settings.oidc.own_scopes.join(" "));
                Ok(Rights::of_scopes(&scopes.unwrap_or_default()))
            }
        }
    }

    /// Fails if an action affects someone who has more rights than the actor.
    pub(crate) async fn must_outrank(
        &self,
        tenant: &Tenant,
        by: &Authority,
        concerned: Concerned<'_>,
    ) -> Result<(), EngineError> {
        let rights = by.rights();
        if rights.cover_everyone() {
            return Ok(());
        }
        if let Concerned::Users(users) = concerned {
            let covered = self.covered(tenant, rights, users.to_vec()).await?;
            let all = covered.len() == users.len();
            return if all { Ok(()) } else { Err(EngineError::Forbidden) };
        }
        // Few people have more rights than an administrator; many may have the role or be in the group.
        let above = |role: &&sojourn_model::Role| {
            !rights.cover(&Rights::of_roles(std::slice::from_ref(*role)))
        };
        for role in self.store.roles(tenant.id, None, i64::MAX).await?.iter().filter(above) {
            let mut after = None;
            loop {
                let some = self.store.role_members_after(tenant.id, role.id, after, PAGE).await?;
                let Some(last) = some.last().copied() else { break };
                after = Some(last);
                if self.any_among(tenant, concerned, &some).await? {
                    return Err(EngineError::Forbidden);
                }
            }
        }
        Ok(())
    }

    async fn any_among(
        &self,
        tenant: &Tenant,
        concerned: Concerned<'_>,
        users: &[UserId],
    ) -> Result<bool, EngineError> {
        Ok(match concerned {
            Concerned::Everyone => true,
            Concerned::Users(all) => users.iter().any(|user| all.contains(user)),
            Concerned::Role(role) => {
                let roles = self.store.roles_among(tenant.id, users).await?;
                roles.iter().any(|(_, has)| has.id == role)
            }
            Concerned::Group(group) => {
                !self.store.group_members_among(tenant.id, group, users).await?.is_empty()
            }
        })
    }

    /// Fails if a job was started by someone who has more rights than the actor.
    pub(crate) async fn must_outrank_job(
        &self,
        tenant: &Tenant,
        by: &Authority,
        job: &Job,
    ) -> Result<(), EngineError> {
        let begun_by: Actor = job.actor.parse().unwrap_or(Actor::System);
        let theirs = self.rights_of_actor(tenant, &begun_by).await?;
        if by.rights().cover(&theirs) { Ok(()) } else { Err(EngineError::Forbidden) }
    }

    /// Fails if an event is about someone who has more rights than the actor.
    pub(crate) async fn must_outrank_subject(
        &self,
        tenant: &Tenant,
        by: &Authority,
        subject: Subject,
    ) -> Result<(), EngineError> {
        let concerned = match &subject {
            Subject::User(user) => Concerned::Users(std::slice::from_ref(user)),
            Subject::Role(role) => Concerned::Role(*role),
            Subject::Group(group) => Concerned::Group(*group),
            Subject::Application(_) | Subject::Tenant(_) => Concerned::Everyone,
        };
        self.must_outrank(tenant, by, concerned).await
    }

    /// Keeps the users that the rights cover, in the original order.
    pub(crate) async fn covered(
        &self,
        tenant: &Tenant,
        rights: &Rights,
        mut users: Vec<UserId>,
    ) -> Result<Vec<UserId>, EngineError> {
        if rights.cover_everyone() {
            return Ok(users);
        }
        let mut above = std::collections::HashSet::new();
        for (user, role) in self.store.roles_among(tenant.id, &users).await? {
            if !rights.cover(&Rights::of_roles(std::slice::from_ref(&role))) {
                above.insert(user);
            }
        }
        users.retain(|user| !above.contains(user));
        Ok(users)
    }

    /// Fails if the target user has a right that `by` doesn't have.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`] if `by` lacks one of the target's rights.
    pub async fn must_cover(
        &self,
        tenant: &Tenant,
        by: &Authority,
        target: UserId,
    ) -> Result<(), EngineError> {
        self.must_stand_above(tenant, by.rights(), target).await
    }

    /// Fails if the target user has a right that isn't among `rights`, which a job stores.
    pub(crate) async fn must_stand_above(
        &self,
        tenant: &Tenant,
        rights: &Rights,
        target: UserId,
    ) -> Result<(), EngineError> {
        let target = self.rights_of_user(tenant.id, target).await?;
        if rights.cover(&target) { Ok(()) } else { Err(EngineError::Forbidden) }
    }
}
