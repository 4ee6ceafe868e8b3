//! What several pages share: the frame, messages, questions, and sessions as cards. What one page alone is filled with
//! stands beside its handler.

use askama::Template;
use sojourn_engine::{Right, Rights};

use crate::language::Text;
use crate::web::filters;

/// What every page behind a sign-in shows around its content.
pub(crate) struct Frame {
    /// Prefix of links: empty, or `/t/{tenant}`.
    pub(crate) base: String,
    /// Which entry of the menu is the present one.
    pub(crate) here: &'static str,
    /// Whose page it is.
    pub(crate) user: String,
    /// For forms.
    pub(crate) csrf: String,
    /// Whether the person may use the Console.
    pub(crate) administrator: bool,
    /// The menu of the Console.
    pub(crate) menu: Vec<MenuSection>,
    /// What just happened.
    pub(crate) notice: Option<Text>,
    /// What the person may: what they may not isn't offered.
    pub(crate) rights: Rights,
}

impl Frame {
    /// Whether the person has a right.
    pub(crate) fn may(&self, right: impl std::borrow::Borrow<Right>) -> bool {
        self.rights.has(*right.borrow())
    }
}

/// A part of a menu.
pub(crate) struct MenuSection {
    pub(crate) name: &'static str,
    pub(crate) entries: Vec<MenuEntry>,
}

/// A link of a menu.
pub(crate) struct MenuEntry {
    pub(crate) here: bool,
    pub(crate) link: String,
    pub(crate) name: &'static str,
}

/// A message: done, wrong, gone.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message {
    pub(crate) title: Text,
    pub(crate) text: Text,
    pub(crate) request_id: Option<String>,
    /// Where a person can go on, the most likely first.
    pub(crate) links: Vec<(String, Text)>,
}

/// An answer that the browser posts.
#[derive(Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPost {
    pub(crate) action: String,
    pub(crate) pairs: Vec<(String, String)>,
}

/// A stay in an application.
pub(crate) struct AppLine {
    pub(crate) name: String,
    pub(crate) last_access: Text,
    pub(crate) sid: String,
    pub(crate) ended: bool,
    pub(crate) id: String,
}

/// A session in a list.
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
    /// Whether it looks like a telephone or a tablet.
    pub(crate) phone: bool,
    /// Where its address is, as far as it is known.
    pub(crate) place: String,
    /// How many applications of the outside it stays in.
    pub(crate) clients: usize,
}

/// A question before something that can't be undone.
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
