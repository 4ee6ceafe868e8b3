//! Tickets: what a sign-in page carries in order to return to what it interrupted. They are sealed, so that an attacker
//! can't send a user elsewhere.

use serde::{Deserialize, Serialize};
use sojourn_engine::saml::SSO_PATH;
use sojourn_model::{Millis, SessionId};
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::own_path::own_path;

/// Lifetime of a ticket, in milliseconds.
const LIFETIME_MS: i64 = 30 * 60_000;

/// A place on this server to which the user returns, such as an application's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// Path without the tenant's prefix.
    pub(crate) path: String,
    /// Query, without the question mark.
    pub(crate) query: String,
    /// Time at which the request arrived, in milliseconds since the Unix epoch.
    pub(crate) made_at: i64,
    /// Login name to fill in on the sign-in page.
    pub(crate) hint: Option<String>,
    /// Steps that the user has completed for this request.
    #[serde(default)]
    pub(crate) done: Done,
    /// Whether the user declined the request.
    #[serde(default)]
    pub(crate) denied: bool,
    /// The session that the browser had when the request arrived and that wasn't sufficient. The request continues once
    /// the browser has another one.
    #[serde(default)]
    pub(crate) before: Option<SessionId>,
    /// Differs from page to page, so that a form that is sent twice can be recognized.
    #[serde(default)]
    pub(crate) page: u64,
    /// The level that must be reached, as an `acr` value; empty if there is none.
    #[serde(default)]
    pub(crate) least: String,
}

/// Steps that a user has completed for a request in one session. They don't count in any other session, so a ticket is
/// useless in another browser or for another user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// ID of the session in which the steps were completed; empty if there is none yet.
    pub(crate) session: String,
    /// Whether the user has signed in.
    pub(crate) signed_in: bool,
    /// Whether the user has selected the account.
    pub(crate) chosen: bool,
    /// Whether the user has approved what the application requests.
    pub(crate) approved: bool,
}

impl Done {
    /// Returns the completed steps if they belong to this session, or else no steps in this session.
    pub(crate) fn in_session(&self, session: SessionId) -> Self {
        let session = session.to_string();
        if self.session == session { self.clone() } else { Self { session, ..Self::default() } }
    }
}

impl Ticket {
    /// Creates a ticket that leads back to a page.
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

    /// Returns whether the ticket leads back to a request of an application rather than to a built-in page.
    pub(crate) fn is_request(&self) -> bool {
        self.path == crate::oidc::AUTHORIZE || self.path == SSO_PATH
    }

    /// Returns the address at which the user continues.
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

    /// Opens a ticket of this tenant; `None` if it is invalid or expired.
    pub(crate) fn open(context: &Context, text: &str) -> Option<Self> {
        match Opened::of(context, text)? {
            Opened::Good(ticket) => Some(ticket),
            Opened::Late(_) => None,
        }
    }

    /// Redirects to the sign-in page with the same request, which starts again.
    pub(crate) fn begin_again(self, context: &Context) -> axum::response::Response {
        let text = self.again(context).seal(context).unwrap_or_default();
        crate::respond::see_other(&with_query(&context.link("/login"), &[("ticket", &text)]))
    }

    /// Resets the ticket for the same request: steps that the user has completed don't count any more.
    fn again(self, context: &Context) -> Self {
        let now = context.engine().now().0;
        Self { made_at: now, done: Done::default(), denied: false, ..self }
    }
}

/// A valid ticket of this tenant, of any age.
pub(crate) enum Opened {
    /// The ticket hasn't expired.
    Good(Ticket),
    /// The page was open for too long: this ticket is for the same request, which starts again.
    Late(Ticket),
}

impl Opened {
    /// Opens a ticket of this tenant, and sets the language that its request names; `None` if the ticket is invalid.
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

    /// Returns the ticket, in time or reset.
    pub(crate) fn ticket(self) -> Ticket {
        match self {
            Self::Good(ticket) | Self::Late(ticket) => ticket,
        }
    }
}

/// Maximum length in bytes of a path with its query to which a ticket leads back.
const QUERY_MAX: usize = 2_000;

/// Creates a ticket that leads back to the requested page with its query or, if the request isn't a `GET`, to the page
/// `back`.
pub(crate) fn way_back(context: &Context, back: &str) -> Ticket {
    let ticket = Ticket::to(context, back);
    let own = own_path(&context.arrival.prefix, &context.here).unwrap_or_default();
    let asked = own.strip_prefix(&*context.arrival.prefix).unwrap_or_default();
    let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
    // Requests of applications, and what belongs to them, are checked before they are sealed, so an address alone must
    // not become one.
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
