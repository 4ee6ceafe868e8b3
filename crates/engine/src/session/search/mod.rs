//! Searches sessions by a filter, page by page.
//!
//! A search walks through a range of an order, or sorts the sessions that can match if they are few. The number of
//! rows read per page is limited: the next page continues there, even if this one is short.

mod browser;
mod filter;
mod place;
mod sift;
mod source;

use sojourn_model::limits::{SESSION_COUNT_MAX, SESSION_LIST_MAX, SESSION_SCAN_MAX};
use sojourn_model::{Millis, Session, SessionId, Tenant, User, UserId};
use sojourn_store::{Place, SessionRange};

pub use self::browser::Browser;
pub(crate) use self::filter::OneSession;
pub use self::filter::{SessionFilter, Vocabulary, vocabulary};
pub use self::place::{Position, SignInStamp, Sort};
pub(in crate::session) use self::sift::Sieve;
use self::source::Source;
use super::list::SessionView;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;

/// A search for sessions.
#[derive(Debug, Clone)]
pub struct SessionQuery<'a> {
    /// Filter that the sessions must match.
    pub filter: &'a SessionFilter,
    /// Order of the results, latest first.
    pub sort: Sort,
    /// Position at which the page starts.
    pub position: Position,
    /// Sessions on the page, at most [`SESSION_LIST_MAX`].
    pub limit: i64,
    /// Rights of the caller; sessions of users with more rights aren't found.
    pub rights: &'a Rights,
    /// With [`Sort::LastAccess`]: sessions that were used after this time are left out, because they may have moved
    /// while the caller went from page to page.
    pub as_of: Option<Millis>,
}

/// A page of sessions, sorted latest first.
#[derive(Debug, Clone, Default)]
pub struct SearchPage {
    /// The sessions with their users.
    pub found: Vec<(User, SessionView)>,
    /// Position of the first session, if later ones may exist.
    pub newer: Option<Place>,
    /// Position after which earlier sessions may exist; `None` at the end.
    pub older: Option<Place>,
}

/// Number of sessions that match a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// Number of sessions counted, which is a minimum unless `exact` is set.
    pub count: u64,
    /// Whether the count is complete; otherwise it stopped at its limit.
    pub exact: bool,
}

/// Reasons why a search fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchRefused {
    /// The filter is malformed, or uses an unknown attribute or operator.
    #[error("{0}")]
    Filter(String),
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<sojourn_store::StoreError> for SearchRefused {
    fn from(error: sojourn_store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Rows read at a time if not all of them will match.
const CHUNK: usize = 100;

/// A walk through a range, with its position and the number of rows that it may still read.
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
        // A session may have entered an application twice.
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
    /// Finds the tenant's sessions that match a filter and that the caller may see, latest first. Ordered by sign-in,
    /// no existing session is shown twice or skipped between pages.
    ///
    /// # Errors
    /// [`SearchRefused`] if the filter can't be used or the database fails.
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
                // All of the first rows may match; if not, more are read at a time.
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

    /// Counts the sessions that match a filter, up to [`SESSION_COUNT_MAX`] rows.
    ///
    /// # Errors
    /// [`SearchRefused`] if the filter can't be used or the database fails.
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

/// Ids of sessions, and the position at which the search continues.
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

    /// The ids of matching sessions, up to the query's limit, latest first from its position.
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
                    // Not more at a time than may still be found.
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

/// Turns a page that was found in the direction of the walk into the order of display.
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
    // If the row limit ended the page, the next one continues after the last row that was read.
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
