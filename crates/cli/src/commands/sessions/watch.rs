//! `sojourn sessions watch`: prints sign-ins and ends of sessions as they occur.

use crate::commands::is_json;
use clap::Args;
use sojourn_engine::session::{Browser, Feed, Happening, SessionFilter, Vocabulary};
use sojourn_model::SessionState;

use super::Work;
use crate::commands::{Colour, cut, has_colours, terminal_width};
use crate::{Done, say};

/// What to watch.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Show only sessions that match a filter
    #[arg(long)]
    filter: Option<String>,
    /// Stop after this number of events
    #[arg(long)]
    count: Option<usize>,
}

/// An event to print on one line.
struct Happened<'a> {
    at: jiff::Timestamp,
    what: &'a str,
    user: &'a str,
    ip: &'a str,
    browser: &'a str,
    why: &'a str,
}

impl Happened<'_> {
    /// Returns the line; for a terminal it is cut to the terminal's width.
    fn line(&self, width: Option<usize>, colours: bool) -> String {
        let paint = |colour: Colour, text: String| if colours { colour.on(&text) } else { text };
        let Self { at, what, user, ip, browser, why } = self;
        let Some(width) = width else {
            return format!("{at}  {what}  {user:16}  {ip:15}  {browser:22}  {why}")
                .trim_end()
                .to_owned();
        };
        // The rest of the line, after the time, the word and the spaces between them.
        let time = at.strftime("%H:%M:%S").to_string();
        let rest = cut(
            &format!("{}  {ip:15}  {}  {why}", cut(user, 16), cut(browser, 22)),
            width.saturating_sub(time.len() + what.len() + 4),
        );
        let word = if *what == "began" { Colour::Green } else { Colour::Red };
        let rest = rest.trim_end();
        format!("{}  {}  {rest}", paint(Colour::Faint, time), paint(word, (*what).to_owned()))
    }
}

/// Returns a description such as `Chrome on Linux`, or as much of it as is known.
fn browser(user_agent: &str) -> String {
    let Browser { name, system, .. } = Browser::of(user_agent);
    match (name.is_empty(), system.is_empty()) {
        (false, false) => format!("{name} on {system}"),
        _ => name,
    }
}

/// Maximum time before the next look at the feed, in milliseconds.
const LOOK_EVERY_MS: u64 = 300;

pub(super) async fn watch(work: &Work<'_>, args: WatchArgs) -> Done {
    let Work { engine, tenant, rights } = work;
    let filter = SessionFilter::parse(args.filter.as_deref(), Vocabulary::Full)?;
    let mut feed = Feed::since(engine.now(), None, filter, rights.clone());
    let mut told = 0;
    let (width, colours) = (terminal_width(), has_colours());
    if colours && !is_json() {
        say(&Colour::Faint.on("Sign-ins and ended sessions as they happen; press Ctrl+C to stop."));
    }
    loop {
        for item in engine.look(tenant, &mut feed).await? {
            let live = item.what == Happening::Began;
            let what = if live { "began" } else { "ended" };
            if is_json() {
                let session = sojourn_server::session_json(&item.user, &item.view, live);
                say(&serde_json::json!({ "event": what, "session": session }).to_string());
            } else {
                let why = match &item.view.session.state {
                    SessionState::Ended { reason, .. } if !live => reason.in_words(),
                    _ => String::new(),
                };
                let session = &item.view.session;
                let happened = Happened {
                    at: jiff::Timestamp::from_millisecond(item.at.0).unwrap_or_default(),
                    what,
                    user: &item.user.username,
                    ip: &session.ip,
                    browser: &browser(&session.user_agent),
                    why: &why,
                };
                say(&happened.line(width, colours));
            }
            told += 1;
            if args.count.is_some_and(|count| told >= count) || !crate::is_read() {
                return Ok(());
            }
        }
        let pause = std::time::Duration::from_millis(LOOK_EVERY_MS);
        tokio::select! {
            _ = tokio::time::timeout(pause, engine.changed()) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_its_terminal_and_is_whole_elsewhere() {
        let happened = Happened {
            at: jiff::Timestamp::from_second(1_700_000_000).expect("a time"),
            what: "ended",
            user: "alex",
            ip: "192.0.2.1",
            browser: "Chrome on Linux",
            why: "the account was locked",
        };
        let whole = "2023-11-14T22:13:20Z  ended  alex              192.0.2.1        \
                     Chrome on Linux         the account was locked";
        assert_eq!(happened.line(None, false), whole);
        let line = happened.line(Some(60), false);
        assert_eq!(line, "22:13:20  ended  alex              192.0.2.1        Chrome …");
        let painted = happened.line(Some(60), true);
        assert!(painted.starts_with("\u{1b}[2m22:13:20\u{1b}[0m  \u{1b}[31mended\u{1b}[0m  alex"));
    }
}
