//! Times, browsers and states in words.

use sojourn_engine::directory::PasswordRefused;
use sojourn_engine::session::Browser;
use sojourn_model::{DeliveryState, Millis};

/// `22 Nov 2026, 16:31:05 UTC`.
pub(crate) fn moment(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}

/// `3 minutes ago`.
pub(crate) fn ago(at: Millis, now: Millis) -> String {
    let seconds = now.since(at).max(0) / 1000;
    let (count, unit) = match seconds {
        0..5 => return "just now".into(),
        5..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// `Chrome on Linux`, or the raw text where it isn't known.
pub(crate) fn browser(user_agent: &str) -> String {
    let Browser { name, system, .. } = Browser::of(user_agent);
    match (name.is_empty(), system.is_empty()) {
        (false, false) => format!("{name} on {system}"),
        (false, true) => name,
        _ if user_agent.is_empty() => "Unknown browser".into(),
        _ => user_agent.chars().take(60).collect(),
    }
}

/// `1 application`, `2 applications`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What an application asks for, in plain words; nothing for what needs none.
pub(crate) fn permission(one: &str) -> Option<String> {
    let words = match one {
        "openid" => "Who you are at this application",
        "profile" => "Your name and profile",
        "email" => "Your mail address",
        "address" => "Your postal address",
        "phone" => "Your phone number",
        "offline_access" | "" => return None,
        other => {
            return Some(match other.strip_prefix("claim:") {
                Some(claim) => format!("Your {}", claim.replace('_', " ")),
                None => format!("Access to {other}"),
            });
        }
    };
    Some(words.to_owned())
}

/// What a delivery's state means.
pub(crate) fn delivery(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "waiting",
        DeliveryState::Delivered => "signed out",
        DeliveryState::Refused => "refused",
        DeliveryState::Dead => "given up",
        DeliveryState::Unreachable => "no address",
    }
}

/// Why a new password isn't taken, and what to do.
pub(crate) fn refused_password(refused: &PasswordRefused) -> String {
    match refused {
        PasswordRefused::TooShort(least) => {
            format!("The new password is too short: take {least} characters or more.")
        }
        PasswordRefused::Guessable => {
            "The new password is one of those that are guessed first. Take several words, or a longer one.".into()
        }
        PasswordRefused::Used => "You have had this password before. Choose another.".into(),
        other => format!("{other}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        assert_eq!(moment(Millis(1_574_535_591_876)), "23 Nov 2019, 18:59:51 UTC");
        for (ms, want) in [
            (0, "just now"),
            (59_000, "59 seconds ago"),
            (60_000, "1 minute ago"),
            (7_200_000, "2 hours ago"),
            (86_400_000, "1 day ago"),
        ] {
            assert_eq!(ago(Millis(0), Millis(ms)), want);
        }
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/150.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser(""), "Unknown browser");
    }
}
