//! Finding sessions by a filter, page by page.
//!
//! A search walks a range of an order, or sorts the few sessions that can pass at all. A page has a budget of
//! rows: what stands beyond it is reached by the next page, however short this one is.

mod filter;
mod place;
mod sift;
mod source;

use sojourn_model::limits::{SESSION_COUNT_MAX, SESSION_LIST_MAX, SESSION_SCAN_MAX};
use sojourn_model::{Millis, Session, SessionId, Tenant, User, UserId};
use sojourn_store::{Place, SessionRange};

pub(crate) use self::filter::OneSession;
pub use self::filter::{Browser, SessionFilter, Vocabulary, vocabulary};
pub use self::place::{Position, SignInStamp, Sort};
pub(in crate::session) use self::sift::Sieve;
use self::source::Source;
use super::list::SessionView;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;

/// What is searched for.
#[derive(Debug, Clone)]
pub struct SessionQuery<'a> {
    /// Which sessions.
    pub filter: &'a SessionFilter,
    /// In which order, the latest first.
    pub sort: Sort,
    /// Where the page begins.
    pub position: Position,
    /// Sessions on the page, at most [`SESSION_LIST_MAX`].
    pub limit: i64,
    /// The caller's: sessions of people above aren't found.
    pub rights: &'a Rights,
    /// With [`Sort::LastAccess`]: sessions used after this moment are left out, because they may have moved
    /// while the caller went from page to page.
    pub as_of: Option<Millis>,
}

/// A page of sessions, the latest first.
#[derive(Debug, Clone, Default)]
pub struct SearchPage {
    /// The sessions with their users.
    pub found: Vec<(User, SessionView)>,
    /// The place of the first, if later ones may stand above it.
    pub newer: Option<Place>,
    /// The place below which earlier ones stand, if there may be any.
    pub older: Option<Place>,
}

/// How many sessions pass a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// So many at least.
    pub count: u64,
    /// Whether that is all; otherwise counting stopped at its budget.
    pub exact: bool,
}

/// Why a filter can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchRefused {
    /// It isn't one, or names what there isn't.
    #[error("{0}")]
    Filter(String),
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<sojourn_store::StoreError> for SearchRefused {
    fn from(error: sojourn_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Rows read at a time where not all of them will pass.
const CHUNK: usize = 100;

/// A walk through a range: where it is, and how much it may still look at.
struct Walk<'a> {
    range: SessionRange,
    sort: Sort,
    backwards: bool,
    place: Place,
    stop: Millis,
    tenant: &'a Tenant,
    budget: usize,
    exhausted: bool,
}

impl Walk<'_> {
    async fn chunk(&mut self, engine: &Engine, rows: usize) -> Result<Vec<Session>, EngineError> {
        let rows = rows.min(self.budget);
        let (t, limit) = (self.tenant.id, i64::try_from(rows).unwrap_or(1));
        let place = self.place.clone();
        let mut chunk = if self.backwards {
            engine.store.sessions_from(t, &self.range, place, self.stop, limit).await?
        } else {
            engine.store.sessions_below(t, &self.range, place, self.stop, limit).await?
        };
        self.exhausted = chunk.len() < rows;
        self.budget = self.budget.saturating_sub(chunk.len());
        // A session that entered an application twice.
        chunk.dedup_by_key(|session| session.id);
        Ok(chunk)
    }

    fn pass(&mut self, session: &Session) {
        let place = self.sort.place(session);
        self.place = if self.backwards { place.after() } else { place };
    }

    const fn goes_on(&self) -> bool {
        !self.exhausted && self.budget > 0
    }
}

impl Engine {
    /// Sessions of the tenant that pass a filter and that the caller may see, the latest first. By sign-in, no
    /// session that stays is shown twice or skipped from page to page.
    ///
    /// # Errors
    /// [`SearchRefused`]
    pub async fn search_sessions(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<SearchPage, SearchRefused> {
        let limit = usize::try_from(query.limit.clamp(1, SESSION_LIST_MAX)).unwrap_or(1);
        let mut sieve = Sieve::new(self, tenant, query);
        match self.source(tenant, query).await? {
            Source::Few(few) => sieve.page_of(few, limit).await,
            Source::Placed(placed) => sieve.page_of_placed(placed, limit).await,
            Source::Range(range) => {
                let mut walk = self.walk(tenant, query, range, SESSION_SCAN_MAX);
                // Perhaps all of the first ones pass; if not, more are read at a time.
                let mut rows = limit + 1;
                let mut page = Vec::new();
                let mut last = None;
                while page.len() <= limit && walk.goes_on() {
                    let chunk = walk.chunk(self, rows).await?;
                    rows = rows.max(CHUNK);
                    for some in chunk.chunks(sift::BATCH) {
                        if let Some(session) = some.last() {
                            walk.pass(session);
                            last = Some(query.sort.place(session));
                        }
                        page.extend(sieve.sift(some.to_vec()).await?);
                        if page.len() > limit {
                            break;
                        }
                    }
                }
                let more = page.len() > limit || !walk.exhausted;
                Ok(turned(query, page, limit, last.filter(|_| more), more))
            }
        }
    }

    fn walk<'a>(
        &self,
        tenant: &'a Tenant,
        query: &SessionQuery<'_>,
        range: SessionRange,
        budget: usize,
    ) -> Walk<'a> {
        let (first, last) = query.filter.span(query.sort.attribute());
        let last = query.as_of.map_or(last, |as_of| last.min(as_of));
        let top = Place { at: last, id: Vec::new() };
        let top = if last.0 == i64::MAX { Place::LAST } else { Place { at: last.plus(1), ..top } };
        let bottom = Place { at: first, id: Vec::new() };
        let (backwards, place, stop) = match &query.position {
            Position::Newest => (false, top, first),
            Position::Before(place) => (false, place.clone().min(top), first),
            Position::From(place) => (true, place.clone().max(bottom), last),
        };
        Walk { range, sort: query.sort, backwards, place, stop, tenant, budget, exhausted: false }
    }

    /// How many sessions pass a filter, counted up to [`SESSION_COUNT_MAX`] rows.
    ///
    /// # Errors
    /// [`SearchRefused`]
    pub async fn count_sessions(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<Total, SearchRefused> {
        let query = &SessionQuery { position: Position::Newest, as_of: None, ..query.clone() };
        if query.filter.is_empty() && query.rights.cover_everyone() {
            let (from, to) = (Millis(i64::MIN), Millis(i64::MAX));
            let count = self.store.living_count(tenant.id, from, to).await?;
            return Ok(Total { count, exact: true });
        }
        let mut sieve = Sieve::new(self, tenant, query);
        match self.source(tenant, query).await? {
            Source::Few(few) => Ok(Total { count: sieve.count(&few).await?, exact: true }),
            Source::Placed(placed) => {
                let few = self.read_placed(tenant, placed).await?;
                Ok(Total { count: sieve.count(&few).await?, exact: true })
            }
            Source::Range(range) => {
                let mut walk = self.walk(tenant, query, range, SESSION_COUNT_MAX);
                let mut count = 0;
                while walk.goes_on() {
                    let chunk = walk.chunk(self, CHUNK * 10).await?;
                    if let Some(session) = chunk.last() {
                        walk.pass(session);
                    }
                    count += sieve.count(&chunk).await?;
                }
                Ok(Total { count, exact: walk.exhausted })
            }
        }
    }
}

/// Sessions by their names, and where the search goes on.
pub(crate) struct Names {
    pub(crate) found: Vec<(UserId, SessionId)>,
    pub(crate) older: Option<Place>,
}

impl Engine {
    async fn read_placed(
        &self,
        tenant: &Tenant,
        placed: Vec<(Millis, SessionId)>,
    ) -> Result<Vec<Session>, EngineError> {
        let ids: Vec<SessionId> = placed.into_iter().map(|(_, id)| id).collect();
        Ok(self.store.sessions_among(tenant.id, &ids).await?)
    }

    /// The names of sessions that pass a filter, up to the query's limit, going down from its position.
    pub(crate) async fn session_names(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<Names, SearchRefused> {
        let most = usize::try_from(query.limit).unwrap_or(1);
        let mut sieve = Sieve::new(self, tenant, query);
        let mut found = Vec::new();
        let source = match self.source(tenant, query).await? {
            Source::Placed(placed) => Source::Few(self.read_placed(tenant, placed).await?),
            source => source,
        };
        match source {
            Source::Placed(_) => Ok(Names { found, older: None }),
            Source::Few(mut few) => {
                if let Position::Before(place) = &query.position {
                    few.retain(|session| query.sort.place(session) < *place);
                }
                few.sort_by_cached_key(|session| std::cmp::Reverse(query.sort.place(session)));
                let mut rest = few.as_slice();
                let mut last = None;
                while found.len() < most && !rest.is_empty() {
                    // No more at a time than may still be found.
                    let (chunk, after) =
                        rest.split_at(rest.len().min(CHUNK.min(most - found.len())));
                    found.extend(sieve.names(chunk).await?);
                    last = chunk.last().map(|session| query.sort.place(session));
                    rest = after;
                }
                Ok(Names { found, older: last.filter(|_| !rest.is_empty()) })
            }
            Source::Range(range) => {
                let mut walk = self.walk(tenant, query, range, SESSION_SCAN_MAX);
                while found.len() < most && walk.goes_on() {
                    let chunk = walk.chunk(self, CHUNK.min(most - found.len())).await?;
                    if let Some(session) = chunk.last() {
                        walk.pass(session);
                    }
                    found.extend(sieve.names(&chunk).await?);
                }
                let older = (!walk.exhausted).then_some(walk.place);
                Ok(Names { found, older })
            }
        }
    }
}

/// A page as it is shown, from what was found in the direction of the walk.
fn turned(
    query: &SessionQuery<'_>,
    mut page: Vec<(User, SessionView)>,
    limit: usize,
    last: Option<Place>,
    more: bool,
) -> SearchPage {
    let full = page.len() >= limit;
    page.truncate(limit);
    let place =
        |found: Option<&(User, SessionView)>| found.map(|one| query.sort.place(&one.1.session));
    // Where the budget ended the page, the next one goes on from what was looked at last.
    let end = if full { place(page.last()) } else { last }.filter(|_| more);
    let begin = place(page.first());
    match &query.position {
        Position::From(at) => {
            page.reverse();
            SearchPage { found: page, newer: end, older: begin.or_else(|| Some(at.clone())) }
        }
        Position::Newest => SearchPage { found: page, newer: None, older: end },
        Position::Before(at) => {
            let newer = begin.or_else(|| Some(at.clone()));
            SearchPage { found: page, newer, older: end }
        }
    }
}
