//! `limit`, `offset`, `filter` and `sort` of the lists of one user's sessions.

use sojourn_engine::session::{SessionFilter, SessionView, Vocabulary};
use sojourn_model::User;
use sojourn_oidc::Params;

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    LoginTime,
    LastAccessTime,
}

/// What a list is asked for.
pub(super) struct ListQuery {
    limit: Option<usize>,
    offset: usize,
    filter: SessionFilter,
    /// The key, and whether the smallest comes first.
    sort: (Key, bool),
}

impl ListQuery {
    /// Reads the parameters. `sort` is `loginTime` or `lastAccessTime`, newest first; with a `+` before it
    /// oldest first, with a `-` newest first.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn read(params: &Params) -> Result<Self, String> {
        params.no_doubles().map_err(|error| error.to_string())?;
        let number = |name: &str| -> Result<Option<usize>, String> {
            params
                .get(name)
                .map(|text| text.parse().map_err(|_| format!("{name} is not a number from 0 on")))
                .transpose()
        };
        let sort = match params.get("sort") {
            None => (Key::LoginTime, false),
            Some(text) => {
                // A plus that wasn't escaped arrives as a blank.
                let ascending = text.starts_with(['+', ' ']);
                match text.trim_start_matches(['+', ' ', '-']) {
                    "loginTime" => (Key::LoginTime, ascending),
                    "lastAccessTime" => (Key::LastAccessTime, ascending),
                    other => return Err(format!("'{other}' is none of loginTime lastAccessTime")),
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

    /// The part of a list that is asked for.
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
