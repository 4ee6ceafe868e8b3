//! Display texts for times, browsers, states and errors.

use sojourn_engine::directory::PasswordRefused;
use sojourn_engine::session::Browser;
use sojourn_model::{DeliveryState, EndReason, Millis};

use crate::language::{Text, plain, say};

/// A point in time, such as `22 Nov 2026, 16:31:05 UTC`.
pub(crate) const fn moment(at: Millis) -> Text {
    Text::Moment(at)
}

/// The beginning of a day in UTC, given as `2026-01-31`; `None` if the text isn't a date.
pub(crate) fn midnight(day: &str) -> Option<Millis> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Millis(at.timestamp().as_millisecond()))
}

/// A relative time, such as `3 minutes ago`.
pub(crate) fn ago(at: Millis, now: Millis) -> Text {
    Text::Ago(now.since(at))
}

/// What an account that is being recovered is refused for.
pub(crate) fn waiting(until: Millis) -> Text {
    say(
        "This account is being recovered. You can sign in this way from {0}. A passkey, security key or authenticator app that the account still has opens it now.",
        [moment(until)],
    )
}

/// A browser, such as `Chrome on Linux`, or the first 60 characters of the user agent if it is unknown.
pub(crate) fn browser(user_agent: &str) -> Text {
    let Browser { name, system, .. } = Browser::of(user_agent);
    match (name.is_empty(), system.is_empty()) {
        (false, false) => say("{0} on {1}", [plain(name), plain(system)]),
        (false, true) => plain(name),
        _ if user_agent.is_empty() => "Unknown browser".into(),
        _ => plain(user_agent.chars().take(60).collect::<String>()),
    }
}

/// A number with its noun, such as `1 session` or `2 sessions`.
pub(crate) fn count(number: u64, of: Noun) -> Text {
    let (one, many) = match of {
        Noun::Application => ("{0} application", "{0} applications"),
        Noun::Session => ("{0} session", "{0} sessions"),
        Noun::ActiveSession => ("{0} active session", "{0} active sessions"),
        Noun::Notice => ("{0} notice", "{0} notices"),
        Noun::Grant => ("{0} grant", "{0} grants"),
        Noun::Member => ("{0} member", "{0} members"),
        Noun::User => ("{0} user", "{0} users"),
        Noun::Person => ("{0} person", "{0} people"),
    };
    Text::Counted(one, many, number)
}

/// The noun of a [`count`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Noun {
    Application,
    Session,
    ActiveSession,
    Notice,
    Grant,
    Member,
    User,
    Person,
}

/// Describes what an application requests, in plain words: who the user is comes first, what is specific to the
/// application last.
pub(crate) fn permissions<'a>(all: impl Iterator<Item = &'a str>) -> Vec<Text> {
    const ORDER: [&str; 7] = ["openid", "profile", "email", "phone", "address", "roles", "groups"];
    let mut all: Vec<&str> = all.collect();
    all.sort_by_key(|one| ORDER.iter().position(|known| known == one).unwrap_or(ORDER.len()));
    all.into_iter().filter_map(permission).collect()
}

/// Describes one scope; `None` for a scope that needs no description.
fn permission(one: &str) -> Option<Text> {
    Some(match one {
        "openid" => "Who you are at this application".into(),
        "profile" => "Your name and profile".into(),
        "email" => "Your mail address".into(),
        "address" => "Your postal address".into(),
        "phone" => "Your phone number".into(),
        "roles" => "The roles that you have".into(),
        "groups" => "The groups that you belong to".into(),
        "offline_access" | "" => return None,
        other => match other.strip_prefix("claim:") {
            Some(claim) => say("Your {0}", [plain(claim.replace('_', " "))]),
            None => say("Access to {0}", [plain(other)]),
        },
    })
}

/// Describes the state of a delivery to an administrator.
pub(crate) const fn delivery(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "waiting",
        DeliveryState::Delivered => "signed out",
        DeliveryState::Refused => "refused",
        DeliveryState::Dead => "given up",
        DeliveryState::Unreachable => "no address",
    }
}

/// Describes the state of a delivery to the user who signed out.
pub(crate) const fn told(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "signing out …",
        DeliveryState::Delivered => "signed out",
        DeliveryState::Refused => "could not sign you out",
        DeliveryState::Dead => "could not be reached",
        DeliveryState::Unreachable => "doesn't accept sign-outs",
    }
}

/// Describes why a session ended.
pub(crate) fn reason(reason: &EndReason) -> Text {
    Text::Message(reason.in_words())
}

/// Converts the message of an error to a text.
pub(crate) fn message(message: impl ToString) -> Text {
    Text::Message(message.to_string())
}

/// Converts the message of an error to a sentence, with a full stop at the end.
pub(crate) fn sentence(message: impl ToString) -> Text {
    Text::Joined(vec![Text::Message(message.to_string()), plain(".")], "")
}

/// Explains why a new password is rejected, and what to do.
pub(crate) fn refused_password(refused: &PasswordRefused) -> Text {
    match refused {
        PasswordRefused::TooShort(least) => say(
            "The new password is too short: use at least {0} characters.",
            [plain(least.to_string())],
        ),
        PasswordRefused::TooLong => {
            "The new password is too long: use at most 1024 bytes, about a page of text.".into()
        }
        PasswordRefused::Guessable => {
            "This password is too easy to guess. Use several words or a longer password.".into()
        }
        PasswordRefused::Used => "You have used this password before. Choose another one.".into(),
        other => Text::Message(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn browsers_in_words() {
        let say_it = |text: Text| text.in_language(&Language::english());
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/150.0.0.0 Safari/537.36";
        assert_eq!(say_it(browser(chrome)), "Chrome on Linux");
        assert_eq!(say_it(browser("")), "Unknown browser");
    }
}
