//! Names, passwords and addresses in their stored form: normalised, because Unicode can encode the same text in
//! several ways (NFC), and without invisible characters (based on RFC 8265 and RFC 8266).

use std::borrow::Cow;

use sojourn_model::directory::text_key;
use sojourn_model::limits::USERNAME_BYTES_MAX;
use sojourn_model::{Tenant, User};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::error::EngineError;

/// Normalises a text to NFC.
fn nfc(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// Invisible characters, and characters that change the display order of others: names that differ only in them look
/// the same.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Normalises a text that users see to its stored form.
///
/// # Errors
/// [`EngineError::Invalid`] if it contains invisible characters.
pub(crate) fn visible(what: &str, text: &str) -> Result<String, EngineError> {
    let text = nfc(text.trim());
    match text.chars().find(|c| is_hidden(*c)) {
        Some(hidden) => Err(EngineError::Invalid(format!(
            "{what} contains an invisible character (U+{:04X}): remove it",
            u32::from(hidden)
        ))),
        None => Ok(text.into_owned()),
    }
}

/// Validates a login name and returns its stored form, which keeps upper and lower case.
///
/// # Errors
/// [`EngineError::Invalid`] if it is empty, too long or contains invisible characters.
pub(crate) fn checked_name(username: &str) -> Result<String, EngineError> {
    let name = visible("a login name", username)?;
    if name.is_empty() || name.len() > USERNAME_BYTES_MAX {
        return Err(EngineError::Invalid(format!(
            "a login name must have 1 to {USERNAME_BYTES_MAX} bytes"
        )));
    }
    Ok(name)
}

/// Normalises a login name for a lookup.
pub(crate) fn looked_for(username: &str) -> Cow<'_, str> {
    nfc(username.trim())
}

/// Normalises the visible names of an account to their stored form.
///
/// # Errors
/// [`EngineError::Invalid`] if one of them contains invisible characters.
pub(crate) fn check_shown(user: &mut User) -> Result<(), EngineError> {
    for (what, text) in [
        ("the shown name", &mut user.display_name),
        ("the given name", &mut user.given_name),
        ("the family name", &mut user.family_name),
        ("the mail address", &mut user.email),
    ] {
        if let Some(given) = text {
            *given = visible(what, given)?;
        }
    }
    Ok(())
}

/// Normalises a password for hashing (RFC 8265 §4.2, OpaqueString): the same keys on another keyboard produce the
/// same text.
pub(crate) fn opaque(password: &str) -> Cow<'_, str> {
    let spaced = |c: char| c.is_whitespace() && !c.is_ascii();
    if password.chars().any(spaced) {
        let plain: String = password.chars().map(|c| if spaced(c) { ' ' } else { c }).collect();
        return Cow::Owned(nfc(&plain).into_owned());
    }
    nfc(password)
}

/// Removes the tenant's name from the end of a login name.
pub(crate) fn plain_name<'a>(tenant: &Tenant, username: &'a str) -> &'a str {
    let username = username.trim();
    // Compared like names, independently of case and width.
    let at = username.char_indices().rfind(|(_, c)| matches!(c, '@' | '\u{ff20}'));
    at.and_then(|(at, c)| {
        let (plain, rest) = (username.get(..at)?, username.get(at + c.len_utf8()..)?);
        (text_key(rest) == text_key(&tenant.name)).then_some(plain)
    })
    .unwrap_or(username)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_the_same_text_and_nothing_is_hidden_in_it() {
        assert_eq!(checked_name(" zoe\u{308} "), Ok("zo\u{eb}".into()));
        assert_eq!(checked_name("anna maria/sales"), Ok("anna maria/sales".into()));
        assert_eq!(looked_for("zoe\u{308}"), "zo\u{eb}");
        for hidden in ["al\u{200b}ex", "\u{202e}xela", "al\u{feff}ex", "al\nex", "a\u{2066}b", ""] {
            assert!(checked_name(hidden).is_err(), "{hidden:?}");
        }
        assert_eq!(opaque("caf\u{65}\u{301}\u{a0}noir"), "caf\u{e9} noir");
        assert_eq!(opaque("plain text"), "plain text");
    }

    #[test]
    fn names_with_and_without_the_tenant() {
        let tenant = Tenant::default_one();
        for (given, want) in [
            ("alex", "alex"),
            (" alex ", "alex"),
            ("alex@carbon.super", "alex"),
            ("alex@example.com", "alex@example.com"),
            ("alex@example.com@carbon.super", "alex@example.com"),
            ("carbon.super", "carbon.super"),
        ] {
            assert_eq!(plain_name(&tenant, given), want);
        }
    }
}
