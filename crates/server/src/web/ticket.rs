//! What a sign-in page carries back to what it interrupted: sealed, so that nobody can send a person
//! elsewhere with it.

use serde::{Deserialize, Serialize};
use sojourn_engine::saml::SSO_PATH;
use sojourn_model::{Millis, SessionId};
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::web::own_path::own_path;

/// Milliseconds that a person may take.
const LIFETIME_MS: i64 = 30 * 60_000;

/// A place of ours to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// Path below the tenant.
    pub(crate) path: String,
    /// Query, without the question mark.
    pub(crate) query: String,
    /// When the request came, in milliseconds.
    pub(crate) made_at: i64,
    /// A login name to begin with.
    pub(crate) hint: Option<String>,
    /// What the person did for this request.
    #[serde(default)]
    pub(crate) done: Done,
    /// Whether the person declined.
    #[serde(default)]
    pub(crate) denied: bool,
    /// The session that the browser had when the request came, and that wasn't enough for it. Once it has another one,
    /// the request goes on.
    #[serde(default)]
    pub(crate) before: Option<SessionId>,
    /// Differs from page to page, so that a form can be told from the same one sent twice.
    #[serde(default)]
    pub(crate) page: u64,
    /// The level that has to be reached, by its name in `acr`; empty for none.
    #[serde(default)]
    pub(crate) least: String,
}

/// What a person did for a request, in one session: in any other it counts for nothing, so a ticket is of no
/// use in another browser or to another person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// In which session.
    pub(crate) session: String,
    /// Signed in.
    pub(crate) signed_in: bool,
    /// Chose the account.
    pub(crate) chosen: bool,
    /// Approved what is asked for.
    pub(crate) approved: bool,
}

impl Done {
    /// What was done in a session.
    pub(crate) fn in_session(&self, session: SessionId) -> Self {
        let session = session.to_string();
        if self.session == session { self.clone() } else { Self { session, ..Self::default() } }
    }
}

impl Ticket {
    /// A ticket back to a page.
    pub(crate) fn to(context: &Context, path: &str) -> Self {
        let now = context.engine().now().0;
        Self {
            path: path.to_owned(),
            query: String::new(),
            made_at: now,
            hint: None,
            done: Done::default(),
            denied: false,
            before: None,
            page: 0,
            least: String::new(),
        }
    }

    /// Whether it leads back to a request of an application, and not to a page of ours.
    pub(crate) fn is_request(&self) -> bool {
        self.path == crate::oidc::AUTHORIZE || self.path == SSO_PATH
    }

    /// Where the person goes on.
    pub(crate) fn location(&self, context: &Context) -> String {
        if self.is_request() {
            let text = self.seal(context).unwrap_or_default();
            return with_query(&context.link(&self.path), &[("continue", &text)]);
        }
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let wanted = format!("{}{query}", context.link(&self.path));
        own_path(&context.arrival.prefix, &wanted).unwrap_or_else(|| context.link("/"))
    }

    pub(crate) fn seal(&self, context: &Context) -> Option<String> {
        let body = serde_json::to_vec(self).ok()?;
        context.engine().seal_interaction(context.tenant(), &body)
    }

    /// Opens a ticket of this tenant that isn't too old.
    pub(crate) fn open(context: &Context, text: &str) -> Option<Self> {
        match Opened::of(context, text)? {
            Opened::Good(ticket) => Some(ticket),
            Opened::Late(_) => None,
        }
    }

    /// The way to the sign-in page with the same request, from its beginning.
    pub(crate) fn begin_again(self, context: &Context) -> axum::response::Response {
        let text = self.again(context).seal(context).unwrap_or_default();
        crate::respond::see_other(&with_query(&context.link("/login"), &[("ticket", &text)]))
    }

    /// The same request once more: what the person did for it counts no longer.
    fn again(self, context: &Context) -> Self {
        let now = context.engine().now().0;
        Self { made_at: now, done: Done::default(), denied: false, ..self }
    }
}

/// A ticket of ours, however old.
pub(crate) enum Opened {
    /// It is good.
    Good(Ticket),
    /// The page was open for too long: this is the same request, begun again.
    Late(Ticket),
}

impl Opened {
    /// Opens a ticket of this tenant.
    pub(crate) fn of(context: &Context, text: &str) -> Option<Self> {
        let body = context.engine().open_interaction(context.tenant(), text)?;
        let ticket: Ticket = serde_json::from_slice(&body).ok()?;
        if let Ok(params) = sojourn_oidc::Params::parse(ticket.query.as_bytes()) {
            context.speak(&params);
        }
        Some(if context.engine().is_recent(Millis(ticket.made_at), LIFETIME_MS) {
            Self::Good(ticket)
        } else {
            Self::Late(ticket.again(context))
        })
    }

    /// The request, in time or begun again.
    pub(crate) fn ticket(self) -> Ticket {
        match self {
            Self::Good(ticket) | Self::Late(ticket) => ticket,
        }
    }
}

/// Longest query that is come back to.
const QUERY_MAX: usize = 2_000;

/// Back to the page that was asked for, with its query; after a form to the page that is given instead.
pub(crate) fn way_back(context: &Context, back: &str) -> Ticket {
    let ticket = Ticket::to(context, back);
    let own = own_path(&context.arrival.prefix, &context.here).unwrap_or_default();
    let asked = own.strip_prefix(&*context.arrival.prefix).unwrap_or_default();
    let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
    // Requests of applications, and what belongs to them, are checked before they are sealed: an address alone never is one.
    let of_an_application = path.starts_with(crate::oidc::AUTHORIZE) || path.starts_with(SSO_PATH);
    if context.method != http::Method::GET
        || path.is_empty()
        || of_an_application
        || asked.len() > QUERY_MAX
    {
        return ticket;
    }
    Ticket { path: path.to_owned(), query: query.to_owned(), ..ticket }
}
