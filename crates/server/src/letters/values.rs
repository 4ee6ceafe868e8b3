//! The values of names in a template.

use sojourn_engine::{Addressee, Letter, News};

use super::organisation;
use crate::language::Language;
use crate::web::words;

/// All kinds of letters: the kind in a template's file name, and the names that its text must contain.
pub(super) const KINDS: [(&str, &[&str]); 18] = [
    ("new_browser", &["link"]),
    ("new_password", &["link"]),
    ("invitation", &["link"]),
    ("address", &["code", "link"]),
    ("sign_up", &["code", "link"]),
    ("has_account", &["link"]),
    ("address_changed", &["link"]),
    ("address_added", &["link"]),
    ("address_removed", &["link"]),
    ("leaving", &["link"]),
    ("deleted", &[]),
    ("factor_added", &[]),
    ("factor_removed", &[]),
    ("factors_reset", &[]),
    ("wait_ended", &[]),
    ("secured", &[]),
    ("codes_renewed", &[]),
    ("code_used", &[]),
];

/// The names that a template can contain.
pub(super) const NAMES: [&str; 12] = [
    "account",
    "address",
    "browser",
    "code",
    "factor",
    "ip",
    "left",
    "link",
    "name",
    "organisation",
    "time",
    "to",
];

/// Returns the kind of a letter in a template's file name.
pub(super) fn kind(letter: &Letter<'_>) -> &'static str {
    match letter {
        Letter::NewBrowser { .. } => "new_browser",
        Letter::NewPassword { .. } => "new_password",
        Letter::Invitation { .. } => "invitation",
        Letter::Address { .. } => "address",
        Letter::SignUp { .. } => "sign_up",
        Letter::HasAccount { .. } => "has_account",
        Letter::AddressChanged { .. } => "address_changed",
        Letter::Leaving { .. } => "leaving",
        Letter::Deleted => "deleted",
        Letter::News { news, .. } => match news {
            News::FactorAdded { .. } => "factor_added",
            News::FactorRemoved { .. } => "factor_removed",
            News::AddressAdded { .. } => "address_added",
            News::AddressRemoved { .. } => "address_removed",
            News::FactorsReset { .. } => "factors_reset",
            News::WaitEnded => "wait_ended",
            News::Secured => "secured",
            News::CodesRenewed => "codes_renewed",
            News::CodeUsed { .. } => "code_used",
        },
    }
}

/// Returns the name that addresses the recipient. A display name, which users choose themselves, is only sent to the
/// user's own address.
pub(super) fn name<'a>(to: &Addressee<'a>, letter: &Letter<'_>) -> &'a str {
    match letter {
        Letter::Address { .. } | Letter::SignUp { .. } | Letter::HasAccount { .. } => {
            &to.user.username
        }
        _ => to.user.shown_name(),
    }
}

/// Returns the link in a letter, if it has one.
pub(super) const fn link<'a>(letter: &Letter<'a>) -> Option<&'a str> {
    match letter {
        Letter::NewBrowser { link, .. }
        | Letter::NewPassword { link }
        | Letter::Invitation { link }
        | Letter::Address { link, .. }
        | Letter::SignUp { link, .. }
        | Letter::HasAccount { link }
        | Letter::Leaving { link, .. } => Some(link),
        Letter::Deleted => None,
        Letter::AddressChanged { link, .. } | Letter::News { link, .. } => *link,
    }
}

/// Returns the value of a name in a letter; empty if the letter has no such value.
pub(super) fn value(
    of: &str,
    to: &Addressee<'_>,
    letter: &Letter<'_>,
    language: &Language,
) -> String {
    match (of, letter) {
        ("account", _) => to.user.username.clone(),
        ("address", _) => to.address.to_owned(),
        ("name", _) => name(to, letter).to_owned(),
        ("organisation", _) => organisation(to),
        ("link", _) => link(letter).unwrap_or_default().to_owned(),
        ("code", Letter::Address { code, .. } | Letter::SignUp { code, .. }) => (*code).to_owned(),
        ("to", Letter::AddressChanged { to, .. }) => (*to).to_owned(),
        ("browser", Letter::NewBrowser { session, .. }) => {
            words::browser(&session.user_agent).in_language(language)
        }
        ("time", Letter::NewBrowser { session, .. }) => {
            words::moment(session.auth_time).in_language(language)
        }
        ("time", Letter::Leaving { due, .. }) => {
            due.map(|due| words::moment(due).in_language(language)).unwrap_or_default()
        }
        (
            "to",
            Letter::News {
                news: News::AddressAdded { address } | News::AddressRemoved { address },
                ..
            },
        ) => (*address).to_owned(),
        ("ip", Letter::NewBrowser { session, .. }) => session.ip.clone(),
        ("ip", Letter::News { news: News::CodeUsed { ip, .. }, .. }) => (*ip).to_owned(),
        ("left", Letter::News { news: News::CodeUsed { left, .. }, .. }) => left.to_string(),
        (
            "factor",
            Letter::News {
                news: News::FactorAdded { name } | News::FactorRemoved { name }, ..
            },
        ) => (*name).to_owned(),
        _ => String::new(),
    }
}
