//! The query parameters `limit`, `offset`, `filter` and `sort` of lists of one user's sessions.

use sojourn_engine::session::{SessionFilter, SessionView, Vocabulary};
use sojourn_model::User;
use sojourn_oidc::Params;

/// The field by which a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    LoginTime,
    LastAccessTime,
}

/// The parsed query parameters of a list.
pub(super) struct ListQuery {
    limit: Option<usize>,
    offset: usize,
    filter: SessionFilter,
    /// The sort key, and whether the order is ascending.
    sort: (Key, bool),
}

impl ListQuery {
    /// Parses the parameters. `sort` is `loginTime` or `lastAccessTime`: newest first by default or with the prefix
    /// `-`, oldest first with the prefix `+`.
    ///
    /// # Errors
    /// A message that says which parameter is invalid and why.
    pub(super) fn read(params: &Params) -> Result<Self, String> {
        params.no_doubles().map_err(|error| error.to_string())?;
        let number = |name: &str| -> Result<Option<usize>, String> {
            params
                .get(name)
                .map(|text| {
                    text.parse().map_err(|_| format!("{name} must be a number of at least 0"))
                })
                .transpose()
        };
        let sort = match params.get("sort") {
            None => (Key::LoginTime, false),
            Some(text) => {
                // An unescaped plus arrives as a space.
                let ascending = text.starts_with(['+', ' ']);
                match text.trim_start_matches(['+', ' ', '-']) {
                    "loginTime" => (Key::LoginTime, ascending),
                    "lastAccessTime" => (Key::LastAccessTime, ascending),
                    other => {
                        return Err(format!("'{other}' is not one of loginTime, lastAccessTime"));
                    }
                }
            }
        };
        Ok(Self {
            limit: number("limit")?,
            offset: number("offset")?.unwrap_or(0),
            filter: SessionFilter::parse(params.get("filter"), Vocabulary::Wso2)
                .map_err(|why| why.to_string())?,
            sort,
        })
    }

    /// Filters, sorts and pages a user's sessions.
    pub(super) fn apply(&self, user: &User, mut all: Vec<SessionView>) -> Vec<SessionView> {
        all.retain(|view| self.filter.passes(user, view));
        let (key, ascending) = self.sort;
        all.sort_by_key(|view| match key {
            Key::LoginTime => (view.session.signed_in_at, view.session.id),
            Key::LastAccessTime => (view.session.last_access, view.session.id),
        });
        if !ascending {
            all.reverse();
        }
        all.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX)).collect()
    }
}
