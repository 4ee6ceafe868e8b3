//! Templates that several pages share: the frame, messages, confirmations, and session cards. The types of a single
//! page are next to its handler.

use askama::Template;
use sojourn_engine::{Right, Rights};

use crate::language::Text;
use crate::web::filters;

/// What every page that requires a sign-in shows around its content.
pub(crate) struct Frame {
    /// Prefix of links: empty, or `/t/{tenant}`.
    pub(crate) base: String,
    /// Key of the current menu entry; empty if there is none.
    pub(crate) here: &'static str,
    /// Display name of the signed-in user.
    pub(crate) user: String,
    /// CSRF token for the forms of the page.
    pub(crate) csrf: String,
    /// Whether the user may use the Console.
    pub(crate) administrator: bool,
    /// The sections of the Console's menu that the user may see.
    pub(crate) menu: Vec<MenuSection>,
    /// A message about what has just happened.
    pub(crate) notice: Option<Text>,
    /// The user's rights; actions that they don't permit aren't offered.
    pub(crate) rights: Rights,
}

impl Frame {
    /// Returns whether the user has a right.
    pub(crate) fn may(&self, right: impl std::borrow::Borrow<Right>) -> bool {
        self.rights.has(*right.borrow())
    }
}

/// A section of a menu, with its heading.
pub(crate) struct MenuSection {
    pub(crate) name: &'static str,
    pub(crate) entries: Vec<MenuEntry>,
}

/// A link in a menu; `here` marks the current page.
pub(crate) struct MenuEntry {
    pub(crate) here: bool,
    pub(crate) link: String,
    pub(crate) name: &'static str,
}

/// A page with a single message, about a success or an error.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message {
    pub(crate) title: Text,
    pub(crate) text: Text,
    pub(crate) request_id: Option<String>,
    /// Addresses and labels of links with which the user can continue, the most likely first.
    pub(crate) links: Vec<(String, Text)>,
}

/// A page with a form that the browser posts automatically, such as a response to an application.
#[derive(Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPost {
    pub(crate) action: String,
    pub(crate) pairs: Vec<(String, String)>,
}

/// An application that a session has entered.
pub(crate) struct AppLine {
    pub(crate) name: String,
    pub(crate) last_access: Text,
    pub(crate) sid: String,
    pub(crate) ended: bool,
    pub(crate) id: String,
}

/// A session in a list or on its own page.
pub(crate) struct SessionCard {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) user_id: String,
    pub(crate) browser: Text,
    pub(crate) user_agent: String,
    pub(crate) ip: String,
    pub(crate) signed_in: Text,
    pub(crate) last_access: Text,
    pub(crate) this_one: bool,
    pub(crate) ended: Option<Text>,
    pub(crate) apps: Vec<AppLine>,
    /// Whether the user agent looks like a phone or a tablet.
    pub(crate) phone: bool,
    /// City and country of the IP address; empty if they are unknown.
    pub(crate) place: String,
    /// Number of external applications in which the session is active.
    pub(crate) clients: usize,
}

/// A confirmation page before an action that can't be undone.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm {
    pub(crate) frame: Frame,
    pub(crate) title: Text,
    pub(crate) text: Text,
    pub(crate) facts: Vec<Text>,
    pub(crate) action: String,
    pub(crate) button: Text,
    pub(crate) back: String,
}
