//! Selects the matching sessions: conditions that need no query are checked first, and data is read for many sessions
//! at a time.

use std::collections::HashMap;

use sojourn_model::{Millis, Role, Session, SessionId, Tenant, User, UserId};
use sojourn_store::{Place, StayRow};

use super::filter::Known;
use super::{Position, SearchPage, SearchRefused, SessionQuery};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;
use crate::session::list::SessionView;

/// Number of sessions that are checked together.
pub(super) const BATCH: usize = 25;

struct Person {
    user: User,
    roles: Vec<Role>,
    groups: Vec<String>,
}

pub(in crate::session) struct Sieve<'a> {
    engine: &'a Engine,
    tenant: &'a Tenant,
    query: &'a SessionQuery<'a>,
    /// Users with their roles and groups; `None` for users with more rights than the caller.
    people: HashMap<UserId, Option<Person>>,
    now: Millis,
}

impl<'a> Sieve<'a> {
    pub(in crate::session) fn new(
        engine: &'a Engine,
        tenant: &'a Tenant,
        query: &'a SessionQuery<'a>,
    ) -> Self {
        Self { engine, tenant, query, people: HashMap::new(), now: engine.now() }
    }

    fn known<'s>(&self, session: &'s Session) -> Known<'s> {
        let slack = self.engine.settings.lifetimes.touch_flush_ms;
        Known {
            session,
            user: None,
            roles: None,
            groups: None,
            view: None,
            live: session.is_live(self.now, slack),
            clients_only: self.query.filter.clients_only(),
        }
    }

    fn may_pass(&self, known: &Known<'_>) -> bool {
        self.query.filter.decide(known) != Some(false)
    }

    async fn meet(&mut self, sessions: &[Session]) -> Result<(), EngineError> {
        let mut strangers: Vec<UserId> = sessions.iter().map(|session| session.user).collect();
        strangers.retain(|user| !self.people.contains_key(user));
        strangers.sort_unstable();
        strangers.dedup();
        let all = self.query.rights.cover_everyone();
        let store = &self.engine.store;
        let mut roles: HashMap<UserId, Vec<Role>> = HashMap::new();
        if !all || self.query.filter.names_roles() {
            for (user, role) in store.roles_among(self.tenant.id, &strangers).await? {
                roles.entry(user).or_default().push(role);
            }
        }
        let mut groups: HashMap<UserId, Vec<String>> = HashMap::new();
        if self.query.filter.names_groups() {
            for (user, _, name) in store.groups_among(self.tenant.id, &strangers).await? {
                groups.entry(user).or_default().push(name);
            }
        }
        for user in store.users_among(self.tenant.id, &strangers).await? {
            let roles = roles.remove(&user.id).unwrap_or_default();
            let groups = groups.remove(&user.id).unwrap_or_default();
            let covered = all || self.query.rights.cover(&Rights::of_roles(&roles));
            self.people.insert(user.id, covered.then_some(Person { user, roles, groups }));
        }
        for user in strangers {
            // The ledger still has sessions of deleted accounts; callers with every right see them.
            self.people.entry(user).or_insert_with(|| {
                all.then(|| Person {
                    user: User::deleted(self.tenant.id, user),
                    roles: Vec::new(),
                    groups: Vec::new(),
                })
            });
        }
        Ok(())
    }

    /// The sessions that match as far as this is known without their stays.
    async fn likely(&mut self, mut sessions: Vec<Session>) -> Result<Vec<Session>, EngineError> {
        sessions.retain(|session| self.may_pass(&self.known(session)));
        self.meet(&sessions).await?;
        sessions.retain(|session| match self.people.get(&session.user) {
            Some(Some(person)) => {
                let (user, roles) = (Some(&person.user), Some(&*person.roles));
                let groups = Some(&*person.groups);
                self.may_pass(&Known { user, roles, groups, ..self.known(session) })
            }
            _ => false,
        });
        Ok(sessions)
    }

    /// The matching sessions with their data for display, in the original order.
    pub(in crate::session) async fn sift(
        &mut self,
        sessions: Vec<Session>,
    ) -> Result<Vec<(User, SessionView)>, EngineError> {
        let likely = self.likely(sessions).await?;
        let ids: Vec<SessionId> = likely.iter().map(|session| session.id).collect();
        let mut stays: HashMap<SessionId, Vec<StayRow>> = HashMap::new();
        for row in self.engine.store.stays_among(self.tenant.id, &ids).await? {
            stays.entry(row.stay.session).or_default().push(row);
        }
        let mut found = Vec::new();
        for session in likely {
            let Some(Some(person)) = self.people.get(&session.user) else { continue };
            let rows = stays.remove(&session.id).unwrap_or_default();
            let view = self.engine.view_of(self.tenant, session, rows).await?;
            let (user, roles) = (Some(&person.user), Some(&*person.roles));
            let (groups, view_of) = (Some(&*person.groups), Some(&view));
            let known = Known { user, roles, groups, view: view_of, ..self.known(&view.session) };
            if self.query.filter.decide(&known) == Some(true) {
                found.push((person.user.clone(), view));
            }
        }
        Ok(found)
    }

    /// The ids of the matching sessions, in the original order. Stays are read only if the result depends on them.
    pub(super) async fn names(
        &mut self,
        sessions: &[Session],
    ) -> Result<Vec<(UserId, SessionId)>, EngineError> {
        let mut names = Vec::new();
        for some in sessions.chunks(BATCH) {
            let likely = self.likely(some.to_vec()).await?;
            let clear = likely.iter().all(|session| {
                let person = self.people.get(&session.user).and_then(Option::as_ref);
                let (user, roles) = (person.map(|one| &one.user), person.map(|one| &*one.roles));
                let groups = person.map(|one| &*one.groups);
                let known = Known { user, roles, groups, ..self.known(session) };
                self.query.filter.decide(&known).is_some()
            });
            if clear {
                names.extend(likely.iter().map(|session| (session.user, session.id)));
            } else {
                let sifted = self.sift(likely).await?;
                names.extend(sifted.iter().map(|(user, view)| (user.id, view.session.id)));
            }
        }
        Ok(names)
    }

    /// Number of matching sessions.
    pub(super) async fn count(&mut self, sessions: &[Session]) -> Result<u64, EngineError> {
        Ok(u64::try_from(self.names(sessions).await?.len()).unwrap_or(u64::MAX))
    }

    /// The page at the query's position, from a complete list of candidates with their sign-in times.
    pub(super) async fn page_of_placed(
        &mut self,
        placed: Vec<(Millis, SessionId)>,
        limit: usize,
    ) -> Result<SearchPage, SearchRefused> {
        let mut all: Vec<(Place, SessionId)> =
            placed.into_iter().map(|(at, id)| (Place { at, id: id.0.to_vec() }, id)).collect();
        all.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        match &self.query.position {
            Position::Newest => {}
            Position::Before(at) => all.retain(|(place, _)| place < at),
            Position::From(at) => {
                all.retain(|(place, _)| place >= at);
                all.reverse();
            }
        }
        let mut page = Vec::new();
        for some in all.chunks(BATCH) {
            let ids: Vec<SessionId> = some.iter().map(|(_, id)| *id).collect();
            let sessions = self.engine.store.sessions_among(self.tenant.id, &ids).await?;
            let mut by_id: HashMap<SessionId, Session> =
                sessions.into_iter().map(|session| (session.id, session)).collect();
            let sessions = ids.iter().filter_map(|id| by_id.remove(id)).collect();
            page.extend(self.sift(sessions).await?);
            if page.len() > limit {
                break;
            }
        }
        let more = page.len() > limit;
        Ok(super::turned(self.query, page, limit, None, more))
    }

    /// The page at the query's position, from a complete list of candidates.
    pub(super) async fn page_of(
        &mut self,
        mut all: Vec<Session>,
        limit: usize,
    ) -> Result<SearchPage, SearchRefused> {
        let sort = self.query.sort;
        if let Some(as_of) = self.query.as_of {
            all.retain(|session| session.last_access <= as_of);
        }
        all.sort_by_cached_key(|session| std::cmp::Reverse(sort.place(session)));
        match &self.query.position {
            Position::Newest => {}
            Position::Before(at) => all.retain(|session| sort.place(session) < *at),
            Position::From(at) => {
                all.retain(|session| sort.place(session) >= *at);
                all.reverse();
            }
        }
        let mut page = Vec::new();
        for some in all.chunks(BATCH) {
            page.extend(self.sift(some.to_vec()).await?);
            if page.len() > limit {
                break;
            }
        }
        let more = page.len() > limit;
        Ok(super::turned(self.query, page, limit, None, more))
    }
}
