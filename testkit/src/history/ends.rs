//! Ends of every kind, while clients are running.

use std::sync::Arc;

use sojourn_engine::directory::{GroupWrite, Members, RoleChange, RoleWrite};
use sojourn_engine::tokens::{BindingProof, TokenError};
use sojourn_engine::{Authority, EndPlan, Engine, EngineError};
use sojourn_model::{
    Actor, AppId, EndReason, EndTarget, Group, Role, SessionId, UserId, UserState,
};

use super::{Dice, Known, KnownGrant, Moment, World};

/// The sessions and grants that an end takes.
enum Takes {
    /// These sessions and their grants, whenever those were created; the flag says whether offline grants are included.
    Sessions(Vec<SessionId>, bool),
    /// Sessions and grants that users had when the end began; the flag says whether offline grants are included.
    Users(Vec<UserId>, bool),
    /// Sessions and grants that a user had, except one session; the flag says whether offline grants are included.
    UserExcept(UserId, SessionId, bool),
    /// Grants that a user had given to an application.
    Given(UserId, AppId),
    /// One grant, by its index.
    Grant(usize),
}

impl Known {
    /// Returns what ended a session, if its end has returned and takes such a grant.
    pub(crate) fn ended(&self, session: SessionId, offline: bool) -> Option<&'static str> {
        let one = self.sessions.iter().rev().find(|one| one.id == session)?;
        one.ended_by.filter(|(_, with_offline)| *with_offline || !offline).map(|(by, _)| by)
    }

    /// Marks what an end took that began at `began` and has returned; returns the indexes of the grants.
    fn mark(&mut self, takes: &Takes, began: Moment, by: &'static str) -> Vec<usize> {
        let (sessions, offline) = match takes {
            Takes::Sessions(ids, offline) => (ids.clone(), *offline),
            Takes::Users(users, offline) => {
                (self.sessions_of(began, |user, _| users.contains(&user)), *offline)
            }
            Takes::UserExcept(user, spared, offline) => {
                (self.sessions_of(began, |of, id| of == *user && id != *spared), *offline)
            }
            Takes::Given(..) | Takes::Grant(_) => (Vec::new(), true),
        };
        for one in self.sessions.iter_mut().filter(|one| sessions.contains(&one.id)) {
            let before = one.ended_by.is_some_and(|(_, offline)| offline);
            one.ended_by = Some((by, before || offline));
        }
        // A grant is only created in an active session, so everything that a session has was there before it ended.
        let taken = |at: usize, one: &KnownGrant| {
            let by_name = match takes {
                Takes::Users(users, _) => users.contains(&one.user) && one.born < began,
                Takes::UserExcept(user, spared, _) => {
                    one.user == *user && one.session != *spared && one.born < began
                }
                Takes::Given(user, app) => one.user == *user && one.app == *app && one.born < began,
                Takes::Grant(grant) => at == *grant,
                Takes::Sessions(..) => false,
            };
            (sessions.contains(&one.session) || by_name) && (offline || !one.offline)
        };
        let mut marked = Vec::new();
        for (at, one) in self.grants.iter_mut().enumerate() {
            if one.ended_by.is_none() && taken(at, one) {
                one.ended_by = Some(by);
                marked.push(at);
            }
        }
        marked
    }

    fn sessions_of(
        &self,
        began: Moment,
        fits: impl Fn(UserId, SessionId) -> bool,
    ) -> Vec<SessionId> {
        let all = self.sessions.iter().filter(|one| one.born < began && fits(one.user, one.id));
        all.map(|one| one.id).collect()
    }
}

struct Organisation {
    role: Role,
    group: Group,
}

/// Executes random ends repeatedly.
pub(crate) async fn ends(world: Arc<World>, mut dice: Dice) {
    let engine = world.nodes.engine(0);
    let number = dice.below(u64::MAX);
    let tenant = &world.nodes.tenant;
    let role = engine.add_role(tenant, &format!("role-{number}"), "", &Authority::system()).await;
    let carried =
        engine.add_role(tenant, &format!("carried-{number}"), "", &Authority::system()).await;
    let (role, carried) = (role.expect("a role"), carried.expect("a role"));
    let name = format!("group-{number}");
    let group =
        engine.add_group(tenant, &name, None, &[], &Authority::system()).await.expect("a group");
    let write = RoleWrite { groups_add: vec![group.id], ..RoleWrite::default() };
    engine
        .change_role_set(tenant, carried.id, &write, &Authority::system())
        .await
        .expect("carried");
    let organisation = Organisation { role, group };
    while !world.over() {
        if let Err(error) = one(&world, &mut dice, &organisation).await
            && !matches!(error, EngineError::Contended)
        {
            world.failed("an end", &error);
        }
        #[expect(clippy::disallowed_methods, reason = "something has to be there to be ended")]
        tokio::time::sleep(std::time::Duration::from_millis(dice.below(30))).await;
    }
}

async fn one(
    world: &World,
    dice: &mut Dice,
    organisation: &Organisation,
) -> Result<(), EngineError> {
    let engine = world.nodes.engine(usize::from(dice.below(2) == 1));
    let person = dice.one(&world.nodes.people).id;
    let session = world.known(|known| {
        let newest: Vec<_> =
            known.sessions.iter().rev().take(12).map(|one| (one.user, one.id)).collect();
        (!newest.is_empty()).then(|| *dice.one(&newest))
    });
    let Some((of, session)) = session else { return Ok(()) };
    let began = world.now();
    let (takes, by) = match dice.below(11) {
        0 | 1 => {
            let first = world.known(|known| {
                let one = known.sessions.iter_mut().rev().find(|one| one.id == session);
                one.is_some_and(|one| !std::mem::replace(&mut one.aimed_at, true))
            });
            if !first {
                return Ok(());
            }
            let offline = dice.below(2) == 0;
            let reason = if offline { EndReason::Admin } else { EndReason::RpLogout };
            end(world, engine, vec![EndTarget::Session(of, session)], reason).await?;
            (Takes::Sessions(vec![session], offline), "session: one")
        }
        2 | 3 => {
            end(world, engine, vec![EndTarget::User(person)], EndReason::Admin).await?;
            (Takes::Users(vec![person], true), "session: by user")
        }
        4 => {
            let users: Vec<UserId> = world.nodes.people.iter().map(|one| one.id).take(3).collect();
            let targets = users.iter().map(|user| EndTarget::User(*user)).collect();
            end(world, engine, targets, EndReason::Admin).await?;
            (Takes::Users(users, true), "session: several users")
        }
        5 => {
            let target = EndTarget::UserExcept(of, session);
            end(world, engine, vec![target], EndReason::Admin).await?;
            (Takes::UserExcept(of, session, true), "session: all but one")
        }
        6 | 9 => match revoke(world, engine, dice).await? {
            Some(grant) => (Takes::Grant(grant), "revocation"),
            None => return Ok(()),
        },
        7 => {
            let app = world.nodes.registered(if dice.below(2) == 0 { "shared" } else { "bound" });
            engine.withdraw_consent(&world.nodes.tenant, person, app.id).await?;
            (Takes::Given(person, app.id), "approval withdrawn")
        }
        8 => {
            if !by_role(world, engine, dice, organisation, person).await? {
                return Ok(());
            }
            (Takes::Users(vec![person], true), "session: by role")
        }
        _ => {
            let user = engine.reads(world.nodes.tenant.id).user(person).await?;
            let Some(user) = user else { return Ok(()) };
            let tenant = &world.nodes.tenant;
            let state = UserState::Disabled;
            engine.set_user_state(tenant, &user, state, &Authority::system()).await?;
            check(world, &Takes::Users(vec![person], true), began, "session: account off").await;
            let user = engine.reads(tenant.id).user(person).await?.unwrap_or(user);
            let state = UserState::Active;
            // Nothing from before comes back with the account.
            engine.set_user_state(tenant, &user, state, &Authority::system()).await?;
            (Takes::Users(vec![person], true), "session: account off and on")
        }
    };
    check(world, &takes, began, by).await;
    Ok(())
}

/// After an end has returned, nothing that it took may work on any node.
async fn check(world: &World, takes: &Takes, began: Moment, by: &'static str) {
    world.did(by);
    for grant in world.known(|known| known.mark(takes, began, by)) {
        world.must_be_dead(grant, "right after").await;
    }
}

async fn end(
    world: &World,
    engine: &Engine,
    targets: Vec<EndTarget>,
    reason: EndReason,
) -> Result<(), EngineError> {
    let mut plan = EndPlan::new(targets[0], reason, Actor::System);
    plan.targets = targets;
    plan.effects.offline = plan.reason == EndReason::Admin;
    engine.end_sessions(&world.nodes.tenant, plan, &Authority::system()).await.map(|_| ())
}

/// Revokes the newest refresh token of some grant.
async fn revoke(
    world: &World,
    engine: &Engine,
    dice: &mut Dice,
) -> Result<Option<usize>, EngineError> {
    let found = world.known(|known| {
        let all = known.grants.iter().enumerate().rev();
        let alive = all.filter(|(_, one)| one.ended_by.is_none() && !one.refresh.is_empty());
        let some: Vec<_> = alive
            .take(5)
            .map(|(at, one)| (at, one.client_id, one.refresh.last().cloned().unwrap_or_default()))
            .collect();
        (!some.is_empty()).then(|| dice.one(&some).clone())
    });
    let Some((grant, client_id, token)) = found else { return Ok(None) };
    let app = world.nodes.registered(client_id);
    match engine.revoke(&world.nodes.tenant, app, &token, &BindingProof::default()).await {
        Ok(()) => Ok(Some(grant)),
        Err(TokenError::Failed(error)) => Err(error),
        Err(TokenError::Refused(error)) => Err(EngineError::Invalid(error.to_string())),
    }
}

/// Removes a role, directly or with a group that carries it; returns whether there was one to remove.
async fn by_role(
    world: &World,
    engine: &Engine,
    dice: &mut Dice,
    organisation: &Organisation,
    person: UserId,
) -> Result<bool, EngineError> {
    let tenant = &world.nodes.tenant;
    let Organisation { role, group } = organisation;
    let Some(user) = engine.reads(tenant.id).user(person).await? else { return Ok(false) };
    if dice.below(2) == 0 {
        let has = engine.reads(tenant.id).role_members_among(role.id, &[person]).await?;
        let change = if has.is_empty() { RoleChange::Assign } else { RoleChange::Unassign };
        return engine
            .change_role(tenant, role, &user, change, &Authority::system())
            .await
            .map(|_| true);
    }
    let has = engine.reads(tenant.id).group_members_among(group.id, &[person]).await?;
    let members = if has.is_empty() {
        Members::Change { add: vec![person], remove: vec![] }
    } else {
        Members::Change { add: vec![], remove: vec![person] }
    };
    let write = GroupWrite { name: None, external_id: None, members, if_version: None };
    engine.change_group(tenant, group.id, &write, &Authority::system()).await.map(|_| true)
}
