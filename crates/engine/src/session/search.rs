//! Finding sessions by a filter, page by page.
//!
//! A page has a budget of rows: what stands beyond it is reached by the next page, however short this one is.

use std::collections::HashMap;

use sojourn_model::limits::{SESSION_LIST_MAX, SESSION_SCAN_MAX};
use sojourn_model::{Millis, Session, SessionId, Tenant, User, UserId};
use sojourn_scim::{Comparison, Filter, Literal, Operator};
use sojourn_store::SignInBound;

use super::list::SessionView;
use crate::engine::Engine;
use crate::error::EngineError;

/// Rows read at a time.
const CHUNK: i64 = 100;

/// A place in the order by sign-in: the time and, within a millisecond, a part of the session's id. Names no
/// session, so it may be told and given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignInStamp(pub i64);

/// Steps within a millisecond.
const STEPS: i64 = 1_000_000;
/// Values of the part of an id that is used.
const PARTS: i64 = 1 << 24;

impl SignInStamp {
    /// Where a session stands.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let part =
            session.id.0.iter().take(3).fold(0_i64, |part, byte| part << 8 | i64::from(*byte));
        Self(session.signed_in_at.0 * STEPS + part * STEPS / PARTS)
    }

    /// Sessions below the bound stand before this stamp.
    fn below(self) -> SignInBound {
        bound(Millis(self.0.div_euclid(STEPS)), self.0.rem_euclid(STEPS))
    }

    /// Sessions from the bound on stand after this stamp.
    fn above(self) -> SignInBound {
        Self(self.0.saturating_add(1)).below()
    }
}

fn bound(at: Millis, step: i64) -> SignInBound {
    let part = (step * PARTS + STEPS - 1) / STEPS;
    let bytes = part.to_be_bytes();
    SignInBound { at, id: bytes.get(5..).unwrap_or_default().to_vec() }
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// At the newest.
    Newest,
    /// Just before (older than) a place.
    Before(SignInStamp),
    /// Just after (newer than) a place.
    After(SignInStamp),
}

/// A page of sessions, newest sign-in first.
#[derive(Debug, Clone, Default)]
pub struct SearchPage {
    /// The sessions with their users.
    pub found: Vec<(User, SessionView)>,
    /// The place after which newer ones stand, if there are any.
    pub newer: Option<SignInStamp>,
    /// The place before which older ones stand, if there may be any.
    pub older: Option<SignInStamp>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    LoginId,
    AppName,
    UserAgent,
    SessionId,
    IpAddress,
    LoginTime,
    LastAccessTime,
}

impl Attribute {
    const ALL: [(Self, &'static str); 7] = [
        (Self::LoginId, "loginId"),
        (Self::AppName, "appName"),
        (Self::UserAgent, "userAgent"),
        (Self::SessionId, "sessionId"),
        (Self::IpAddress, "ipAddress"),
        (Self::LoginTime, "loginTime"),
        (Self::LastAccessTime, "lastAccessTime"),
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(one, _)| *one)
    }

    fn is_time(self) -> bool {
        matches!(self, Self::LoginTime | Self::LastAccessTime)
    }
}

/// A filter whose attributes, operators and values fit each other.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionFilter {
    filter: Option<Filter>,
    /// Only sessions in applications of the outside: WSO2's paths know no others.
    in_applications: bool,
}

impl SessionFilter {
    /// Reads a filter of sessions.
    ///
    /// # Errors
    /// [`SearchRefused::Filter`] says what is wrong.
    pub fn parse(text: Option<&str>) -> Result<Self, SearchRefused> {
        let Some(text) = text else { return Ok(Self { filter: None, in_applications: false }) };
        let wrong = |why: String| SearchRefused::Filter(why);
        let filter = Filter::parse(text).map_err(|error| wrong(error.to_string()))?;
        for one in filter.comparisons() {
            let attribute = Attribute::parse(&one.attribute).ok_or_else(|| {
                let names: Vec<&str> = Attribute::ALL.iter().map(|(_, name)| *name).collect();
                wrong(format!("'{}' is none of {}", one.attribute, names.join(" ")))
            })?;
            let text_operators =
                [Operator::Eq, Operator::Ne, Operator::Sw, Operator::Ew, Operator::Co];
            if attribute.is_time() == text_operators.contains(&one.operator) {
                let name = one.operator.name();
                return Err(wrong(format!("'{name}' does not go with {}", one.attribute)));
            }
            if attribute.is_time() && number(&one.value).is_none() {
                let why = "needs milliseconds since 1970";
                return Err(wrong(format!("{} {why}", one.attribute)));
            }
        }
        Ok(Self { filter: Some(filter), in_applications: false })
    }

    /// The same, for sessions in applications of the outside alone.
    #[must_use]
    pub fn in_applications(self) -> Self {
        Self { in_applications: true, ..self }
    }

    /// The value that an attribute has to have, where the filter says so for all that pass.
    fn exactly(&self, wanted: Attribute) -> Option<String> {
        let filter = self.filter.as_ref()?;
        let found = filter.required().into_iter().find(|one| {
            one.operator == Operator::Eq && Attribute::parse(&one.attribute) == Some(wanted)
        });
        found.map(|one| one.value.text())
    }

    /// Whether a session with its user and applications passes.
    #[must_use]
    pub fn passes(&self, user: &User, view: &SessionView) -> bool {
        if self.in_applications && view.client_stays().next().is_none() {
            return false;
        }
        let Some(filter) = &self.filter else { return true };
        filter.passes(&|one| holds(one, user, view), &|name| Attribute::parse(name).is_some())
    }
}

fn number(value: &Literal) -> Option<i64> {
    match value {
        Literal::Number(number) => Some(*number),
        Literal::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn holds(one: &Comparison, user: &User, view: &SessionView) -> bool {
    let session = &view.session;
    let time = |at: Millis| {
        number(&one.value).is_some_and(|wanted| match one.operator {
            Operator::Ge => at.0 >= wanted,
            Operator::Gt => at.0 > wanted,
            Operator::Le => at.0 <= wanted,
            Operator::Lt => at.0 < wanted,
            _ => false,
        })
    };
    let wanted = one.value.text();
    let text = |value: &str| compared(one.operator, &value.to_lowercase(), &wanted.to_lowercase());
    match Attribute::parse(&one.attribute) {
        Some(Attribute::LoginId) => text(&user.username),
        Some(Attribute::UserAgent) => text(&session.user_agent),
        Some(Attribute::SessionId) => text(&session.id.to_string()),
        Some(Attribute::IpAddress) => text(&session.ip),
        Some(Attribute::LoginTime) => time(session.signed_in_at),
        Some(Attribute::LastAccessTime) => time(session.last_access),
        // 'Not equal' means that no application is the one that is named.
        Some(Attribute::AppName) if one.operator == Operator::Ne => {
            let wanted = wanted.to_lowercase();
            !view.client_stays().any(|stay| stay.app.name.to_lowercase() == wanted)
        }
        Some(Attribute::AppName) => view.client_stays().any(|stay| text(&stay.app.name)),
        None => false,
    }
}

fn compared(operator: Operator, value: &str, wanted: &str) -> bool {
    match operator {
        Operator::Eq => value == wanted,
        Operator::Ne => value != wanted,
        Operator::Co => value.contains(wanted),
        Operator::Sw => value.starts_with(wanted),
        Operator::Ew => value.ends_with(wanted),
        Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => false,
    }
}

impl Engine {
    /// Live sessions of the tenant that pass a filter and that `allowed` lets the caller see, newest sign-in
    /// first. No session that stays is shown twice or skipped from page to page.
    ///
    /// # Errors
    /// [`SearchRefused`]
    pub async fn search_sessions(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
        position: Position,
        limit: i64,
        rights: &crate::Rights,
    ) -> Result<SearchPage, SearchRefused> {
        let limit = usize::try_from(limit.clamp(1, SESSION_LIST_MAX)).unwrap_or(1);
        if let Some(few) = self.few(tenant, filter).await? {
            return self.page_of_few(tenant, filter, position, limit, rights, few).await;
        }
        let backwards = matches!(position, Position::After(_));
        let mut place = position;
        let mut page = Vec::new();
        let mut examined = 0;
        let mut users: HashMap<UserId, Option<User>> = HashMap::new();
        let mut exhausted = false;
        let mut last = None;
        while page.len() <= limit && examined < SESSION_SCAN_MAX && !exhausted {
            let chunk = self.chunk(tenant, place).await?;
            exhausted = chunk.len() < usize::try_from(CHUNK).unwrap_or(0);
            for session in chunk {
                examined += 1;
                let stamp = SignInStamp::of(&session);
                place = if backwards { Position::After(stamp) } else { Position::Before(stamp) };
                last = Some(stamp);
                if let Some(found) = self.seen(tenant, filter, session, rights, &mut users).await? {
                    page.push(found);
                    if page.len() > limit {
                        break;
                    }
                }
            }
        }
        let more = page.len() > limit || !exhausted;
        page.truncate(limit);
        // Where the budget ended the page, the next one goes on from what was looked at last.
        let short = page.len() < limit;
        let end =
            if short { last } else { page.last().map(|(_, view)| SignInStamp::of(&view.session)) };
        let begin = page.first().map(|(_, view)| SignInStamp::of(&view.session));
        if backwards {
            page.reverse();
            Ok(SearchPage { found: page, newer: end.filter(|_| more), older: begin })
        } else {
            let newer = begin.filter(|_| position != Position::Newest);
            Ok(SearchPage { found: page, newer, older: end.filter(|_| more) })
        }
    }

    async fn chunk(&self, tenant: &Tenant, place: Position) -> Result<Vec<Session>, EngineError> {
        let (now, slack) = (self.now(), self.settings.lifetimes.touch_flush_ms);
        Ok(match place {
            Position::Newest => self.store.sessions_newest(tenant.id, now, slack, CHUNK).await?,
            Position::Before(stamp) => {
                self.store.sessions_below(tenant.id, stamp.below(), now, slack, CHUNK).await?
            }
            Position::After(stamp) => {
                self.store.sessions_from(tenant.id, stamp.above(), now, slack, CHUNK).await?
            }
        })
    }

    /// The few sessions that can pass at all, where the filter names a person or a session.
    async fn few(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
    ) -> Result<Option<Vec<Session>>, EngineError> {
        let (now, slack) = (self.now(), self.settings.lifetimes.touch_flush_ms);
        if let Some(id) = filter.exactly(Attribute::SessionId) {
            let Ok(id) = id.parse::<SessionId>() else { return Ok(Some(Vec::new())) };
            let found = self.store.session(tenant.id, id).await?;
            return Ok(Some(found.into_iter().filter(|one| one.is_live(now, slack)).collect()));
        }
        let Some(name) = filter.exactly(Attribute::LoginId) else { return Ok(None) };
        let Some(user) = self.store.user_by_name(tenant.id, &name).await? else {
            return Ok(Some(Vec::new()));
        };
        let all = self.store.sessions_of_user(tenant.id, user.id, now, slack, SESSION_LIST_MAX);
        Ok(Some(all.await?))
    }

    async fn page_of_few(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
        position: Position,
        limit: usize,
        rights: &crate::Rights,
        few: Vec<Session>,
    ) -> Result<SearchPage, SearchRefused> {
        let mut users = HashMap::new();
        let mut all = Vec::new();
        for session in few {
            if let Some(found) = self.seen(tenant, filter, session, rights, &mut users).await? {
                all.push(found);
            }
        }
        let stamp = |found: &(User, SessionView)| SignInStamp::of(&found.1.session);
        all.sort_by_key(|found| std::cmp::Reverse(stamp(found)));
        let from = match position {
            Position::Newest => 0,
            Position::Before(at) => all.iter().filter(|found| stamp(found) >= at).count(),
            Position::After(at) => {
                let newer = all.iter().filter(|found| stamp(found) > at).count();
                newer.saturating_sub(limit)
            }
        };
        let found: Vec<_> = all.iter().skip(from).take(limit).cloned().collect();
        let newer = found.first().map(stamp).filter(|_| from > 0);
        let older = found.last().map(stamp).filter(|_| from + found.len() < all.len());
        Ok(SearchPage { found, newer, older })
    }

    /// A session as the caller may see it, if it passes.
    async fn seen(
        &self,
        tenant: &Tenant,
        filter: &SessionFilter,
        session: Session,
        rights: &crate::Rights,
        users: &mut HashMap<UserId, Option<User>>,
    ) -> Result<Option<(User, SessionView)>, EngineError> {
        let id = session.user;
        if let std::collections::hash_map::Entry::Vacant(entry) = users.entry(id) {
            let user = self.store.user(tenant.id, id).await?;
            let covered = match &user {
                Some(user) => match self.must_cover(tenant, rights, user.id).await {
                    Ok(()) => true,
                    Err(EngineError::Forbidden) => false,
                    Err(error) => return Err(error),
                },
                None => false,
            };
            entry.insert(user.filter(|_| covered));
        }
        let Some(Some(user)) = users.get(&id) else { return Ok(None) };
        let view = self.view(tenant, session).await?;
        Ok(filter.passes(user, &view).then(|| (user.clone(), view)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked_before_anything_is_read() {
        for (text, good) in [
            ("loginId eq alex", true),
            ("LOGINID SW \"al\" and userAgent co chrome", true),
            ("loginTime ge 1 or not (ipAddress eq 127.0.0.1)", true),
            ("loginTime eq 1", false),
            ("loginTime ge yesterday", false),
            ("loginId ge a", false),
            ("userId eq x", false),
            ("loginId", false),
        ] {
            assert_eq!(SessionFilter::parse(Some(text)).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn stamps_stand_between_what_is_below_and_what_is_above() {
        for (at, first) in [(5, [0, 0, 0]), (5, [0, 0, 1]), (5, [128, 0, 0]), (5, [255, 255, 255])]
        {
            let mut id = [7_u8; 32];
            id[..3].copy_from_slice(&first);
            let part = first.iter().fold(0_i64, |part, byte| part << 8 | i64::from(*byte));
            let stamp = SignInStamp(at * STEPS + part * STEPS / PARTS);
            let place = (at, id.to_vec());
            let (below, above) = (stamp.below(), stamp.above());
            assert!(place >= (below.at.0, below.id), "itself isn't below: {first:?}");
            assert!(place < (above.at.0, above.id), "nor above: {first:?}");
        }
    }
}
