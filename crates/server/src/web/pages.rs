//! What templates are filled with.

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

/// What pages show of an application.
pub(crate) struct AppFace {
    pub(crate) name: String,
    pub(crate) logo: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) terms: Option<String>,
}

/// What an application would be given.
#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct Consent {
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) ticket: String,
    pub(crate) user: String,
    pub(crate) items: Vec<Text>,
    pub(crate) offline: bool,
    pub(crate) host: Text,
    pub(crate) app: AppFace,
}

/// Which account to go on with.
#[derive(Template)]
#[template(path = "select_account.html")]
pub(crate) struct SelectAccount {
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) ticket: String,
    pub(crate) user: String,
    /// Mail address or login name.
    pub(crate) known_as: String,
    pub(crate) initial: String,
    pub(crate) app: AppFace,
}

/// An answer that the browser posts.
#[derive(Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPost {
    pub(crate) action: String,
    pub(crate) pairs: Vec<(String, String)>,
}

/// The frame of session management.
#[derive(Template)]
#[template(path = "check_session.html")]
pub(crate) struct CheckSession {
    pub(crate) cookie: String,
    pub(crate) check: String,
}

/// An application that is told of the end: in a frame, through the back channel, or both.
pub(crate) struct Told {
    pub(crate) sid: String,
    pub(crate) name: String,
    /// What its frame loads.
    pub(crate) frame: Option<String>,
    /// Where its delivery stands, and that in words.
    pub(crate) receipt: Option<(&'static str, &'static str)>,
}

/// Signed out, while applications are told.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOut {
    pub(crate) told: Vec<Told>,
    /// Whether an application has yet to answer through the back channel.
    pub(crate) waiting: bool,
    pub(crate) next: Option<String>,
    /// The page once more.
    pub(crate) see: String,
    pub(crate) again: String,
}

/// An application that a person approved.
pub(crate) struct ConnectionLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) items: Vec<Text>,
    pub(crate) since: Text,
    /// What it was given works while its person is away.
    pub(crate) away: bool,
}

/// My Account: applications that the person approved.
#[derive(Template)]
#[template(path = "connections.html")]
pub(crate) struct Connections {
    pub(crate) frame: Frame,
    pub(crate) connections: Vec<ConnectionLine>,
}

/// The question before a sign-out that an application asks for.
#[derive(Template)]
#[template(path = "confirm_logout.html")]
pub(crate) struct ConfirmLogout {
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) ticket: String,
    pub(crate) app: Option<String>,
    /// Why the request can't be trusted, if it can't.
    pub(crate) untrusted: Option<Text>,
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

/// My Account: who one is.
#[derive(Template)]
#[template(path = "my_account.html")]
pub(crate) struct MyAccount {
    pub(crate) frame: Frame,
    pub(crate) rows: Vec<(&'static str, Text)>,
    pub(crate) sessions: Text,
    /// How many things the security check found that need attention.
    pub(crate) due: usize,
}

/// My Account: the password.
#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct Password {
    pub(crate) frame: Frame,
    pub(crate) error: Option<Text>,
    pub(crate) consequence: &'static str,
    /// Fewest characters of a new one.
    pub(crate) least: usize,
}

/// My Account: sessions.
#[derive(Template)]
#[template(path = "security.html")]
pub(crate) struct Security {
    pub(crate) frame: Frame,
    /// The session of this browser.
    pub(crate) own: String,
    pub(crate) sessions: Vec<SessionCard>,
    /// One's second factors.
    pub(crate) factors: Vec<FactorLine>,
    /// Recovery codes that are left.
    pub(crate) codes_left: usize,
    /// Whether it is time for new ones.
    pub(crate) few_codes: bool,
    /// Whether keys can be added at this address.
    pub(crate) takes_keys: bool,
    /// Whether a password alone signs in.
    pub(crate) password_alone: bool,
    /// Which passkeys are good, for the authenticators to learn, as JSON.
    pub(crate) accepted: Option<String>,
    /// Browsers in which the second factor isn't asked for.
    pub(crate) trusted: Vec<TrustedLine>,
}

/// A browser in which the second factor isn't asked for.
pub(crate) struct TrustedLine {
    pub(crate) id: String,
    pub(crate) browser: Text,
    pub(crate) since: Text,
    pub(crate) until: Text,
    pub(crate) used: Text,
}

/// A factor.
pub(crate) struct FactorLine {
    pub(crate) id: String,
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Text,
    /// Where it is and where it was added, for a key.
    pub(crate) about: Option<Text>,
    pub(crate) added: Text,
    pub(crate) used: Text,
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

/// Console: sessions.
#[derive(Template)]
#[template(path = "console/sessions.html")]
pub(crate) struct ConsoleSessions {
    pub(crate) frame: Frame,
    pub(crate) query: String,
    /// What the list is narrowed to besides.
    pub(crate) also: String,
    /// The user whose name was typed.
    pub(crate) found: Option<(String, String, String)>,
    /// Where all that passes the filter is ended.
    pub(crate) end_found: Option<String>,
    pub(crate) may_end: bool,
    pub(crate) sessions: Vec<SessionCard>,
    /// Name, link, how many on the page, and whether the list is narrowed to it.
    pub(crate) facets: Vec<(Text, String, usize, bool)>,
    pub(crate) newer: Option<String>,
    pub(crate) older: Option<String>,
    pub(crate) error: Option<Text>,
    pub(crate) ledger: bool,
}

/// A delivery in a list.
pub(crate) struct DeliveryLine {
    pub(crate) sid: String,
    pub(crate) app: String,
    pub(crate) session: String,
    pub(crate) state: &'static str,
    pub(crate) words: &'static str,
    pub(crate) attempts: i64,
    pub(crate) created: Text,
    pub(crate) last: Text,
    pub(crate) jti: String,
    pub(crate) resend: bool,
}

/// Console: one session.
#[derive(Template)]
#[template(path = "console/session.html")]
pub(crate) struct ConsoleSession {
    pub(crate) frame: Frame,
    pub(crate) user_link: String,
    pub(crate) session: SessionCard,
    pub(crate) facts: Vec<(&'static str, Text)>,
    pub(crate) may_end: bool,
    pub(crate) deliveries: Vec<DeliveryLine>,
    /// When, and what.
    pub(crate) timeline: Vec<(Text, Text)>,
}

/// Console: deliveries.
#[derive(Template)]
#[template(path = "console/deliveries.html")]
pub(crate) struct ConsoleDeliveries {
    pub(crate) frame: Frame,
    pub(crate) deliveries: Vec<DeliveryLine>,
    /// Of each: word, name, whether it is asked for.
    pub(crate) states: Vec<(&'static str, &'static str, bool)>,
    pub(crate) apps: Vec<(String, String, bool)>,
    /// Applications that are left alone for now, and until when.
    pub(crate) unwell: Vec<(String, Text)>,
    pub(crate) older: Option<String>,
    pub(crate) narrowed: bool,
}

/// An event handler.
pub(crate) struct HandlerLine {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) events: Vec<&'static str>,
    pub(crate) pending: i64,
    pub(crate) parked: i64,
    pub(crate) lag: Text,
}

/// Console: event handlers.
#[derive(Template)]
#[template(path = "console/handlers.html")]
pub(crate) struct ConsoleHandlers {
    pub(crate) frame: Frame,
    pub(crate) handlers: Vec<HandlerLine>,
}

/// What a handler did or is to do about an event.
pub(crate) struct TaskLine {
    pub(crate) event: String,
    pub(crate) subject: String,
    pub(crate) number: i64,
    pub(crate) state: &'static str,
    pub(crate) attempts: i64,
    pub(crate) happened: Text,
    pub(crate) outcome: Text,
    pub(crate) may_redo: bool,
    pub(crate) may_skip: bool,
}

/// Console: one event handler.
#[derive(Template)]
#[template(path = "console/handler.html")]
pub(crate) struct ConsoleHandler {
    pub(crate) frame: Frame,
    pub(crate) id: String,
    pub(crate) parked: bool,
    pub(crate) tasks: Vec<TaskLine>,
    pub(crate) may_manage: bool,
}

/// A large piece of work.
pub(crate) struct JobLine {
    pub(crate) id: String,
    pub(crate) what: &'static str,
    pub(crate) state: &'static str,
    pub(crate) done: i64,
    pub(crate) total: i64,
    pub(crate) sessions: Text,
    pub(crate) by: Text,
    pub(crate) begun: Text,
    pub(crate) error: Text,
    pub(crate) pending: bool,
}

/// Console: large ends.
#[derive(Template)]
#[template(path = "console/jobs.html")]
pub(crate) struct ConsoleJobs {
    pub(crate) frame: Frame,
    pub(crate) jobs: Vec<JobLine>,
    pub(crate) may_end: bool,
}

/// A user in a list.
pub(crate) struct UserLine {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) state: &'static str,
}

/// Console: users.
#[derive(Template)]
#[template(path = "console/users.html")]
pub(crate) struct ConsoleUsers {
    pub(crate) frame: Frame,
    pub(crate) query: String,
    pub(crate) users: Vec<UserLine>,
    /// Behind which name the next page begins.
    pub(crate) next: Option<String>,
    pub(crate) error: Option<Text>,
}

/// A role in a list.
pub(crate) struct RoleLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) permissions: String,
    pub(crate) removing: bool,
    pub(crate) members: i64,
}

/// Console: one user.
#[derive(Template)]
#[template(path = "console/user.html")]
pub(crate) struct ConsoleUser {
    pub(crate) frame: Frame,
    pub(crate) user: UserLine,
    pub(crate) has_factors: bool,
    /// Whether there is a password.
    pub(crate) has_password: bool,
    /// Whether the person can be invited.
    pub(crate) may_invite: bool,
    pub(crate) factors: Vec<FactorLine>,
    pub(crate) may_change: bool,
    pub(crate) may_end: bool,
    /// Whether the person may set policies.
    pub(crate) may_set_policy: bool,
    /// Groups that the user is in: id and name.
    pub(crate) groups: Vec<(String, String)>,
    pub(crate) facts: Vec<(&'static str, Text)>,
    pub(crate) roles: Vec<RoleLine>,
    pub(crate) others: Vec<RoleLine>,
    pub(crate) sessions: Vec<SessionCard>,
}

/// Console: roles.
#[derive(Template)]
#[template(path = "console/roles.html")]
pub(crate) struct ConsoleRoles {
    pub(crate) frame: Frame,
    pub(crate) roles: Vec<RoleLine>,
    pub(crate) jobs: Vec<(i64, i64)>,
    /// Behind which name the next page begins.
    pub(crate) next: Option<String>,
    pub(crate) error: Option<Text>,
}

/// An application in a list.
pub(crate) struct ApplicationLine {
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) binding: &'static str,
    pub(crate) told_at: String,
    pub(crate) owner: &'static str,
    pub(crate) id: String,
    pub(crate) enabled: bool,
}

/// Console: applications.
#[derive(Template)]
#[template(path = "console/applications.html")]
pub(crate) struct ConsoleApplications {
    pub(crate) frame: Frame,
    pub(crate) applications: Vec<ApplicationLine>,
    pub(crate) may_add: bool,
}

/// Console: mail that was written into a folder.
#[derive(Template)]
#[template(path = "console/mail.html")]
pub(crate) struct ConsoleMail {
    pub(crate) frame: Frame,
    pub(crate) mails: Vec<Letter>,
}

/// A mail as its reader sees it.
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) to: String,
    pub(crate) written: Text,
    pub(crate) body: Vec<Piece>,
}

/// A part of a mail's text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// It is an address to follow.
    pub(crate) link: bool,
}
