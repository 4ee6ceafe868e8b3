//! Commands that inspect or change an installation, from the machine that it runs on. They work on the same database
//! as a running server; the sessions that they end are ended immediately.

mod applications;
mod configuration;
mod doctor;
mod groups;
mod keys;
mod master_key;
mod roles;
mod sessions;
mod sign_up;
mod tenants;
mod users;

pub(crate) use applications::{ApplicationCommand, application};
pub(crate) use configuration::{ConfigCommand, config};
pub(crate) use doctor::doctor;
pub(crate) use groups::{GroupCommand, group};
pub(crate) use keys::{KeyCommand, key};
pub(crate) use master_key::{MasterKeyCommand, master_key};
pub(crate) use roles::{RoleCommand, role};
pub(crate) use sessions::{SessionCommand, session};
pub(crate) use sign_up::{SignUpCommand, sign_up};
pub(crate) use tenants::{TenantCommand, tenant};
pub(crate) use users::{UserCommand, user};

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use sojourn_model::Millis;

use crate::Failure;
use crate::open::{self, Opened};

/// Opens the installation that a configuration describes.
async fn opened(config_file: &Path) -> Result<Opened, Failure> {
    let config = crate::config::read(config_file)?.config;
    let _ = crate::log::start_log(&config)?;
    let opened = open::open(config_file, &config).await?;
    let Some(name) = named_tenant() else { return Ok(opened) };
    let tenant = opened.engine.installation().tenant_by_name(name).await?;
    let tenant = tenant.ok_or_else(|| Failure(format!("there is no tenant '{name}'")))?;
    Ok(Opened { tenant, ..opened })
}

/// Formats a time as RFC 3339, which programs and people can read.
fn moment(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

/// Whether lists are printed as JSON; set once, from the command line.
static JSON: AtomicBool = AtomicBool::new(false);

/// Switches the output of lists to JSON.
pub(crate) fn print_json() {
    JSON.store(true, Ordering::Relaxed);
}

/// Whether the command line asks for JSON.
pub(crate) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// The tenant that a command works on; set once, from the command line.
static TENANT: OnceLock<String> = OnceLock::new();

/// Sets the tenant that the command works on.
pub(crate) fn work_in(tenant: String) {
    // The command line is parsed once, so the tenant isn't set yet.
    let _ = TENANT.set(tenant);
}

/// Returns the name of the tenant from the command line, if it names one.
fn named_tenant() -> Option<&'static str> {
    TENANT.get().map(String::as_str)
}

/// Returns the number of columns of the terminal; `None` if the output goes to a file or another program.
fn terminal_width() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= 20)
}

/// Shortens the widest columns until a line fits into `room` columns.
fn fit(widths: &mut [usize], room: usize) {
    const LEAST: usize = 8;
    loop {
        let line = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > LEAST) else {
            return;
        };
        if line <= room {
            return;
        }
        *widest -= (line - room).min(*widest - LEAST).max(1);
    }
}

fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return format!("{cell:width$}");
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Prints rows in columns with a heading. Cells are cut to the width of a terminal, and complete in other output or
/// JSON.
fn table(names: &[&str], rows: &[Vec<String>]) {
    if JSON.load(Ordering::Relaxed) {
        let key = |name: &&str| name.to_lowercase().replace([' ', '-'], "_");
        let object = |row: &Vec<String>| {
            let pairs = names.iter().map(key).zip(row.iter().map(|cell| cell.clone().into()));
            serde_json::Value::Object(pairs.collect())
        };
        let all: Vec<serde_json::Value> = rows.iter().map(object).collect();
        crate::say(&serde_json::to_string_pretty(&all).unwrap_or_default());
        return;
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(names.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..names.len()).map(width).collect();
    let terminal = terminal_width();
    if let Some(room) = terminal {
        fit(&mut widths, room);
    }
    let colours = terminal.is_some() && has_colours();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| {
                let shown = cut(cell, *width);
                colour_of(cell).filter(|_| colours).map_or(shown.clone(), |one| one.on(&shown))
            })
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let head = line(names.to_vec());
    crate::say(&if colours { Colour::Bold.on(&head) } else { head });
    for row in rows {
        crate::say(&line(row.iter().map(String::as_str).collect()));
    }
}

/// How a terminal displays text (ECMA-48 §8.3.117).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Bold,
    Faint,
    Red,
    Green,
    Yellow,
}

impl Colour {
    /// Returns the text with escape sequences for this colour.
    pub(crate) fn on(self, text: &str) -> String {
        let code = match self {
            Self::Bold => 1,
            Self::Faint => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Returns the colour of a cell that names a state.
fn colour_of(cell: &str) -> Option<Colour> {
    match cell {
        "active" | "done" | "delivered" | "began" => Some(Colour::Green),
        "pending" | "waiting" | "removing" => Some(Colour::Yellow),
        "ended" | "dead" | "refused" | "failed" | "parked" | "locked" | "disabled" => {
            Some(Colour::Red)
        }
        "cancelled" | "skipped" | "unreachable" => Some(Colour::Faint),
        _ => None,
    }
}

/// Whether to print colours: only on a terminal, and unless the environment disables them (no-color.org).
#[expect(clippy::disallowed_methods, reason = "cli is the one that reads the environment")]
pub(crate) fn has_colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_columns_are_shortened_and_narrow_ones_stay() {
        let mut widths = [5, 40, 60];
        fit(&mut widths, 60);
        assert_eq!(widths.iter().sum::<usize>() + 4, 60);
        assert_eq!(widths[0], 5);
        assert_eq!(cut("ein langer Text", 6), "ein l…");
        assert_eq!(cut("kurz", 6), "kurz  ");
        let mut many = [50; 20];
        fit(&mut many, 40);
        assert!(many.iter().all(|width| *width == 8), "no shorter than can be read");
    }
}
