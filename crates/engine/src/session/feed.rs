//! Live feed of session starts and ends. It is read from the sessions themselves, so that it includes other nodes'
//! sessions and what happened while nobody listened.

use std::collections::{HashMap, HashSet};

use sojourn_model::{Millis, Session, SessionId, SessionState, Tenant, User, UserId};
use sojourn_store::{Place, SessionRange};

use super::list::SessionView;
use super::search::{Position, SessionFilter, SessionQuery, Sieve, Sort};
use crate::clock::{Horizon, Passed, forget_told};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;

/// How late a row may appear, in milliseconds, in addition to the clock skew: it is written with the time at which
/// its transaction started.
const LATE_MS: i64 = 5_000;
/// Maximum number of rows that are marked after the clock went back.
const PASSED_MAX: usize = 10_000;
/// Rows of each kind that one look reads.
const ROWS: i64 = 200;

/// Kinds of entries in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Happening {
    /// The session started with a sign-in.
    Began,
    /// The session ended, for any reason.
    Ended,
}

/// One entry of the feed.
#[derive(Debug, Clone)]
pub struct FeedItem {
    /// Whether the session started or ended.
    pub what: Happening,
    /// Time of the start or end.
    pub at: Millis,
    /// User of the session.
    pub user: User,
    /// The session with its applications.
    pub view: SessionView,
}

/// Position and filter of a listener.
#[derive(Debug, Clone)]
pub struct Feed {
    horizon: Horizon,
    /// Rows with a time in the future that must not be reported.
    passed: HashSet<(SessionId, Happening)>,
    told: HashMap<(SessionId, Happening), Millis>,
    only: Option<UserId>,
    filter: SessionFilter,
    rights: Rights,
}

impl Feed {
    /// Starts to listen at a time, to sessions that match a filter or to those of one user.
    #[must_use]
    pub fn since(at: Millis, only: Option<UserId>, filter: SessionFilter, rights: Rights) -> Self {
        let filter = filter.of_any_state();
        Self {
            horizon: Horizon::new(at),
            passed: HashSet::new(),
            told: HashMap::new(),
            only,
            filter,
            rights,
        }
    }

    fn is_new(&self, session: &Session, what: Happening, from: Millis) -> bool {
        let key = (session.id, what);
        moment(session, what).is_some_and(|at| at >= from)
            && !self.told.contains_key(&key)
            && !self.passed.contains(&key)
    }

    /// Replaces the listener's rights from now on.
    pub fn set_rights(&mut self, rights: Rights) {
        self.rights = rights;
    }
}

/// The time of the start or end of a session.
fn moment(session: &Session, what: Happening) -> Option<Millis> {
    match (what, &session.state) {
        (Happening::Began, _) => Some(session.signed_in_at),
        (Happening::Ended, SessionState::Ended { at, .. }) => Some(*at),
        (Happening::Ended, SessionState::Living) => None,
    }
}

impl Engine {
    /// Returns what has happened since the last look, in order and each event once.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn look(
        &self,
        tenant: &Tenant,
        feed: &mut Feed,
    ) -> Result<Vec<FeedItem>, EngineError> {
        let skew_ms = self.skew_between_nodes_ms();
        let late_ms = LATE_MS + skew_ms;
        if let Some(passed) = feed.horizon.begin_look(self.now(), skew_ms, late_ms) {
            self.pass_over(tenant, feed, passed).await?;
        }
        let mut news: Vec<(Millis, Happening, Session)> = Vec::new();
        let from = feed.horizon.from(late_ms);
        for what in [Happening::Began, Happening::Ended] {
            for session in self.happened(tenant, feed, what, from).await? {
                let Some(at) = moment(&session, what) else { continue };
                if feed.is_new(&session, what, from)
                    && feed.only.is_none_or(|user| user == session.user)
                {
                    news.push((at, what, session));
                }
            }
        }
        news.sort_by_key(|(at, what, session)| (*at, *what, session.id));
        let filter = feed.filter.clone();
        let query = SessionQuery {
            filter: &filter,
            sort: Sort::SignedIn,
            position: Position::Newest,
            limit: 1,
            rights: &feed.rights.clone(),
            as_of: None,
        };
        let mut sieve = Sieve::new(self, tenant, &query);
        let mut items = Vec::new();
        for (at, what, session) in news {
            feed.told.insert((session.id, what), at);
            feed.horizon.reach(at);
            for (user, view) in sieve.sift(vec![session]).await? {
                items.push(FeedItem { what, at, user, view });
            }
        }
        // Twice the range that is read again.
        let old = feed.horizon.from(late_ms).plus(-late_ms);
        forget_told(&mut feed.told, old);
        Ok(items)
    }

    /// Marks the existing rows of a time range, so that they aren't reported when the clock reaches them.
    async fn pass_over(
        &self,
        tenant: &Tenant,
        feed: &mut Feed,
        (after, until): Passed,
    ) -> Result<(), EngineError> {
        for what in [Happening::Began, Happening::Ended] {
            let mut from = after.plus(1);
            loop {
                let some = self.happened(tenant, feed, what, from).await?;
                let moments = some.iter().filter_map(|session| moment(session, what));
                let last = moments.max().filter(|last| *last < until);
                feed.passed.extend(
                    some.iter()
                        .filter(|one| moment(one, what).is_some_and(|at| at > after && at < until))
                        .map(|session| (session.id, what)),
                );
                match last {
                    Some(last) if feed.only.is_none() && feed.passed.len() < PASSED_MAX => {
                        from = last;
                    }
                    _ => break,
                }
            }
        }
        Ok(())
    }

    async fn happened(
        &self,
        tenant: &Tenant,
        feed: &Feed,
        what: Happening,
        from: Millis,
    ) -> Result<Vec<Session>, EngineError> {
        let t = tenant.id;
        if let Some(user) = feed.only {
            let mut all = self.store.sessions_of_users(t, &[user], true, ROWS).await?;
            if what == Happening::Began {
                all.extend(self.store.sessions_of_users(t, &[user], false, ROWS).await?);
            }
            return Ok(all);
        }
        let range = match what {
            Happening::Began => SessionRange::All,
            Happening::Ended => SessionRange::Ended,
        };
        let mut all = Vec::new();
        let mut place = Place { at: from, id: Vec::new() };
        loop {
            let some = self.store.sessions_from(t, &range, place, Millis(i64::MAX), ROWS).await?;
            let full = i64::try_from(some.len()).unwrap_or(0) == ROWS;
            let sort = if what == Happening::Began { Sort::SignedIn } else { Sort::Ended };
            let last = some.last().map(|session| sort.place(session).after());
            all.extend(some.into_iter().filter(|session| feed.is_new(session, what, from)));
            match last {
                // One look's limit is reached; the next look continues.
                Some(next) if full && all.len() < usize::try_from(ROWS).unwrap_or(1) => {
                    place = next
                }
                _ => return Ok(all),
            }
        }
    }

    /// Resolves when this process has changed something since the call.
    pub async fn changed(&self) {
        self.changes.notified().await;
    }
}
